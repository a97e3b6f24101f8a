"""The tree of the tiny image: an init of the lab's own in the place of systemd, and what it looks at."""

import struct

from .common import HERE, make, run

NUMBERS = 131072  # of 8 bytes each, in /contents; the init knows them
FACTOR = 0x9E3779B97F4A7C15


def make_tree(work):
    for directory in ("dev", "etc", "proc", "run", "sys", "tmp", "usr/bin", "usr/lib/systemd", "usr/sbin", "var"):
        make(work / "tree" / directory)
    tree = work / "tree"
    for name in ("bin", "sbin"):
        (tree / name).symlink_to(f"usr/{name}")
    run("g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-Os", "-static", "-s", "-o", tree / "sbin/init",
        HERE / "image-tiny/init.cpp")
    # Definitions name systemd; a program that belongs to root and runs as it shows that setuid works.
    (tree / "usr/lib/systemd/systemd").hardlink_to(tree / "sbin/init")
    run("install", "--mode=4755", tree / "sbin/init", tree / "bin/is-root")
    (tree / "etc/machine-id").touch()
    (tree / "contents").write_bytes(struct.pack(f"<{NUMBERS}Q", *(i * FACTOR % 2**64 for i in range(NUMBERS))))
    return tree
