"""A cable between the servers' network and that of the nodes' other cards: `joined`. With `joined vlan=NUMBER` the frames
on the other network are tagged with that number."""

import time

from ..common import HERE, Failure


class Joined:
    def __init__(self, network, lines):
        self.network = network
        self.vlan = lines[0][1].get("vlan")
        self.process = None

    def start(self):
        if self.vlan is None:
            for words in ("link add cable0 type veth peer name cable1", "link set cable0 master br0 up",
                          "link set cable1 master br1 up"):
                self.network.ip(words)
            return
        plain, tagged = self.network.add_tap("trunk0"), self.network.add_tap("trunk1", "br1")
        self.process = self.network.start(HERE / "lab_parts/vlan-trunk", plain, tagged, self.vlan)
        time.sleep(0.2)
        if self.process.poll() is not None:
            raise Failure("vlan-trunk has ended")

    def stop(self):
        if self.process:
            self.network.stop(self.process)
