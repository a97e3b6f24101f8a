"""What nodes boot and what servers serve, by content in the cache: kernel, initramfs, images."""

import hashlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

from .common import CACHE, Failure, HERE, MANGROVE, ROOT, make, run, say


def kernel():
    """The directory of Debian's kernel, unpacked: boot/vmlinuz-VERSION and lib/modules/VERSION; and VERSION."""
    depends = run("apt-cache", "depends", "linux-image-amd64")
    package = re.search(r"Depends: (linux-image-\S+)", depends)
    if not package:
        raise Failure("linux-image-amd64 is not known to apt; run apt-get update")
    version = package.group(1).removeprefix("linux-image-")
    directory = CACHE / "kernels" / version
    if not directory.exists():
        say(f"fetching Debian's kernel {version}")
        with tempfile.TemporaryDirectory(dir=make(CACHE / "kernels")) as work:
            run("apt-get", "-o", "APT::Sandbox::User=root", "download", package.group(1), cwd=work)
            run("dpkg-deb", "-x", next(Path(work).glob("*.deb")), Path(work) / "tree")
            run("depmod", "-b", Path(work) / "tree", version)
            os.rename(Path(work) / "tree", directory)
    return directory, version


def initramfs():
    if not MANGROVE.exists():
        raise Failure(f"{MANGROVE} is not there; cmake --preset release && cmake --build --preset release")
    directory, version = kernel()
    digest = hashlib.sha256(MANGROVE.read_bytes()).hexdigest()[:16]
    path = make(CACHE / "initramfs") / f"{version}-{digest}"
    if not path.exists():
        run(MANGROVE, "initramfs", "--for", "virtio", "--modules", directory / "lib/modules" / version,
            "--output", path)
    return path


def image(name):
    """A file to be served: debian.FORMAT, or one of those made below. A new one is a function and a table line."""
    stem, _, suffix = name.partition(".")
    if stem == "debian":
        command = [ROOT / "images/build", "--format", suffix, "--add", HERE / "image"]
        return Path(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])
    if name not in MADE_IMAGES:
        raise Failure(f"unknown image {name}; there are debian.FORMAT, {', '.join(MADE_IMAGES)}")
    source = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    path = make(CACHE / "images") / f"{name}-{source}"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            os.rename(MADE_IMAGES[name](Path(work)), path)
    return path


def make_marker(work):
    """One file, /etc/marker, to be seen on top of another layer."""
    make(work / "tree/etc")
    (work / "tree/etc/marker").write_text("from the upper layer\n")
    run("mksquashfs", work / "tree", work / "made", "-noappend", "-quiet", "-no-progress")
    return work / "made"


def make_below(work):
    """The image's tree in /releases, as a root is bound from a larger file system."""
    run("cp", "-al", image("debian.squashfs").with_suffix(""), make(work / "parent") / "releases")
    run("mksquashfs", work / "parent", work / "made", "-noappend", "-quiet", "-no-progress")
    return work / "made"


def make_damaged(work):
    """An ext4 whose superblock is there and the group descriptors behind it are not."""
    run("truncate", "-s", "64M", work / "made")
    run("mke2fs", "-q", "-t", "ext4", work / "made")
    with open(work / "made", "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 1_000_000)
    return work / "made"


MADE_IMAGES = {"marker.squashfs": make_marker, "below.squashfs": make_below, "damaged.ext4": make_damaged}


def digest_of(path):
    return run("sha256sum", path).split()[0]
