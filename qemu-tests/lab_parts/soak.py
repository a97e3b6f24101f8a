"""A case again and again: what fails seldom shows only so."""

import time
from statistics import median

from .boot import run_nodes
from .cases import find_case
from .common import Failure, Stopped, say


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
