"""The schemes beside each other: the same Debian from each kind of server, booted in turn."""

from statistics import median

from .common import say

# What each is called, and the case that boots debian.squashfs, or the tree that it was made from, over it.
SCHEMES = {"iSCSI": "iscsi-squashfs", "RBD": "rbd-squashfs", "NBD": "nbd", "NVMe/TCP": "nvme-tcp",
           "NFS, a file": "nfs-loopback", "NFS, a tree": "nfs-tree"}
COLUMNS = {"stage seconds": "stage, s", "seconds from power-on to multi-user": "multi-user, s",
           "bytes received to multi-user": "received, MB", "memory available at multi-user, bytes": "memory free, MB"}


def shown(figure, value):
    return f"{value / 1e6:.1f}" if "bytes" in figure else f"{value:.2f}"


def bench_schemes(measure, options):
    """`measure` boots a case once and gives its figures. One boot of each scheme comes after the other, so that what
    slows the machine down meets all of them."""
    boots = {scheme: [] for scheme in SCHEMES}
    for number in range(1, options.rounds + 1):
        for scheme, case in SCHEMES.items():
            boots[scheme].append(measure(case))
            say(f"round {number} of {options.rounds}, {scheme}: "
                + ", ".join(f"{name} {shown(figure, boots[scheme][-1][figure])}" for figure, name in COLUMNS.items()))
    print(f"medians of {options.rounds} boots")
    print("| scheme | " + " | ".join(COLUMNS.values()) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for scheme, figures in boots.items():
        medians = [shown(figure, median(boot[figure] for boot in figures)) for figure in COLUMNS]
        print(f"| {scheme} | " + " | ".join(medians) + " |")
    return 0
