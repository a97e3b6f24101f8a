"""Mangrove beside stock dracut: the same kernel, image, server and machine, one boot of each in turn. QEMU gives the
machine its kernel and its initramfs, or with --pxe its network card does."""

import re

from .boot import run_nodes
from .cases import Case
from .common import HERE, Failure
from .dracut import initramfs_of
from .measure import BYTES, IS_UP, MEMORY, MULTI_USER
from .results import in_turn, tell

CONTESTANTS = {"stock": "stock dracut", "init": "Mangrove as /init", "module": "Mangrove in dracut"}
INIT = "initramfs, bytes"
LOADED = "seconds from power-on to /init"
STAGE = "seconds from /init to the real init"
KERNEL_TO_MULTI_USER = "seconds from the kernel's start to multi-user"
STARTS_INIT = "Run /init as init process"


def kernel_second(line):
    """The kernel's own time of a line of its log."""
    return float(re.search(r"\[ *([0-9.]+)\]", line)[1])


def measure(case):
    """The figures of one boot."""
    received = {}

    def on_line(network, node, line):
        for text in (STARTS_INIT, "LAB real-init", IS_UP):
            if text in line:
                received.setdefault(text, network.received_bytes(node.tap))

    node, = run_nodes(case, on_line)
    start = next(line for line in node.lines if STARTS_INIT in line)
    end = next((line for line in node.lines if "LAB real-init" in line), None)
    if end is None:
        raise Failure(f"{case.name}: no line 'LAB real-init' on the console")
    return {INIT: initramfs_of(case).stat().st_size,
            LOADED: node.second_of(STARTS_INIT),
            STAGE: kernel_second(end) - kernel_second(start),
            KERNEL_TO_MULTI_USER: node.second_of(IS_UP) - node.second_of(STARTS_INIT) + kernel_second(start),
            MULTI_USER: node.second_of(IS_UP),
            "bytes received to /init": received[STARTS_INIT],
            "bytes received to the real init": received["LAB real-init"],
            BYTES: received[IS_UP],
            MEMORY: int(node.value_of("MemAvailable:").split()[0]) * 1024,
            "forks before the real init, kernel threads too": int(re.search(r"forks=(\d+)", end)[1])}


def over_pxe(case):
    """The same boot, of a machine that is given nothing and asks the head node of docs/pxe.md."""
    if any(line.startswith("web ") for line in case.lines("servers")):
        raise Failure(f"{case.kind}: its web server would be in the way of the head node's")
    return case.but(firmware=["bios"], servers=["no-dhcp", "pxe", *case.lines("servers")])


def bench_dracut(options):
    """Rounds of one boot each; the ratios are of Mangrove as /init to stock."""
    name = f"dracut-{options.scheme}"
    cases = {title: Case(HERE / "bench" / name / key) for key, title in CONTESTANTS.items()}
    to_multi_user = {"multiuser_ratio": KERNEL_TO_MULTI_USER}
    if options.pxe:
        name, to_multi_user = f"{name}-pxe", {"poweron_ratio": MULTI_USER}
        cases = {title: over_pxe(case) for title, case in cases.items()}

    def ratios(medians):
        ours, stock = medians[CONTESTANTS["init"]], medians[CONTESTANTS["stock"]]
        figures = {"stage_ratio": STAGE, "initramfs_ratio": INIT, **to_multi_user, "bytes_ratio": BYTES}
        return {ratio: ours[figure] / stock[figure] for ratio, figure in figures.items()}

    return tell(name, options, in_turn(cases, options.rounds, measure), ratios)
