"""Costs of cases: a line of each boot, and the slowest of a run of ctest."""

import re
import time

from .common import Failure, ROOT

LAST_RUN = "build/*/Testing/Temporary/LastTest.log"
MOST = 20
COSTS = "lab: seconds: "
# Each part of a boot ends at the first line of the console with this.
PARTS = (("kernel", "Run /init as init process"), ("to up", "LAB up"))


def costs_of(started, node):
    """Where the seconds of a case went that started then: "preparing 0.5, kernel 3.1, …"."""
    parts = [("preparing", node.started - started)]
    before = 0.0
    for name, text in (*PARTS, ("to power-off", None)):
        second = node.second_of(text) if text else node.seconds[-1]
        if second is not None:
            parts.append((name, second - before))
            before = second
    parts.append(("end", time.monotonic() - node.started - before))
    return COSTS + ", ".join(f"{name} {seconds:.1f}" for name, seconds in parts)


def tests_of(log):
    """(name, seconds, costs) of each test in a LastTest.log of ctest."""
    found = []
    name, costs = None, ""
    for line in log.splitlines():
        if match := re.fullmatch(r"\d+/\d+ Test: (.+)", line):
            name, costs = match[1], ""
        elif line.startswith(COSTS):
            costs = line.removeprefix(COSTS)
        elif name and (match := re.fullmatch(r"Test time = +([0-9.]+) sec", line)):
            found.append((name, float(match[1]), costs))
            name = None
    return found


def report():
    """Prints the slowest tests of the last run of ctest."""
    runs = sorted(ROOT.glob(LAST_RUN), key=lambda log: log.stat().st_mtime)
    if not runs:
        raise Failure(f"{LAST_RUN}: not found; it is written by ctest")
    tests = tests_of(runs[-1].read_text(errors="replace"))
    for name, seconds, costs in sorted(tests, key=lambda test: -test[1])[:MOST]:
        print(f"{seconds:7.1f} s  {name:32} {costs}".rstrip())
    print(f"{sum(seconds for _, seconds, _ in tests):7.1f} s  in {len(tests)} tests")
    return 0
