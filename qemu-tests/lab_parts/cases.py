"""A case is a directory; qemu-tests/README.md says what may stand in it."""

import difflib
import os
import re
import shlex
from dataclasses import dataclass

from .common import Failure, HERE

KINDS = ("boots", "refusals", "faults")
SOURCES = ("command-line", "fw_cfg", "smbios", "appended-file", "dhcp")
FILES = ("definition.json", "source", "cmdline", "servers", "script", "kernel", "firmware", "initramfs", "clock", "disks",
         "cards", "memory", "delay", "rate", "seconds", "stall", "slow", "needs", "restarts", "tpm", "watchdog", "nodes", "expect")


def did_you_mean(word, candidates):
    return "".join(f"; did you mean {known!r}?" for known in difflib.get_close_matches(word, candidates, 1))


class Case:
    def __init__(self, directory, replaced=None):
        self.name = directory.name
        self.kind = directory.parent.name
        self.directory = directory
        self.replaced = replaced or {}

    def but(self, **files):
        """The same case with these lines in these files."""
        return Case(self.directory, self.replaced | files)

    def lines(self, file):
        if file in self.replaced:
            return self.replaced[file]
        path = self.directory / file
        if not path.exists():
            return []
        return [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]

    def nodes(self):
        return int((self.lines("nodes") or ["1"])[0])

    def cards(self):
        return int((self.lines("cards") or ["1"])[0].split()[0])

    def cards_are_on_usb(self):
        return "usb" in (self.lines("cards") or ["1"])[0].split()

    def memory(self):
        """Of each node, in MB."""
        return int((self.lines("memory") or ["1024"])[0])

    def delay(self):
        """Returns the delay of the way to the nodes and back, in ms, or None."""
        return next((float(line) for line in self.lines("delay")), None)

    def rate(self):
        """How much a node can receive, in Mb/s, or None."""
        return next((float(line) for line in self.lines("rate")), None)

    def source(self):
        """How the definition comes to the nodes."""
        return (self.lines("source") or ["command-line"])[0].split()[0]

    def is_signed(self):
        """Whether a definition on the command line has a signature there."""
        return (self.lines("source") or [""])[0] == "command-line signed"

    def kernel(self):
        """The Debian release whose kernel the nodes boot."""
        return (self.lines("kernel") or ["bookworm"])[0]

    def firmware(self):
        """Returns the firmware of nodes that get no kernel, or None."""
        return (self.lines("firmware") or [None])[0]

    def restarts(self):
        """Whether a node boots again when its kernel restarts it; else that is its end."""
        return (self.directory / "restarts").exists()

    def has_watchdog(self):
        return (self.directory / "watchdog").exists()

    def has_tpm(self):
        return (self.directory / "tpm").exists()

    def initramfs(self):
        """The words of `initramfs`: which one, and arguments for what makes it."""
        return shlex.split((self.lines("initramfs") or ["ours"])[0])

    def is_slow(self):
        """It takes minutes and is not among those that run every time."""
        return (self.directory / "slow").exists()

    def time_limit(self):
        """Seconds for the nodes to end."""
        return max(float(os.environ.get("MANGROVE_LAB_TIMEOUT") or 0), float((self.lines("seconds") or ["300"])[0]))

    def stall(self):
        """Seconds that the slowest round of the load must take at least."""
        return float((self.lines("stall") or ["0"])[0])

    def clock(self):
        """When the nodes' clocks begin."""
        return (self.lines("clock") or ["utc"])[0]

    def check(self):
        """Raises Failure where a part of the case would be passed over, so that it passed for nothing."""
        servers = " ".join(self.lines("servers"))
        for name in sorted(path.name for path in self.directory.iterdir()):
            if name not in FILES and f"{{case}}/{name}" not in servers:
                raise Failure(f"{self.directory}: nothing reads {name!r}{did_you_mean(name, FILES)}")
        if self.source() not in SOURCES:
            raise Failure(f"{self.directory}/source: unknown {self.source()!r}; there are {', '.join(SOURCES)}")
        if self.kind == "refusals" and not self.lines("expect"):
            raise Failure(f"{self.directory}: a refusal needs 'expect', the error that the console must show")
        if self.firmware() and self.cards_are_on_usb():
            raise Failure(f"{self.directory}/cards: a firmware boots from no card on USB")
        self.script()

    def images(self):
        served = [word[6:] for line in self.lines("servers") for word in line.split() if word.startswith("image=")]
        return served + self.lines("disks")

    def boots_systemd(self):
        """Whether the root is a Debian, or the tiny image with the lab's init."""
        return not any(name.startswith("tiny") for name in self.images())

    def script(self):
        return [step(self, line) for line in self.lines("script")]


@dataclass
class Step:
    """One line of `script`: when the console shows `text`, or `seconds` after the step before, or once the rollout shows
    `state`, do `action`."""
    text: str | None
    state: str | None
    seconds: float
    action: tuple[str, str]


def step(case, line):
    match = re.fullmatch(r"(?:when (?P<text>.*)|once (?P<state>.*)|after (?P<seconds>[0-9.]+)): (?P<action>(?:start|stop|accept|change|roll|submit|freeze|thaw|move|grow|break|mend|overwrite|restore|link|end) \S+|(?:type|ctl)(?: .*)?|wait)", line)
    if not match:
        raise Failure(f"{case.name}/script: {line!r} is neither 'when TEXT: ACTION' nor 'once STATE: ACTION' nor 'after SECONDS: ACTION'")
    return Step(match["text"], match["state"], float(match["seconds"] or 0), match["action"].partition(" ")[::2])


def all_cases():
    return [Case(path) for kind in KINDS for path in sorted((HERE / kind).glob("*")) if path.is_dir()]


def find_case(name):
    cases = {case.name: case for case in all_cases()}
    case = cases.get(name)
    if case is None:
        raise Failure(f"there is no such case{did_you_mean(name, cases)}; lab list shows them")
    case.check()
    return case
