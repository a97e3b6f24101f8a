"""How the nodes get what `mangrovectl publish --print FORM` prints: as a kernel argument, from a DHCP server whose
configuration has it as it was printed, or as the script of their network card's iPXE. Each has `boot`, the words with
which `mangrovectl image build` is told of a kernel, `start` (with the text), `fill_in` and `stop`."""

from ..common import MANGROVE, Failure, make
from ..images import kernel
from ..network import SERVER
from .dnsmasq import Dnsmasq
from .kea import Kea


class Argument:
    boot = ["--no-boot"]

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
    boot = ["--no-boot"]

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


class KeaSnippet(Served):
    def __init__(self, network):
        super().__init__(network)
        self.server = Kea(network, [([], {"configuration": str(self.configuration)})])

    def around(self, text):
        return '''{ "Dhcp4": {
  "interfaces-config": { "interfaces": [ "br0" ] },
  "lease-database": { "type": "memfile", "persist": false },
  "subnet4": [ { "subnet": "192.168.3.0/24", "pools": [ { "pool": "192.168.3.100 - 192.168.3.199" } ] } ],
''' + text + "} }\n"


class IpxeScript(Served):
    """Over HTTP: a node loads the script from beside the image, after one that gives it arguments of its own."""

    def __init__(self, network):
        super().__init__(network)
        directory, version = kernel()
        self.boot = ["--kernel", directory / f"boot/vmlinuz-{version}", "--modules", directory / "lib/modules" / version,
                     "--mangrove", MANGROVE, "--initramfs-option=--for", "--initramfs-option=virtio"]
        self.published = network.work / "published"
        self.first = make(network.work / "tftp") / "first.ipxe"
        self.server = Dnsmasq(network, [(["enable-tftp"], {"tftp-root": str(self.first.parent),
                                                           "dhcp-boot": self.first.name})])

    def start(self, text):
        super().start(text)
        (self.script,) = self.published.rglob("boot.ipxe")
        if self.script.read_text() != text:
            raise Failure(f"{self.script} is not what was printed:\n{text}")

    def serve(self, arguments):
        self.first.write_text(f"#!ipxe\nset arguments {arguments}\n"
                              f"chain http://{SERVER}/{self.script.relative_to(self.published)}\n")


HANDOUTS = {"argument": Argument, "dnsmasq": DnsmasqLines, "kea": KeaSnippet, "ipxe": IpxeScript}
