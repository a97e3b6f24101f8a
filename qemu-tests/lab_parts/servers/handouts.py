"""How the nodes get what `mangrovectl publish --print FORM` prints: as a kernel argument, or from a DHCP server whose
configuration has it as it was printed. Each has `start` (with the text), `fill_in` and `stop`."""

from .dnsmasq import Dnsmasq


class Argument:
    def __init__(self, network):
        self.text = None

    def start(self, text):
        self.text = text.strip()

    def fill_in(self, arguments):
        return arguments.replace("mangrove.definition=PUBLISHED", self.text)

    def stop(self):
        pass


class Served:
    """By a DHCP server of its own; the case says `no-dhcp`."""

    def __init__(self, network):
        self.configuration = network.work / "printed.conf"

    def start(self, text):
        self.configuration.write_text(self.around(text))
        self.server.start()

    def around(self, text):
        return text

    def fill_in(self, arguments):
        return arguments

    def stop(self):
        self.server.stop()


class DnsmasqLines(Served):
    def __init__(self, network):
        super().__init__(network)
        self.server = Dnsmasq(network, [([], {"conf-file": str(self.configuration)})])


HANDOUTS = {"argument": Argument, "dnsmasq": DnsmasqLines}
