"""Several boots in a row: of many cases, or of one again and again, for what fails seldom shows only so."""

import time
from statistics import median

from .boot import boot, run_nodes
from .cases import find_case
from .common import Failure, Stopped, say


def run_cases(options):
    """All cases are run, also after one that failed."""
    passed = 0
    for name in options.cases:
        try:
            boot(find_case(name), log_file=f"{options.logs}/{name}.log" if options.logs else None)
            passed += 1
        except Stopped:
            raise
        except Failure as failure:
            print(f"FAIL {name}: {failure}", flush=True)
    print(f"run passed={passed} of={len(options.cases)}")
    return 0 if passed == len(options.cases) else 1


def soak(options):
    """All rounds are run, also after one that failed. The last line says how many passed."""
    case = find_case(options.case)
    seconds = []
    for number in range(1, options.rounds + 1):
        started = time.monotonic()
        try:
            run_nodes(case)
            seconds.append(time.monotonic() - started)
            say(f"{number}: passed, {seconds[-1]:.1f} s")
        except Stopped:
            raise
        except Failure as failure:
            say(f"{number}: failed: {failure}")
    if seconds:
        say(f"seconds: {min(seconds):.1f} to {max(seconds):.1f}, median {median(seconds):.1f}")
    print(f"soak passed={len(seconds)} of={options.rounds}")
    return 0 if len(seconds) == options.rounds else 1
