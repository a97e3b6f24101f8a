"""A restart of a node into another release: through its firmware, by kexec and of systemd alone."""

import time

from .boot import run_nodes
from .cases import Case
from .common import HERE
from .measure import IS_UP, MULTI_USER
from .results import in_turn, tell

DRIVERS = {"through the firmware": "ssh", "by kexec": "kexec", "of systemd alone": "soft"}
RESTART = "seconds from the order to restart to multi-user"


def measure_restart(case):
    """The order is the head node's ssh."""
    since_order = []

    def on_line(network, _, line):
        if IS_UP in line:
            since_order.append(time.time() - float((network.work / "ssh-began").read_text() or "nan"))

    (node,) = run_nodes(case, on_line)
    return {RESTART: since_order[1], MULTI_USER: node.second_of(IS_UP)}


def bench_restart(options):
    case = Case(HERE / "bench/restart")
    cases = {name: case.but(servers=[line.replace("DRIVER", driver) for line in case.lines("servers")])
             for name, driver in DRIVERS.items()}

    def ratios(medians):
        full = medians["through the firmware"]
        return {f"{DRIVERS[name]}_ratio{of}": medians[name][RESTART] / full[figure]
                for name in list(DRIVERS)[1:] for of, figure in (("", RESTART), ("_to_power_on", MULTI_USER))}

    return tell("restart", options, in_turn(cases, options.rounds, measure_restart), ratios)
