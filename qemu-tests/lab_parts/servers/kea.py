"""DHCP from ISC Kea: `kea configuration=FILE`, the file as kea-dhcp4.conf has it, for the interface br0. `{envelope of
FILE}` in it, with a definition beside it, stands for the definition in an envelope with the lab's signature. The case says
`no-dhcp`, since this is its DHCP server."""

import json
import os
import re
from pathlib import Path

from ..common import make, run, wait_until
from ..definitions import filled
from ..signer import envelope
from .server import Server


class Kea(Server):
    def start(self):
        self.give_carrier()
        work = make(self.network.work / "kea")
        self.run_process("kea-dhcp4", "-c", self.configuration(work),
                         env=dict(os.environ, KEA_LOCKFILE_DIR=str(work), KEA_PIDFILE_DIR=str(work)))
        self.wait_until(lambda: "DHCP4_STARTED" in self.process.log.read_text(), "Kea does not start")

    def configuration(self, work):
        given = Path(self.lines[0][1]["configuration"])
        path = work / given.name
        path.write_text(re.sub(r"\{envelope of ([^}]+)\}",
                               lambda match: json.dumps(envelope(filled(given.parent / match[1])))[1:-1], given.read_text()))
        return path

    def give_carrier(self):
        """Kea opens its sockets once, on interfaces that have a carrier; the bridge has none before a node is there."""
        for words in ("link add switched-on type veth peer name other-end", "link set switched-on master br0 up",
                      "link set other-end up"):
            self.network.ip(words)
        state = self.network.inside("ip", "-brief", "link", "show", "br0")
        wait_until(lambda: "UP" in run(*state).split()[1], 20, "br0 gets no carrier")
