"""A head node for nodes that boot from their network card: dnsmasq and lighttpd with the files of docs/pxe.md as they
stand there, and its commands. The case says `no-dhcp`, since this is its DHCP server. `pxe secure=http|ipxe|imgverify|shim
[changed=yes]` has the files of docs/secure-boot.md, for nodes with Secure Boot on: a boot image by UEFI's HTTP boot or
from a signed iPXE, files that an iPXE made from the source in MANGROVE_IPXE verifies, or Debian's loaders and kernel. A changed one
differs in one bit of the initramfs, or of Debian's kernel."""

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from ..common import CACHE, MANGROVE, MANGROVECTL, ROOT, Failure, make, run
from ..definitions import on_command_line
from ..dracut import initramfs_of
from ..images import kernel
from ..machine import SITE_KEY
from .server import Server

PAGE = ROOT / "docs/pxe.md"
SECURE_PAGE = ROOT / "docs/secure-boot.md"
# The card's ROM is an iPXE already. It loads what it would load by TFTP if it were a plain one.
NODE_SCRIPT = """#!ipxe
iseq ${{netX/chip}} virtio-net && chain tftp://${{next-server}}/undionly.kpxe ||
set arguments ${{arguments}} lab.card=${{netX/chip}} {arguments}
"""


def blocks_of(page):
    """The code blocks of a page: (the word after ```, the text)."""
    return re.findall(r"^```(\S+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def change_a_bit(file):
    """In its middle, which is the initramfs in a boot image."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


class Pxe(Server):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        self.settings = {key: value for _, settings in lines for key, value in settings.items()}
        self.secure = self.settings.get("secure")
        self.root = network.work / "head-node"
        self.files = make(self.root / "srv/mangrove")

    def write_blocks(self, page):
        for word, text in blocks_of(page):
            if word.startswith("/"):
                make((self.root / word[1:]).parent)
                (self.root / word[1:]).write_text(text)

    def start(self):
        for directory in (self.network.work, self.root):
            directory.chmod(0o755)  # the web server runs as a user of its own
        self.write_blocks(SECURE_PAGE if self.secure else PAGE)
        if self.secure in ("ipxe", "imgverify"):
            script = (self.files / "boot.ipxe").read_text()
            self.write_blocks(PAGE)
            (self.files / "boot.ipxe").write_text(script)
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
        directory, version = kernel(case.kernel())
        shutil.copyfile(directory / f"boot/vmlinuz-{version}", self.files / "vmlinuz")
        shutil.copyfile(initramfs_of(case), self.files / "initramfs")
        if self.secure:
            self.serve_secure(case, arguments)
            return
        has_definition = (case.directory / "definition.json").exists()
        commands = [text for word, text in blocks_of(PAGE)
                    if word == "sh" and (has_definition or "definition.json" not in text)]
        mangrove = f'mangrove() {{ {MANGROVE} "$@"; }}\n'
        run(*self.network.inside(*self.with_files(mangrove + "".join(commands))), cwd=case.directory)
        script = self.files / "nodes" / f"{mac.replace(':', '-')}.ipxe"
        script.write_text(NODE_SCRIPT.format(arguments=arguments))

    def serve_secure(self, case, arguments):
        is_changed = "changed" in self.settings
        arguments = [*arguments.split(), *on_command_line(case.directory / "definition.json", case.is_signed())]
        if self.secure == "shim":
            shutil.copytree(signed_loaders(), self.files, dirs_exist_ok=True)
            menu = self.files / "grub/grub.cfg"
            menu.write_text(re.sub(r"mangrove\.definition=[^\s;]+", " ".join(arguments), menu.read_text()))
            if is_changed:
                change_a_bit(self.files / "vmlinuz")
            return
        if self.secure == "imgverify":
            self.serve_verified(arguments)
            if is_changed:
                change_a_bit(self.files / "initramfs")
            return
        key = site_key(self.network.work)
        sign = ["--key", key, "--cert", SITE_KEY.with_suffix(".pem")]
        image = self.files / "mangrove.efi"
        run(MANGROVECTL, "boot-image", "--uki", "--kernel", self.files / "vmlinuz", "--initramfs", self.files / "initramfs",
            *(f"--argument={argument}" for argument in arguments), *sign, "--output", image)
        if is_changed:
            change_a_bit(image)
        if self.secure == "ipxe":
            run("sbsign", *sign, "--output", self.files / "snponly.efi", "/usr/lib/ipxe/snponly.efi")

    def serve_verified(self, arguments):
        """An iPXE with the page's script in it. Of the two signatures, the firmware knows only that of the lab's site."""
        if "MANGROVE_IPXE" not in os.environ:
            raise Failure("MANGROVE_IPXE is not set; set it to a directory with the source of https://github.com/ipxe/ipxe")
        script = self.files / "trusted.ipxe"
        script.write_text(re.sub(r"mangrove\.definition=\S+", " ".join(arguments), script.read_text()))
        shutil.copytree(os.environ["MANGROVE_IPXE"], self.files / "ipxe", ignore=shutil.ignore_patterns("bin*", ".git"))
        commands = "".join(text for word, text in blocks_of(SECURE_PAGE)
                           if word == "sh" and ("openssl req" in text or "IMAGE_TRUST_CMD" in text))
        site = f"--key {site_key(self.network.work)} --cert {SITE_KEY.with_suffix('.pem')}"
        sbsign = f'sbsign() {{ shift 4; command sbsign {site} "$@"; }}\n'
        run(*self.network.inside(*self.with_files(f"cd /srv/mangrove\n{sbsign}{commands}")))


def site_key(directory):
    """The site's key without its password."""
    key = directory / "site.key"
    run("openssl", "rsa", "-in", SITE_KEY, "-passin", "pass:snakeoil", "-out", key)
    return key


def signed_loaders():
    """A directory with the loaders that the page has the head node fetch."""
    commands = next(text for word, text in blocks_of(SECURE_PAGE) if word == "sh" and "shim-signed" in text)
    directory = CACHE / f"signed-loaders-{hashlib.sha256(commands.encode()).hexdigest()[:8]}"
    if not directory.exists():
        with tempfile.TemporaryDirectory(dir=make(CACHE)) as work:
            run("unshare", "--mount", "sh", "-ec", f"mount --bind {make(Path(work) / 'srv')} /srv\n{commands}", cwd=work)
            os.rename(Path(work) / "srv/mangrove", directory)
    return directory
