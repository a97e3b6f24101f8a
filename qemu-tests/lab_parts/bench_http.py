"""The same Debian over iSCSI and over HTTP, from near and from far; laid out by a profile of its boot, with and without
prefetching; and nodes that start at once, from one tgtd and from one nginx."""

import json
import tempfile
from pathlib import Path

from .bench_lazy import FEWER, READ, READS, case_of, iscsi_case, reads_of
from .common import MANGROVECTL, make, run
from .images import PROFILE, tree
from .measure import BYTES, MEMORY, MULTI_USER, STAGE, WAITED, cpu_seconds_of_servers, measure_nodes
from .results import in_turn, tell

CPU = "CPU seconds of the server for each node"
PROFILED = "debian-profile.squashfs"
NEVER = {"prefetch_round_trip": 10_000}
ALWAYS = {"prefetch_round_trip": 0}


def http_case(directory, image, mount, **keys):
    http = {"kind": "http", "http": {"urls": ["http://192.168.3.253:8081/root"], **keys}}
    return case_of(directory, http, mount, f"nginx root image={image}\n")


def prefetch_of_profile(work):
    """The ranges that `publish` writes for the image that is laid out by the profile."""
    where = [f"--{name}={work / name}" for name in ("store", "publications")]
    run(MANGROVECTL, *where, "image", "build", "made", "--from", tree("debian.squashfs"), "--no-boot", "--profile", PROFILE)
    printed = run(MANGROVECTL, *where, "publish", "made", "--over", "http", "--on-demand", "--directory", make(work / "site"),
                  "--address", "127.0.0.1", "--no-check")
    return json.loads(printed)["mount"]["overlay"]["lower"][0]["attach"]["attach"]["http"]["prefetch"]


def asked_of(network):
    """How many parts nginx has given out, and how many bytes."""
    lines = (network.work / "nginx/access.log").read_text().splitlines()
    return {READS: len(lines), READ: sum(int(line.rsplit('"', 4)[0].split()[-1]) for line in lines)}


def measure_http(case):
    counted = []

    def when_up(network):
        is_http = any(line.startswith("nginx") for line in case.lines("servers"))
        counted.append({**(asked_of if is_http else reads_of)(network), CPU: cpu_seconds_of_servers(network) / case.nodes()})

    nodes = measure_nodes(case, when_up)
    slowest = {figure: max(node[figure] for node in nodes) for figure in (STAGE, MULTI_USER, WAITED)}
    return {**slowest, BYTES: sum(node[BYTES] for node in nodes) / len(nodes), MEMORY: min(node[MEMORY] for node in nodes),
            **counted[0]}


def contestants(work):
    prefetch = prefetch_of_profile(make(work / "publishing"))
    iscsi = iscsi_case(work / "iscsi", "debian.squashfs", {})
    http = http_case(work / "http", "debian.squashfs", {})
    asked = http_case(work / "asked", PROFILED, FEWER, prefetch=prefetch, **NEVER)
    foreseen = http_case(work / "foreseen", PROFILED, FEWER, prefetch=prefetch, **ALWAYS)
    crowd = {"nodes": ["8"], "seconds": ["1800"]}
    cases = {"iSCSI": iscsi, "HTTP": http, "iSCSI, 20 ms": iscsi.but(delay=["20"]), "HTTP, 20 ms": http.but(delay=["20"])}
    for name, way in (("0 ms", {}), ("5 ms", {"delay": ["5"]}), ("20 ms", {"delay": ["20"]}), ("100 Mb/s", {"rate": ["100"]})):
        cases |= {f"by profile, {name}": asked.but(**way), f"prefetched, {name}": foreseen.but(**way)}
    return cases | {"iSCSI, 8 at once": iscsi.but(**crowd), "HTTP, 8 at once": http.but(**crowd)}


def bench_http(options):
    with tempfile.TemporaryDirectory() as work:
        return tell("http", options, in_turn(contestants(Path(work)), options.rounds, measure_http), ratios_of)


def ratios_of(medians):
    pairs = {"http": ("HTTP", "iSCSI"), "http_at_20_ms": ("HTTP, 20 ms", "iSCSI, 20 ms"),
             "http_8_at_once": ("HTTP, 8 at once", "iSCSI, 8 at once")}
    pairs |= {f"prefetch_at_{name.replace(' ', '_').replace('/', '_')}": (f"prefetched, {name}", f"by profile, {name}")
              for name in ("0 ms", "5 ms", "20 ms", "100 Mb/s")}
    return {f"{name}_{word}_ratio": medians[ours][figure] / medians[theirs][figure]
            for name, (ours, theirs) in pairs.items()
            for word, figure in (("multiuser", MULTI_USER), ("waiting", WAITED), ("bytes", BYTES), ("stage", STAGE),
                                 ("memory", MEMORY), ("cpu", CPU))}
