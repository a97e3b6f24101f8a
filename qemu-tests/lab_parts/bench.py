"""Measurements of Mangrove alone. Each runs what it compares in one go and ends with a table."""

import subprocess
from pathlib import Path

from .bench_dracut import bench_dracut
from .bench_head import bench_head
from .bench_http import bench_http
from .bench_image import bench_image
from .bench_lazy import bench_lazy
from .bench_restart import bench_restart
from .cases import Case, find_case
from .common import HERE, MANGROVE, MANGROVECTL, make
from .dracut import initramfs_of
from .images import initramfs
from .machine import accelerator
from .measure import BYTES, MEMORY, MULTI_USER, STAGE, cpu_seconds_of_servers, measure, measure_nodes
from .results import in_turn, medians_of, show, tell, timeline

GOALS = {STAGE: 1.0, "initramfs, bytes": 4_000_000, "program, bytes": 2_000_000}


def bench_stage(options):
    """Measures the stage, from the start of /init to the exec of the real init, over iSCSI on a virtio card."""
    boots = in_turn({"iSCSI": find_case("iscsi-squashfs")}, options.rounds, measure)
    print("the steps of the last boot:")
    for step in boots["iSCSI"][-1]["steps"]:
        print(f"  {step['start']:7.3f} s  {step['seconds']:7.3f} s  {step['name']}")
    if options.output:
        title = f"the stage of one boot over iSCSI, seconds from the start of /init ({accelerator()})"
        (make(Path(options.output)) / "stage.svg").write_text(timeline(title, boots["iSCSI"][-1]["steps"]))
    figures = medians_of(boots)["iSCSI"]
    figures["initramfs, bytes"] = initramfs().stat().st_size
    figures["initramfs unpacked, bytes"] = len(subprocess.check_output(["zstd", "-dc", initramfs()]))
    figures["program, bytes"] = MANGROVE.stat().st_size
    print(f"medians of {options.rounds} boots; ratio to the goal")
    for name, figure in figures.items():
        goal = f"  goal {show(name, GOALS[name])}  ratio {figure / GOALS[name]:.2f}" if name in GOALS else ""
        print(f"{name:42} {show(name, figure):>14}{goal}")
    return 0


# The name of each, and the case that boots debian.squashfs, or the tree that it was made from, over it.
SCHEMES = {"iSCSI": "iscsi-squashfs", "RBD": "rbd-squashfs", "NBD": "nbd", "NVMe/TCP": "nvme-tcp",
           "NFS, a file": "nfs-loopback", "NFS, a tree": "nfs-tree"}


def bench_schemes(options):
    """The schemes beside each other: the same Debian from each kind of server."""
    cases = {scheme: find_case(case) for scheme, case in SCHEMES.items()}
    return tell("schemes", options, in_turn(cases, options.rounds, measure))


def measure_crowd(case):
    """The figures of nodes that start at once; of times the longest."""
    server = []
    nodes = measure_nodes(case, lambda network: server.append(cpu_seconds_of_servers(network)))
    return {"seconds until all are at multi-user": max(node[MULTI_USER] for node in nodes),
            "longest stage, seconds": max(node[STAGE] for node in nodes),
            "bytes received by each node": sum(node[BYTES] for node in nodes) / len(nodes),
            "CPU seconds of the servers for each node": server[0] / len(nodes)}


def bench_nodes(options):
    """Nodes that start at once, from one server."""
    cases = {f"{count} at once": find_case("iscsi-squashfs").but(nodes=[str(count)], seconds=["1800"])
             for count in (1, 2, 4, 8)}
    return tell("nodes", options, in_turn(cases, options.rounds, measure_crowd))


def bench_ram(options):
    """A root that is read when it is needed, beside one that is copied into memory as a whole."""
    kinds = {"over iSCSI": Case(HERE / "bench/ram/lazy"), "copied": Case(HERE / "bench/ram/whole")}
    cases = {f"{name}, {size} MB": case.but(servers=[line.replace("SIZE", size) for line in case.lines("servers")])
             for size in ("250", "1000") for name, case in kinds.items()}

    def ratios(medians):
        return {f"{name}_ratio_{size}": medians[f"over iSCSI, {size} MB"][figure] / medians[f"copied, {size} MB"][figure]
                for size in ("250", "1000")
                for name, figure in (("multiuser", MULTI_USER), ("bytes", BYTES), ("memory", MEMORY))}

    return tell("ram", options, in_turn(cases, options.rounds, measure), ratios)


def bench_latency(options):
    """The same boot with a longer way to the server, and with a narrower one."""
    plain = find_case("iscsi-squashfs")
    cases = {f"{delay} ms": plain.but(delay=[delay]) for delay in ("0", "1", "5", "20")}
    cases |= {f"{rate} Mb/s": plain.but(rate=[rate]) for rate in ("1000", "100")}

    def ratios(medians):
        longer = medians["20 ms"][STAGE] - medians["0 ms"][STAGE]
        return {"more_round_trips_of_the_stage_at_20_ms": longer / 0.020}

    return tell("latency", options, in_turn(cases, options.rounds, measure), ratios)


def measure_trust(case):
    """The figures of one boot, with the check of its signature; none where nobody signed."""
    figures = measure(case)
    checks = [step["seconds"] * 1000 for step in figures["steps"] if step["name"] == "checking the signature"]
    return {**figures, "initramfs, bytes": initramfs_of(case).stat().st_size,
            "checking the signature, ms": checks[0] if checks else 0}


def bench_trust(options):
    """The same boot over iSCSI from a definition that anybody can write, and from a signed one with a root hash; by the kernels
    of two Debian releases, as squashfs reads less since Linux 6.5."""
    kernels = {"6.1": "bookworm", "6.12": "trixie"}
    cases = {f"{title}, {version}": Case(HERE / "bench/trust" / key).but(kernel=[suite])
             for version, suite in kernels.items() for key, title in (("plain", "plain"), ("trusted", "signed, verity"))}

    def ratios(medians):
        return {f"{name}_ratio_{version}": medians[f"signed, verity, {version}"][figure] / medians[f"plain, {version}"][figure]
                for version in kernels for name, figure in (("stage", STAGE), ("multiuser", MULTI_USER), ("bytes", BYTES))}

    return tell("trust", options, in_turn(cases, options.rounds, measure_trust), ratios)


def bench_rollout(_options):
    """One tick of the controller of rollouts: reads 10,000 nodes, decides and writes."""
    return subprocess.call([MANGROVECTL.parent / "src/head/rollout/rollout_bench"])


BENCHES = {"stage": bench_stage, "dracut": bench_dracut, "schemes": bench_schemes, "nodes": bench_nodes,
           "ram": bench_ram, "latency": bench_latency, "image": bench_image, "head": bench_head, "rollout": bench_rollout,
           "trust": bench_trust, "restart": bench_restart, "lazy": bench_lazy, "http": bench_http}
