"""The rollouts of a head node in the lab. The release of the first one has the files of `faults` beside those of the group (or,
where the nodes must end `reverted` without them, a kernel that panics), that of each later one has no faults. `policy` is that
of the rollout (`tries=1,restart=ssh`). Its `deadline` is in seconds, and longer where the nodes have more time
(MANGROVE_LAB_TIMEOUT). Its window `soon` begins in some two minutes, and no node may begin before. With begin=later the first
rollout begins when the script says `roll head`. With restart=ssh, soft or kexec the head node has a key of ssh, which the nodes know, and the file
`ssh-began` the time at which it last asked a node by it."""

import json
import os
import time
from pathlib import Path

from ..common import Failure, make, run
from ..signer import signing

KEYS = {"rollout", "faults", "policy", "begin"}


class Rollouts:
    def __init__(self, head):
        self.head = head
        self.settings = head.settings
        self.policy = dict(word.split("=", 1) for word in self.settings.get("policy", "").split(",") if word)
        self.policy = {"soak": "0", **self.policy}
        if "deadline" in self.policy:
            patience = max(1.0, float(os.environ.get("MANGROVE_LAB_TIMEOUT") or 0) / 300)
            self.policy["deadline"] = str(int(float(self.policy["deadline"]) * patience))
        self.number = 0
        self.sets = []
        self.opens = 0
        self.begun = None

    def prepare(self, sets):
        """Imports what its releases have; returns the sets of files of every release."""
        if self.policy.get("restart") in ("ssh", "soft", "kexec"):
            self.head.ctl("files", "import", "ssh", "--from", self.directory_with_key(), "--moment", "boot")
            sets = [*sets, "ssh"]
        if "faults" in self.settings:
            self.head.ctl("files", "import", "faults", "--from", self.settings["faults"], "--moment", "boot")
        self.sets = sets
        return sets

    def directory_with_key(self):
        work = self.head.network.work
        key = work / "ssh_key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        os.chown(key, 65534, 65534)
        directory = make(work / "ssh/root/.ssh")
        for private in (directory.parent, directory):
            private.chmod(0o700)
        (directory / "authorized_keys").write_text(Path(f"{key}.pub").read_text())
        return work / "ssh"

    def environment(self):
        """Of the daemon: nobody has no home, so ssh finds its key, and the names of the nodes, in a file of the lab."""
        work = self.head.network.work
        bin_directory = make(work / "bin")
        (work / "ssh_config").write_text("".join(
            f"Host n{number:03}\n HostName 192.168.3.{100 + number}\n IdentityFile {work}/ssh_key\n" for number in range(1, 10)))
        (bin_directory / "ssh").write_text(f'#!/bin/sh\ndate +%s.%N >{work}/ssh-began\nexec /usr/bin/ssh -F {work}/ssh_config "$@"\n')
        (bin_directory / "ssh").chmod(0o755)
        (work / "ssh-began").touch()
        os.chown(work / "ssh-began", 65534, 65534)
        return {**os.environ, "PATH": f"{bin_directory}:{os.environ['PATH']}"}

    def start(self):
        has_faults = self.number == 0
        sets = self.sets + (["faults"] if has_faults and "faults" in self.settings else [])
        panics = has_faults and "faults" not in self.settings and self.settings["rollout"] == "reverted"
        words = (["--files", ",".join(sets)] if sets else []) + (["--argument", "rdinit=/none"] if panics else [])
        release = self.head.ctl("release", "make", "lab", *words).strip()
        if "signed" in self.settings:
            self.head.ctl("release", "sign", release, *signing())
        if self.policy.get("window") == "soon":
            self.opens = (time.time() // 60 + 3) * 60
            first, last = (time.strftime("%H:%M", time.gmtime(self.opens + minutes * 60)) for minutes in (0, 60))
            self.policy["window"] = f"{first}-{last} UTC"
        options = [word for key, value in self.policy.items() for word in (f"--{key}", value)]
        self.head.ctl("rollout", "start", release, "all", *options, "--yes")
        self.number += 1

    def show(self):
        return json.loads(self.head.ctl("rollout", "show", self.number, "--json"))

    def states(self):
        """"paused", "booting n001", …: the status of the last rollout, and the nodes in each state."""
        if not self.number:
            return []
        shown = self.show()
        if self.begun is None and set(shown["states"]) - {"new", "waiting"}:
            self.begun = time.time()
        return [shown["status"], *(f"{state} {nodes}" for state, nodes in shown["states"].items())]

    def finish(self):
        shown = self.show()
        if list(shown["states"]) != [self.settings["rollout"]]:
            raise Failure(f"the rollout is {shown}")
        if self.begun is not None and self.begun < self.opens:
            raise Failure(f"a node began {self.opens - self.begun:.0f} s before the window")
