"""Measurements. Each runs what it compares in one go and ends with a table."""

import subprocess
from statistics import median

from .bench_dracut import bench_dracut
from .bench_schemes import bench_schemes
from .boot import run_nodes
from .cases import find_case
from .common import MANGROVE
from .images import initramfs


def measure(case):
    """The figures of one boot; seconds, bytes."""
    received = []

    def on_line(network, node, line):
        if "LAB multi-user" in line:
            received.append(network.received_bytes(node.tap))

    node, = run_nodes(find_case(case), on_line)
    report = node.report()
    return {"stage seconds": report["seconds"],
            "peak resident memory of /init, bytes": report["peak_resident_bytes"],
            "seconds from power-on to multi-user": node.second_of("LAB multi-user"),
            "bytes received to multi-user": received[0],
            "memory available at multi-user, bytes": int(node.value_of("MemAvailable:").split()[0]) * 1024,
            "steps": report["steps"]}


GOALS = {"stage seconds": 1.0, "initramfs, bytes": 4_000_000, "program, bytes": 2_000_000}


def bench_stage(options):
    """What the stage costs, from the start of /init to the exec of the real init, over iSCSI on a virtio card."""
    boots = [measure("iscsi-squashfs") for _ in range(options.rounds)]
    print("the steps of the last boot:")
    for step in boots[-1]["steps"]:
        print(f"  {step['start']:7.3f} s  {step['seconds']:7.3f} s  {step['name']}")
    figures = {key: median(boot[key] for boot in boots) for key in boots[0] if key != "steps"}
    figures["initramfs, bytes"] = initramfs().stat().st_size
    figures["initramfs unpacked, bytes"] = len(subprocess.check_output(["zstd", "-dc", initramfs()]))
    figures["program, bytes"] = MANGROVE.stat().st_size
    print(f"medians of {options.rounds} boots; ratio to the goal")
    for name, figure in figures.items():
        shown = f"{figure:,.0f}" if "bytes" in name else f"{figure:.2f}"
        goal = f"  goal {GOALS[name]:,}  ratio {figure / GOALS[name]:.2f}" if name in GOALS else ""
        print(f"{name:42} {shown:>14}{goal}")
    return 0


BENCHES = {"stage": bench_stage, "dracut": bench_dracut, "schemes": lambda options: bench_schemes(measure, options)}
