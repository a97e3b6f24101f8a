"""Measures a boot."""

from pathlib import Path

from .boot import run_nodes

STAGE = "stage seconds"
MULTI_USER = "seconds from power-on to multi-user"
WAITED = "seconds of waiting for storage to multi-user"
BYTES = "bytes received to multi-user"
MEMORY = "memory available at multi-user, bytes"
# The lab's report comes seconds later.
IS_UP = "LAB up"


def figures_of(node, received):
    report = node.report()
    return {STAGE: report["seconds"],
            "peak resident memory of /init, bytes": report["peak_resident_bytes"],
            MULTI_USER: node.second_of(IS_UP),
            WAITED: int(node.value_of("up waited").split()[0]) / 1e6,
            BYTES: received[node.tap],
            MEMORY: int(node.value_of("MemAvailable:").split()[0]) * 1024,
            "steps": report["steps"]}


def cpu_seconds_of(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / 100


def cpu_seconds_of_servers(network):
    return sum(cpu_seconds_of(process) for process in network.processes
               if not any("qemu-system" in str(word) for word in process.args))


def measure_nodes(case, when_up=lambda network: None):
    """The figures of each node of one boot; seconds, bytes. `when_up` is called when all are at multi-user."""
    received = {}

    def on_line(network, node, line):
        if IS_UP in line:
            received[node.tap] = network.received_bytes(node.tap)
            if len(received) == case.nodes():
                when_up(network)

    return [figures_of(node, received) for node in run_nodes(case, on_line)]


def measure(case):
    return measure_nodes(case)[0]
