"""A DHCP server in a network of its own, 10.0.3.2, that the nodes reach through a relay alone: `relay`, with what `dhcp`
takes. The case says `no-dhcp`."""

from ..common import run
from ..network import SERVER
from .dnsmasq import Dnsmasq

ADDRESS = "10.0.3.2"
ROUTER = "10.0.3.1"


class Relay(Dnsmasq):
    def __init__(self, network, lines):
        super().__init__(network, lines, interface="far")

    def start(self):
        namespace = self.network.add_namespace("far")
        self.words = ["ip", "netns", "exec", namespace, *self.words]
        self.network.ip(f"link add near type veth peer name far netns {namespace}")
        for words in (f"address add {ROUTER}/24 dev near", "link set near up"):
            self.network.ip(words)
        for words in (f"address add {ADDRESS}/24 dev far", "link set far up", f"route add default via {ROUTER}"):
            run("ip", "-n", namespace, *words.split())
        super().start()
        self.run_process("dnsmasq", "--keep-in-foreground", "--user=root", "--conf-file=/dev/null", "--log-facility=-",
                         "--port=0", f"--dhcp-relay={SERVER},{ADDRESS}", f"--pid-file={self.network.work}/relay.pid")
