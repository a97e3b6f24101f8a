"""DHCP from ISC Kea: `kea configuration=FILE`, the file as kea-dhcp4.conf has it, for the interface br0. The case says
`no-dhcp`, since this is its DHCP server."""

import os
import time

from ..common import Failure, make, run, wait_until


class Kea:
    def __init__(self, network, lines):
        self.network = network
        self.configuration = lines[0][1]["configuration"]
        self.process = None

    def start(self):
        self.give_carrier()
        work = make(self.network.work / "kea")
        log = work / "log"
        self.process = self.network.start(
            "sh", "-c", f"exec kea-dhcp4 -c {self.configuration} >{log} 2>&1",
            env=dict(os.environ, KEA_LOCKFILE_DIR=str(work), KEA_PIDFILE_DIR=str(work)))
        deadline = time.monotonic() + 20
        while "DHCP4_STARTED" not in (log.read_text() if log.exists() else ""):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise Failure("Kea did not start: " + (log.read_text() if log.exists() else ""))
            time.sleep(0.1)

    def give_carrier(self):
        """Kea opens its sockets once, on interfaces that have a carrier; the bridge has none before a node is there."""
        for words in ("link add switched-on type veth peer name other-end", "link set switched-on master br0 up",
                      "link set other-end up"):
            self.network.ip(words)
        state = self.network.inside("ip", "-brief", "link", "show", "br0")
        wait_until(lambda: "UP" in run(*state).split()[1], 20, "br0 gets no carrier")

    def stop(self):
        self.network.stop(self.process)
