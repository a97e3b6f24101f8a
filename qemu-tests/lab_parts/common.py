"""Words that every part uses."""

import os
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent
CACHE = Path(os.environ.get("MANGROVE_CACHE")
             or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mangrove")
MANGROVE = Path(os.environ.get("MANGROVE", ROOT / "build/release/mangrove"))
MANGROVECTL = Path(os.environ.get("MANGROVECTL", ROOT / "build/dev/mangrovectl"))


class Failure(Exception):
    """Ends a case; its text follows "FAIL CASE: "."""


class Stopped(Failure):
    """By a signal, so nothing more is to be tried."""


def run(*words, **options):
    """The output of a command; Failure with what it said when it fails."""
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if result.returncode != 0:
        raise Failure(f"{' '.join(map(str, words))}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def wait_until(condition, seconds, complaint):
    """Failure with the complaint when it does not come true in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(complaint)
        time.sleep(0.05)


def say(words):
    print(f"lab: {words}", flush=True)


def make(directory):
    directory.mkdir(parents=True, exist_ok=True)
    return directory
