"""Kernel, initramfs and images of nodes and servers, by content in the cache."""

import fcntl
import functools
import hashlib
import inspect
import lzma
import os
import random
import re
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

from . import tiny_image
from .authority import AUTHORITY
from .common import CACHE, Failure, HERE, MANGROVE, MANGROVECTL, ROOT, make, run, say
from .packages import head_package


ARCHIVE = "http://deb.debian.org/debian"


def kernel(suite="bookworm"):
    """The directory of a Debian release's kernel, unpacked, with boot/vmlinuz-VERSION and lib/modules/VERSION; and
    VERSION."""
    recipe = hashlib.sha256(inspect.getsource(unpack_kernel).encode()).hexdigest()[:8]
    directory = CACHE / "kernels" / f"{suite}-{recipe}"
    if not directory.exists():
        say(f"fetching the kernel of Debian {suite}")
        with tempfile.TemporaryDirectory(dir=make(CACHE / "kernels")) as work:
            os.rename(unpack_kernel(suite, Path(work)), directory)
    return directory, next((directory / "lib/modules").iterdir()).name


def unpack_kernel(suite, work):
    """With package lists of its own, so that this machine's release does not matter."""
    (work / "sources").write_text(f"deb {ARCHIVE} {suite} main\n")
    options = ["-o", f"Dir::Etc::SourceList={work}/sources", "-o", "Dir::Etc::SourceParts=/dev/null",
               "-o", f"Dir::State::Lists={make(work / 'lists')}", "-o", f"Dir::Cache={make(work / 'cache')}",
               "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=5"]
    run("apt-get", *options, "--quiet", "update")
    depends = run("apt-cache", *options, "depends", "linux-image-amd64")
    package = re.search(r"Depends: (linux-image-\S+)", depends)[1]
    run("apt-get", *options, "download", package, cwd=work)
    run("dpkg-deb", "-x", next(work.glob("*.deb")), work / "tree")
    if not (work / "tree/lib").exists():
        (work / "tree/lib").symlink_to("usr/lib")
    run("depmod", "-b", work / "tree", package.removeprefix("linux-image-"))
    return work / "tree"


def kernel_image(suite):
    """Returns the file that QEMU starts: the kernel itself, by PVH, which saves the seconds that a bzImage takes to unpack itself; where it
    cannot be taken out, the bzImage."""
    directory, version = kernel(suite)
    bzimage = directory / f"boot/vmlinuz-{version}"
    path = directory / f"boot/vmlinux-{version}"
    if not path.exists():
        try:
            content = vmlinux_of(bzimage.read_bytes())
        except (Failure, lzma.LZMAError, zlib.error, struct.error) as error:
            say(f"{bzimage}: booting it as it is: {error}")
            return bzimage
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        os.rename(file.name, path)
    return path


def vmlinux_of(bzimage):
    """The ELF kernel in a bzImage (Documentation/arch/x86/boot.rst: payload_offset, payload_length). Failure when it cannot be
    started by PVH."""
    setup_sectors = bzimage[0x1f1] or 4
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    payload = bzimage[(setup_sectors + 1) * 512 + offset:][:length]
    if payload.startswith(b"\xfd7zXZ"):
        content = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x1f\x8b"):
        content = zlib.decompressobj(31).decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        # Behind the frame stands its size, four bytes.
        content = subprocess.run(["zstd", "-dc"], input=payload[:-4], stdout=subprocess.PIPE, check=False).stdout
    else:
        raise Failure(f"unknown compression {payload[:4].hex()}")
    if not content.startswith(b"\x7fELF"):
        raise Failure("no ELF file in it")
    if struct.pack("<3I", 4, 8, 18) + b"Xen\0" not in content and struct.pack("<3I", 4, 4, 18) + b"Xen\0" not in content:
        raise Failure("the kernel has no entry by PVH")
    return content


def initramfs(suite="bookworm", *words):
    """Ours for the lab's machines; `words` are further ones for `mangrove initramfs`."""
    if not MANGROVE.exists():
        raise Failure(f"{MANGROVE} is not there; cmake --preset release && cmake --build --preset release")
    directory, version = kernel(suite)
    digest = hashlib.sha256(MANGROVE.read_bytes() + AUTHORITY.certificate().read_bytes() + " ".join(words).encode()).hexdigest()[:16]
    path = make(CACHE / "initramfs") / f"{version}-{digest}"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            run(MANGROVE, "initramfs", "--for", "virtio", "--modules", directory / "lib/modules" / version,
                "--ca", AUTHORITY.certificate(), "--output", Path(work) / "initramfs", *words)
            os.rename(Path(work) / "initramfs", path)
    return path


DRACUT = "dracut,dracut-network,isc-dhcp-client,iputils-arping,zstd"
# By the first part of an image's name: the release, packages beside the usual ones, and what is copied into it.
DEBIANS = {"debian": ("bookworm", "", ["image"]), "trixie": ("trixie", "", ["image"]),
           "iscsid": ("bookworm", "open-iscsi", ["image"]),
           "server": ("bookworm", "targetcli-fb,nfs-kernel-server,nvme-cli", ["image"]),
           "dracut-059": ("bookworm", DRACUT, ["image"]), "dracut-106": ("trixie", DRACUT, ["image"]),
           "stock-059": ("bookworm", DRACUT + ",open-iscsi,nfs-common,nbd-client,dracut-live,dmsetup,curl", ["image"]),
           "handover": ("bookworm", "", ["image", "image-handover"]),
           "networkmanager": ("bookworm", "network-manager", ["image", "image-handover"]),
           "ifupdown": ("bookworm", "ifupdown,isc-dhcp-client", ["image", "image-handover", "image-ifupdown"]),
           "slurm": ("bookworm", "slurmd,munge", ["image", "image-slurm"]),
           "head": ("bookworm", "curl,squashfs-tools", ["image", "image-head"])}


def image(name):
    """A file to be served: one of DEBIANS with its FORMAT, or one of those made below."""
    stem, _, suffix = name.partition(".")
    if stem in DEBIANS and name not in MADE_IMAGES:
        return build_debian(*DEBIANS[stem], suffix)
    if name not in MADE_IMAGES:
        raise Failure(f"unknown image {name}; there are {', '.join([f'{key}.FORMAT' for key in DEBIANS] + [*MADE_IMAGES])}")
    recipes = [Path(__file__), PROFILE, Path(tiny_image.__file__), ROOT / "images/build", HERE / "bench/real-init",
               *sorted(path for path in HERE.glob("image*/**/*") if path.is_file() and not path.is_symlink())]
    source = hashlib.sha256(b"".join(recipe.read_bytes() for recipe in recipes)).hexdigest()[:16]
    path = make(CACHE / "images") / f"{name}-{source}"
    if not path.exists():
        with open(f"{path}.lock", "w") as lock, tempfile.TemporaryDirectory(dir=CACHE) as work:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():  # nobody else has made it
                os.rename(MADE_IMAGES[name](Path(work)), path)
    return path


def build_debian(suite, packages, additions, suffix):
    with tempfile.TemporaryDirectory() as added:
        for directory in additions:
            run("cp", "-r", "--preserve=mode,links", f"{HERE / directory}/.", added)
        if "image-head" in additions:
            package, depends = head_package()
            run("cp", package, Path(added) / "mangrovectl.deb")
            packages = ",".join([packages, *depends])
        command = [ROOT / "images/build", "--suite", suite, "--format", suffix, "--add", added]
        command += ["--include", packages] if packages else []
        return Path(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])


def tree(name):
    """The directory that an image was made from, of those that have one."""
    return image("tiny.tree") if name.startswith("tiny.") else image(name).with_suffix("")


def copy_tree(target):
    """The usual image's tree. Not hard links: these change files that another one packs at the same time."""
    run("cp", "-a", "--reflink=auto", tree("debian.squashfs"), target)


def make_marker(work):
    """One file, /etc/marker, to be seen on top of another layer."""
    make(work / "tree/etc")
    (work / "tree/etc/marker").write_text("from the upper layer\n")
    run("mksquashfs", work / "tree", work / "made", "-noappend", "-quiet", "-no-progress")
    return work / "made"


def make_marker_archive(work):
    """The same file as a cpio archive."""
    return make_archive(work, "marker", "from the upper layer\n")


def make_archive(work, name, contents):
    """One file in /etc, as a cpio archive."""
    (make(work / "tree/etc") / name).write_text(contents)
    run("sh", "-c", "cd tree && find . | cpio --quiet --create --format=newc | xz --check=crc32 >../archive", cwd=work)
    return work / "archive"


# Of a machine whose disk was captured.
FSTAB = """\
UUID=0b1c6a9e-0000-4000-8000-000000000001 / xfs defaults 0 0
UUID=0b1c6a9e-0000-4000-8000-000000000002 /boot xfs defaults 0 0
UUID=1C2D-3E4F /boot/efi vfat umask=0077,shortname=winnt 0 2
/dev/mapper/system-swap none swap defaults 0 0
/swapfile none swap sw 0 0
tmpfs /scratch tmpfs size=16M 0 0
"""


def make_tar(work):
    """The image's tree as a tar archive."""
    (work / "tree").symlink_to(tree("debian.squashfs"))
    return pack_tar(work)


def make_tiny(work, pack, place=""):
    """The tree with the lab's init, which may lie in a `place` below the image's root."""
    run("cp", "-a", f"{image('tiny.tree')}/.", make(work / "tree" / place))
    return pack(work)


def make_bench(work):
    """The usual image, with a real init that says when it was started, and without the line for / in its fstab: stock
    dracut leaves that to the image."""
    copy_tree(work / "tree")
    run("install", "-D", HERE / "bench/real-init", work / "tree/usr/local/sbin/real-init")
    (work / "tree/etc/fstab").unlink()
    return pack_squashfs(work)


def make_content(work, megabytes, pack):
    """The usual tree with as much more in it that it holds so many MB; half of each page of that is zeros, so that it
    packs as well as programs do."""
    copy_tree(work / "tree")
    more = megabytes - int(run("du", "-s", "-B1000000", work / "tree").split()[0])
    noise = random.Random(megabytes)
    for number in range(more):
        path = make(work / "tree/usr/share/content") / f"{number}"
        path.write_bytes(b"".join(noise.randbytes(2048) + bytes(2048) for _ in range(1_000_000 // 4096)))
    return pack(work)


def pack_squashfs(work):
    run("mksquashfs", work / "tree", work / "made", "-noappend", "-quiet", "-no-progress", "-comp", "zstd")
    return work / "made"


def pack_ext4(work):
    run("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", work / "tree", work / "made", "64M")
    return work / "made"


def pack_erofs(work):
    run("mkfs.erofs", "-zlz4hc", work / "made", work / "tree")
    return work / "made"


def pack_tar(work):
    run("tar", "--create", "--numeric-owner", "--sort=name", "--xattrs", "--xattrs-include=*", "--zstd", "--file",
        work / "made", "--directory", work / "tree", ".")
    return work / "made"


def make_scratch(work):
    """An empty ext4 with the label "scratch" and a UUID that cases know."""
    run("truncate", "-s", "256M", work / "made")
    run("mke2fs", "-q", "-t", "ext4", "-L", "scratch", "-U", "5c3a7c40-0000-4000-8000-000000000001", work / "made")
    return work / "made"


def make_blank(work):
    """A disk of zeroes."""
    run("truncate", "-s", "160M", work / "made")
    return work / "made"


def make_partitioned(work):
    """A disk with an empty partition, and one with the Debian, whose PARTUUID is 6d616e67-02."""
    system = image("debian.squashfs").read_bytes()
    sectors = -(-len(system) // 512)
    # A master boot record: the disk's number at byte 440, and at 446 the table, of status, type and place of each.
    entries = b"".join(struct.pack("<B3xB3xII", 0, 0x83, start, size) for start, size in ((2048, 2048), (4096, sectors)))
    with open(work / "made", "wb") as file:
        file.write(bytes(440) + struct.pack("<IH", 0x6D616E67, 0) + entries.ljust(64, b"\0") + b"\x55\xaa")
        file.seek(4096 * 512)
        file.write(system.ljust(sectors * 512, b"\0"))
    return work / "made"


def make_layer_that_runs(work, command):
    """A layer with a unit that shows on the console what a command says."""
    units = make(work / "tree/etc/systemd/system/multi-user.target.wants").parent
    # lab-report starts multi-user.target once more.
    (units / "layer.service").write_text("[Service]\nType=oneshot\nRemainAfterExit=yes\nStandardOutput=journal+console\n"
                                         f"StandardError=journal+console\nExecStart=/bin/sh -c '{command}'\n")
    (units / "multi-user.target.wants/layer.service").symlink_to("../layer.service")
    run("mksquashfs", work / "tree", work / "made", "-noappend", "-quiet", "-no-progress", "-all-root")
    return work / "made"


def make_filler(work):
    """A layer that writes to / until it is full, and takes it away again."""
    return make_layer_that_runs(
        work, "dd if=/dev/zero of=/filler bs=1M; df /; touch /one-more; ls -l /etc/os-release; rm /filler")


def make_restarts(work, how):
    """A layer that restarts the node once the lab has its report."""
    return make_layer_that_runs(
        work, 'systemd-run sh -c "until grep -q LAB.done /run/lab-report; do sleep 1; done; '
        f'exec /run/mangrove/mangrove restart --{how}"')


def make_labelled(work):
    """A layer whose root has a label of SELinux, and which shows that of /."""
    os.setxattr(make(work / "tree"), "security.selinux", b"system_u:object_r:root_t:s0\0")
    return make_layer_that_runs(work, "ls -Zd /")


def make_damaged(work):
    """An ext4 whose superblock is there and the group descriptors behind it are not."""
    run("truncate", "-s", "64M", work / "made")
    run("mke2fs", "-q", "-t", "ext4", work / "made")
    with open(work / "made", "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 1_000_000)
    return work / "made"


def make_dirty(work):
    """The Debian as an ext4 that says that its journal must be replayed."""
    run("cp", "--reflink=auto", image("debian.ext4"), work / "made")
    run("debugfs", "-w", "-R", "feature needs_recovery", work / "made")
    return work / "made"


def make_verity(work, name, change=None):
    """An image with a hash tree behind it, as veritysetup makes it; with `change`, one byte of that block is another."""
    data = image(name).read_bytes()
    size = -(-len(data) // 4096) * 4096
    (work / "made").write_bytes(data.ljust(size, b"\0"))
    run("veritysetup", "format", work / "made", work / "made", f"--hash-offset={size}", f"--data-blocks={size // 4096}",
        f"--salt={'5a' * 32}", "--uuid=5c3a7c40-0000-4000-8000-000000000002")
    if change is not None:
        with open(work / "made", "r+b") as file:
            file.seek(change * 4096 + 4095)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
    return work / "made"


def root_hash_of(path):
    """Of an image that has a hash tree: the hash of the salt and the first block behind the superblock."""
    content = path.read_bytes()
    superblock = next(at for at in range(len(content) // 4096 * 4096, 0, -4096) if content.startswith(b"verity\0\0", at))
    salt_size = struct.unpack_from("<H", content, superblock + 80)[0]
    return hashlib.sha256(content[superblock + 88:][:salt_size] + content[superblock + 4096:][:4096]).hexdigest()


PROFILE = HERE / "bench/lazy-profile.json"


def make_laid_out(work, block=None):
    """The usual tree, laid out by the profile of its boot."""
    made = run(MANGROVECTL, f"--store={work}/store", "image", "build", "made", "--from", tree("debian.squashfs"), "--no-boot",
               "--profile", PROFILE, *(["--block-size", block] if block else [])).strip()
    return work / f"store/{made}/{made}.squashfs"


def make_selinux(work):
    """A Debian with its reference policy, enforced, and labelled. The policy refuses what every process of a node does
    with a root of overlayfs: to use the layers' files, which a process opened before it was loaded."""
    made = build_debian("bookworm", "selinux-policy-default,policycoreutils", ["image", "image-selinux"], "squashfs")
    run("cp", "-a", "--reflink=auto", made.with_suffix(""), work / "tree")
    # -m: the host's /proc/mounts says that nothing of it can have labels.
    run("unshare", "--mount", "sh", "-ec", "mount --bind /proc tree/proc; chroot tree semodule -n -i /etc/selinux/lab.cil; "
        "chroot tree setfiles -m -F /etc/selinux/default/contexts/files/file_contexts /", cwd=work)
    return pack_squashfs(work)


def make_modules(work, suite="bookworm"):
    """All modules of a kernel, for a machine that is a server."""
    directory, _ = kernel(suite)
    run("cp", "-al", directory / "lib/modules", make(work / "tree/usr/lib"))
    run("mksquashfs", work / "tree", work / "made", "-noappend", "-quiet", "-no-progress", "-comp", "zstd",
        "-Xcompression-level", "3")
    return work / "made"


MADE_IMAGES = {"marker.squashfs": make_marker, "marker.cpio.xz": make_marker_archive,
               "hostname.cpio.xz": functools.partial(make_archive, name="hostname", contents="golden\n"),
               "fstab.cpio.xz": functools.partial(make_archive, name="fstab", contents=FSTAB),
               "dirty.ext4": make_dirty, "selinux.squashfs": make_selinux, "debian.tar.zst": make_tar,
               "tiny.tree": tiny_image.make_tree,
               "tiny.squashfs": functools.partial(make_tiny, pack=pack_squashfs),
               "tiny.ext4": functools.partial(make_tiny, pack=pack_ext4),
               "tiny.erofs": functools.partial(make_tiny, pack=pack_erofs),
               "tiny.tar.zst": functools.partial(make_tiny, pack=pack_tar),
               # As a root is bound from a larger file system.
               "tiny-below.squashfs": functools.partial(make_tiny, pack=pack_squashfs, place="releases"),
               "tiny-verity.squashfs": functools.partial(make_verity, name="tiny.squashfs"),
               "tiny-corrupt.squashfs": functools.partial(make_verity, name="tiny.squashfs", change=0),
               "debian-verity.squashfs": functools.partial(make_verity, name="debian.squashfs"),
               "debian-profile.squashfs": make_laid_out,
               **{f"debian-profile-{size}.squashfs": functools.partial(make_laid_out, block=size)
                  for size in ("32K", "128K")},
               "damaged.ext4": make_damaged,
               "blank.raw": make_blank, "scratch.ext4": make_scratch, "bench.squashfs": make_bench,
               **{f"content-{size}.squashfs": functools.partial(make_content, megabytes=size, pack=pack_squashfs)
                  for size in (250, 1000)},
               **{f"content-{size}.tar.zst": functools.partial(make_content, megabytes=size, pack=pack_tar)
                  for size in (250, 1000)},
               "partitioned.raw": make_partitioned, "filler.squashfs": make_filler, "labelled.squashfs": make_labelled,
               **{f"restarts-{how}.squashfs": functools.partial(make_restarts, how=how) for how in ("soft", "kexec")},
               "modules-bookworm.squashfs": make_modules,
               "modules-trixie.squashfs": functools.partial(make_modules, suite="trixie")}


def digest_of(path):
    return run("sha256sum", path).split()[0]
