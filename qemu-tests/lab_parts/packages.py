"""The packages of the programs that are tested."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from .common import CACHE, Failure, MANGROVECTL, make, run


def pack(program, work, generator="DEB"):
    """The package of a program, made below `work`."""
    configuration = program.parent / "CPackConfig.cmake"
    if not configuration.exists():
        raise Failure(f"{configuration} is not there; the package is made in the program's build directory")
    run("cpack", "-G", generator, "--config", configuration, "-B", work)
    return next(work.glob(f"{program.name}[-_]*.{generator.lower()}"))


def head_package():
    """Returns the .deb of the head node, which is the same file as long as its contents are the same, and the packages that
    it depends on."""
    with tempfile.TemporaryDirectory(dir=make(CACHE)) as work:
        package = pack(MANGROVECTL, Path(work))
        run("dpkg-deb", "--raw-extract", package, Path(work) / "tree")
        contents = run("sh", "-ec", "find . -printf '%P %m %y\\n' | sort; find . -type f | sort | xargs sha256sum",
                       cwd=Path(work) / "tree")
        kept = make(CACHE / "packages") / f"mangrovectl-{hashlib.sha256(contents.encode()).hexdigest()[:16]}.deb"
        if not kept.exists():  # two of the same contents differ in their times
            os.rename(package, kept)
    depends = run("dpkg-deb", "--field", kept, "Depends")
    return kept, [re.match(r"[^ ,|]+", words.strip())[0] for words in depends.split(",")]
