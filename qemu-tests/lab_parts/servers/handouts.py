"""How the nodes get what `mangrovectl publish --print FORM` prints: as a kernel argument, from a DHCP server whose
configuration has it as it was printed, as the script of their network card's iPXE, or by `mangrovectl assign`, which is
no form of its own. Each has `boot`, the words with which `mangrovectl image build` is told of a kernel, `start` (with the
text), `fill_in` and `stop`, and what mangrovectl does after publishing and before unpublishing."""

import sys

from ..common import MANGROVE, Failure, make
from ..images import kernel
from ..network import SERVER
from .dnsmasq import Dnsmasq
from .kea import Kea
from .pxe import PAGE, blocks_of


class Handout:
    boot = ["--no-boot"]

    def after_publishing(self, run):
        pass

    def before_unpublishing(self, run):
        pass


class Argument(Handout):
    def __init__(self, network):
        self.text = None

    def start(self, text):
        self.text = text.strip()

    def fill_in(self, arguments):
        return arguments.replace("mangrove.definition=PUBLISHED", self.text)

    def stop(self):
        pass


class Served(Handout):
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


class Firmware(Served):
    """A node loads a script over HTTP, after one that gives it arguments of its own."""

    def __init__(self, network):
        super().__init__(network)
        directory, version = kernel()
        self.boot = ["--kernel", directory / f"boot/vmlinuz-{version}", "--modules", directory / "lib/modules" / version,
                     "--mangrove", MANGROVE, "--initramfs-option=--for", "--initramfs-option=virtio"]
        self.first = make(network.work / "tftp") / "first.ipxe"
        self.server = Dnsmasq(network, [(["enable-tftp"], {"tftp-root": str(self.first.parent),
                                                           "dhcp-boot": self.first.name})])

    def serve(self, arguments):
        self.first.write_text(f"#!ipxe\nset arguments {arguments}\nchain http://{SERVER}/{self.script}\n")


class IpxeScript(Firmware):
    """The one that stands beside the image."""

    def __init__(self, network):
        super().__init__(network)
        self.published = network.work / "published"

    def start(self, text):
        super().start(text)
        (script,) = self.published.rglob("boot.ipxe")
        if script.read_text() != text:
            raise Failure(f"{script} is not what was printed:\n{text}")
        self.script = script.relative_to(self.published)


class Assigned(Firmware):
    """Returns the script of docs/pxe.md, which looks for the node's assignment."""
    script = "boot.ipxe"

    def __init__(self, network):
        super().__init__(network)
        self.network = network
        self.files = make(network.work / "boot-directory")
        self.web_server = None

    def start(self, text):
        super().start(text)
        (self.files / self.script).write_text(dict(blocks_of(PAGE))[f"/srv/mangrove/{self.script}"])
        self.web_server = self.network.start(sys.executable, "-m", "http.server", "--bind", SERVER, "--directory",
                                             self.files, 80)

    def after_publishing(self, run):
        run("assign", "lab", "all")

    def before_unpublishing(self, run):
        try:
            run("unpublish", "lab")
        except Failure as refusal:
            if "is assigned to all" not in str(refusal):
                raise
        else:
            raise Failure("what nodes boot could be unpublished")
        run("unassign", "all")

    def stop(self):
        self.network.stop(self.web_server)
        super().stop()


HANDOUTS = {"argument": Argument, "dnsmasq": DnsmasqLines, "kea": KeaSnippet, "ipxe": IpxeScript, "assigned": Assigned}
