"""Mangrove beside stock dracut: the same kernel, image, server and machine, one boot of each in turn."""

import re

from .boot import run_nodes
from .cases import Case
from .common import HERE, Failure
from .dracut import initramfs_of
from .measure import BYTES, MEMORY, MULTI_USER
from .results import in_turn, tell

CONTESTANTS = {"stock": "stock dracut", "init": "Mangrove as /init", "module": "Mangrove in dracut"}
INIT = "initramfs, bytes"
STAGE = "seconds from /init to the real init"
RATIOS = {"stage_ratio": STAGE, "initramfs_ratio": INIT, "multiuser_ratio": MULTI_USER, "bytes_ratio": BYTES}


def kernel_second(line):
    """The kernel's own time of a line of its log."""
    return float(re.search(r"\[ *([0-9.]+)\]", line)[1])


def measure(case):
    """The figures of one boot."""
    received = {}

    def on_line(network, node, line):
        for text in ("LAB real-init", "LAB multi-user"):
            if text in line:
                received.setdefault(text, network.received_bytes(node.tap))

    node, = run_nodes(case, on_line)
    start = next(line for line in node.lines if "Run /init as init process" in line)
    end = next((line for line in node.lines if "LAB real-init" in line), None)
    if end is None:
        raise Failure(f"{case.name}: no line 'LAB real-init' on the console")
    return {INIT: initramfs_of(case).stat().st_size,
            STAGE: kernel_second(end) - kernel_second(start),
            MULTI_USER: node.second_of("LAB multi-user"),
            "bytes received to the real init": received["LAB real-init"],
            BYTES: received["LAB multi-user"],
            MEMORY: int(node.value_of("MemAvailable:").split()[0]) * 1024,
            "forks before the real init, kernel threads too": int(re.search(r"forks=(\d+)", end)[1])}


def bench_dracut(options):
    """Rounds of one boot each; the ratios are of Mangrove as /init to stock."""
    cases = {name: Case(HERE / f"bench/dracut-{options.scheme}" / key) for key, name in CONTESTANTS.items()}

    def ratios(medians):
        ours, stock = medians[CONTESTANTS["init"]], medians[CONTESTANTS["stock"]]
        return {name: ours[figure] / stock[figure] for name, figure in RATIOS.items()}

    return tell(f"dracut-{options.scheme}", options, in_turn(cases, options.rounds, measure), ratios)
