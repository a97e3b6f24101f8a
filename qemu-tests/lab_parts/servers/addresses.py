"""A second DHCP server on the nodes' network, 192.168.3.251, that offers addresses and nothing else: `addresses`."""

from .dnsmasq import Dnsmasq


class Addresses(Dnsmasq):
    def __init__(self, network, lines):
        super().__init__(network, lines, interface="other")

    def start(self):
        for words in ("link add other type veth peer name otherbr", "link set otherbr master br0 up",
                      "link set other up", "address add 192.168.3.251/24 dev other noprefixroute"):
            self.network.ip(words)
        super().start()
