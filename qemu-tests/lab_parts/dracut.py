"""Initramfses that dracut makes, in a chroot of the Debian release that has it, from our package."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from .common import CACHE, Failure, HERE, MANGROVE, ROOT, make, run, say
from .images import image, initramfs, kernel
from .packages import pack
from .signer import allowed_signers

# The releases that have it; the words that a case's `initramfs` begins with.
DRACUTS = ("dracut-059", "dracut-106", "stock-059")
RECIPE = HERE / "lab_parts/dracut-chroot"


def initramfs_of(case):
    """The initramfs of a case's nodes."""
    which, *arguments = case.initramfs()
    if which == "ours":
        return initramfs(case.kernel(), *[str(allowed_signers()) if word == "{signers}" else word for word in arguments])
    return dracut_initramfs(which, case.kernel(), *arguments)


def dracut_initramfs(dracut, suite, *arguments):
    """An initramfs for the kernel of a Debian release; `arguments` are dracut's, and `signed` for one with the lab's signer."""
    is_signed, arguments = "signed" in arguments, [word for word in arguments if word != "signed"]
    if dracut not in DRACUTS:
        raise Failure(f"unknown initramfs {dracut}; there are ours, {', '.join(DRACUTS)}")
    directory, version = kernel(suite)
    tree = image(f"{dracut}.ext4").with_suffix("")
    ours = [RECIPE, *([allowed_signers()] if is_signed else [])]
    if any("mangrove" in argument for argument in arguments):
        ours += [MANGROVE, *sorted((ROOT / "dracut-module").rglob("*.*"))]
    made_from = " ".join([tree.name, version, *arguments]).encode() + b"".join(path.read_bytes() for path in ours)
    path = make(CACHE / "initramfs") / f"{version}-{dracut}-{hashlib.sha256(made_from).hexdigest()[:16]}"
    if not path.exists():
        say(f"{dracut} makes an initramfs: {' '.join(arguments)}")
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            work = Path(work)
            if is_signed:
                shutil.copy(allowed_signers(), work / "allowed_signers")
            run("unshare", "--mount", RECIPE, tree, directory / "lib/modules", pack(MANGROVE, make(work / "package")), work,
                "--kver", version, "--compress", "zstd -3 -q -T0", *arguments)
            os.rename(work / "initramfs", path)
    return path
