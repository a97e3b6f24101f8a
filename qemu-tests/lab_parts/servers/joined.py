"""A cable between the servers' network and that of the nodes' other cards: `joined`. With `joined vlan=NUMBER` the frames
on the other network are tagged with that number."""

import time

from ..common import HERE, Failure
from .server import Server


class Joined(Server):
    def start(self):
        vlan = self.lines[0][1].get("vlan")
        if vlan is None:
            for words in ("link add cable0 type veth peer name cable1", "link set cable0 master br0 up",
                          "link set cable1 master br1 up"):
                self.network.ip(words)
            return
        plain, tagged = self.network.add_tap("trunk0"), self.network.add_tap("trunk1", "br1")
        self.run_process(HERE / "lab_parts/vlan-trunk", plain, tagged, vlan)
        time.sleep(0.2)
        if self.process.poll() is not None:
            raise Failure("vlan-trunk has ended")
