"""A head node for nodes that boot from their network card: dnsmasq and lighttpd with the files of docs/pxe.md as they
stand there, and its commands. `pxe` takes no settings; the case says `no-dhcp`, since this is its DHCP server."""

import re
import shutil

from ..common import MANGROVE, ROOT, make, run
from ..dracut import initramfs_of
from ..images import kernel
from .server import Server

PAGE = ROOT / "docs/pxe.md"
# The card's ROM is an iPXE already. It loads what it would load by TFTP if it were a plain one.
NODE_SCRIPT = """#!ipxe
iseq ${{netX/chip}} virtio-net && chain tftp://${{next-server}}/undionly.kpxe ||
set arguments ${{arguments}} lab.card=${{netX/chip}} {arguments}
"""


def blocks_of(page):
    """The code blocks of a page: (the word after ```, the text)."""
    return re.findall(r"^```(\S+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


class Pxe(Server):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        self.root = network.work / "head-node"
        self.files = self.root / "srv/mangrove"

    def start(self):
        for directory in (self.network.work, make(self.root)):
            directory.chmod(0o755)  # the web server runs as a user of its own
        for word, text in blocks_of(PAGE):
            if word.startswith("/"):
                make((self.root / word[1:]).parent)
                (self.root / word[1:]).write_text(text)
        self.run_server("dnsmasq", "--keep-in-foreground", "--user=root", f"--pid-file={self.network.work}/dnsmasq.pid",
                        f"--conf-file={self.root}/etc/dnsmasq.d/mangrove.conf",
                        f"--dhcp-leasefile={self.network.work}/leases")
        self.run_server("lighttpd", "-D", "-f", self.root / "etc/lighttpd/lighttpd.conf")
        self.wait_for_port(80)

    def with_files(self, script):
        """A shell that sees the head node's /srv: `ip netns exec` gives each process mounts of its own."""
        return ["sh", "-ec", f"mount --bind {self.root}/srv /srv\n{script}"]

    def run_server(self, *words):
        self.run_process(*self.with_files(f"exec {' '.join(map(str, words))}"))

    def serve(self, case, mac, arguments):
        """Has a node boot what the case names, with these arguments."""
        has_definition = (case.directory / "definition.json").exists()
        commands = [text for word, text in blocks_of(PAGE)
                    if word == "sh" and (has_definition or "definition.json" not in text)]
        mangrove = f'mangrove() {{ {MANGROVE} "$@"; }}\n'
        run(*self.network.inside(*self.with_files(mangrove + "".join(commands))), cwd=case.directory)
        directory, version = kernel(case.kernel())
        shutil.copyfile(directory / f"boot/vmlinuz-{version}", self.files / "vmlinuz")
        shutil.copyfile(initramfs_of(case), self.files / "initramfs")
        script = self.files / "nodes" / f"{mac.replace(':', '-')}.ipxe"
        script.write_text(NODE_SCRIPT.format(arguments=arguments))
