"""Mangrove beside stock dracut: the same kernel, image, server and machine, one boot of each in turn."""

import re
from statistics import median

from .boot import run_nodes
from .cases import Case
from .common import HERE, Failure, say
from .dracut import initramfs_of
from .results import show, write_results

CONTESTANTS = {"stock": "stock dracut", "init": "Mangrove as /init", "module": "Mangrove in dracut"}
INIT = "initramfs, bytes"
STAGE = "seconds from /init to the real init"
MULTI_USER = "seconds from power-on to multi-user"
BYTES = "bytes received to multi-user"
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
            "memory available at multi-user, bytes": int(node.value_of("MemAvailable:").split()[0]) * 1024,
            "forks before the real init, kernel threads too": int(re.search(r"forks=(\d+)", end)[1])}


def bench_dracut(options):
    """Rounds of one boot each; medians, ratios to stock."""
    cases = {key: Case(HERE / f"bench/dracut-{options.scheme}" / key) for key in CONTESTANTS}
    boots = {key: [] for key in cases}
    for number in range(options.rounds):
        for key, case in cases.items():
            boots[key].append(measure(case))
            say(f"round {number + 1}: {CONTESTANTS[key]}: stage {boots[key][-1][STAGE]:.2f} s")
    medians = {CONTESTANTS[key]: {figure: median(boot[figure] for boot in boots[key]) for figure in boots[key][0]}
               for key in cases}
    ratios = {name: medians[CONTESTANTS["init"]][figure] / medians[CONTESTANTS["stock"]][figure]
              for name, figure in RATIOS.items()}
    if options.output:
        write_results(options.output, f"dracut-{options.scheme}", options,
                      {CONTESTANTS[key]: boots[key] for key in cases}, medians, ratios)
    print_table(medians)
    for name, ratio in ratios.items():
        print(f"{name}={ratio:.3f}")
    return 0


def print_table(medians):
    """As Markdown has it, for the README."""
    print(f"| figure | {' | '.join(medians)} |\n|---|{'---|' * len(medians)}")
    for figure in next(iter(medians.values())):
        shown = [show(figure, each[figure]) for each in medians.values()]
        print(f"| {figure} | {' | '.join(shown)} |")
