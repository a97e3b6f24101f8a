"""HTTP and HTTPS from lighttpd: `web FILE image=IMAGE` serves an image as /FILE (`changed=IMAGE`: another one after the action
`change`), `web FILE file=PATH` another file, one line each; `web FILE signed=DEFINITION` a definition, with the lab's signature
in FILE.sig; `web FILE tree=DIRECTORY [then=DIRECTORY]` a directory as a tar of root's files, and after a restart the other one;
`web FILE plan=URL` a head node's answer to /n/boot: the kernel that the nodes have, with their arguments, and the definition at
that URL. A line `web certificate=NAME [authority=other] [weak=sha1|rsa1024]` has it serve HTTPS as well, with a certificate for
that host name, from the lab's authority or from one that no node knows; a weak one has been signed with SHA-1 or is of a key of
1024 bits. A line `web ranges=no` has it give out no parts of files, `web user=NAME password=PASSWORD` nothing to anybody else.
`mirror` is a second server of the same kind, at port 8080."""

import json
from pathlib import Path

from ..authority import AUTHORITY, Authority
from ..common import make, run
from ..definitions import filled
from ..images import digest_of, image, initramfs, kernel
from ..network import MOVED_SERVER, SERVER, SERVER_IPV6
from ..signer import sign
from .server import Server

MODULES = '"mod_openssl", "mod_auth", "mod_authn_file"'
AUTHENTICATION = """
auth.backend = "plain"
auth.backend.plain.userfile = "{users}"
auth.require = ("" => ("method" => "basic", "realm" => "images", "require" => "valid-user"))
"""
WEAK = {"sha1": {"digest": "sha1"}, "rsa1024": {"kind": ["rsa:1024"]}}
# OpenSSL itself would not serve them.
SERVE_WEAK = 'ssl.openssl.ssl-conf-cmd = ("CipherString" => "DEFAULT:@SECLEVEL=0")'
TLS = """
$SERVER["socket"] == "{address}:443" {{ ssl.engine = "enable" ssl.pemfile = "{certificate}" {more} }}
"""


def name_of_kernel(bzimage):
    """As it stands in its header (Documentation/arch/x86/boot.rst)."""
    start = bzimage.read_bytes()[:65536]
    at = 0x200 + int.from_bytes(start[0x20e:0x210], "little")
    return start[at:start.index(b"\0", at)].decode()


class Web(Server):
    directory = "web"
    port = 80
    address = SERVER
    has_started = False
    is_changed = False

    def fill_in(self, arguments):
        for words, options in self.lines:
            for name in words if "plan" in options else []:
                (self.network.work / "web" / name).write_text(json.dumps(self.plan(options["plan"], arguments)))
        return arguments

    def plan(self, definition, arguments):
        directory, version = kernel()
        files = {"kernel": directory / f"boot/vmlinuz-{version}", "initramfs": initramfs()}
        for name, file in files.items():
            (make(self.network.work / "web/blob") / name).symlink_to(file)
        blobs = {name: {"url": f"http://{SERVER}/blob/{name}", "sha256": digest_of(file)} for name, file in files.items()}
        return {"definition": definition, "kernel": {**blobs["kernel"], "version": name_of_kernel(files["kernel"])},
                "initramfs": [blobs["initramfs"]],
                "arguments": [f"mangrove.definition={definition}",
                              *(word for word in arguments.split() if not word.startswith("mangrove.definition="))]}

    def pack(self, archive, options):
        tree = options["then"] if self.has_started and "then" in options else options["tree"]
        run("tar", "--create", "--format=pax", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=go-w",
            "--file", archive, "--directory", tree, ".")

    def start(self):
        tree = make(self.network.work / self.directory)
        settings = (f'server.document-root = "{tree}"\nserver.bind = "{self.address}"\nserver.port = {self.port}\n'
                    # lighttpd sends no ETag for files without a type.
                    f'mimetype.assign = ("" => "application/octet-stream")\n'
                    f'server.modules = ({MODULES})\n$SERVER["socket"] == "[{SERVER_IPV6}]:{self.port}" {{ }}\n')
        for words, options in self.lines:
            for name in words:
                make((tree / name).parent)
                if "tree" in options:
                    self.pack(tree / name, options)
                elif "signed" in options:
                    definition = filled(Path(options["signed"]))
                    (tree / name).write_text(definition)
                    (tree / f"{name}.sig").write_text(sign(definition))
                elif "plan" in options:
                    pass  # when the arguments are known
                else:
                    (tree / name).unlink(missing_ok=True)
                    (tree / name).symlink_to(self.file_of(options))
            if options.get("ranges") == "no":
                settings += 'server.range-requests = "disable"\n'
            if "user" in options:
                users = self.network.work / "users"
                users.write_text(f"{options['user']}:{options['password']}\n")
                settings += AUTHENTICATION.format(users=users)
            if "certificate" in options:
                work = make(self.network.work / "tls")
                authority = Authority(work / "other") if options.get("authority") == "other" else AUTHORITY
                settings += TLS.format(address=self.address, more=SERVE_WEAK if "weak" in options else "",
                                       certificate=authority.issue(work, options["certificate"],
                                                                   **WEAK.get(options.get("weak"), {})))
        configuration = self.network.work / f"{self.directory}.conf"
        configuration.write_text(settings)
        self.run_process("lighttpd", "-D", "-f", configuration)
        self.wait_for_port(self.port)
        self.has_started = True

    def file_of(self, options):
        if self.is_changed and "changed" in options:
            return image(options["changed"])
        return options["file"] if "file" in options else image(options["image"])

    def change(self):
        """It starts again, with other files."""
        self.is_changed = True
        self.start()

    def restore(self):
        """It starts again, with the files that it had."""
        self.stop()
        self.is_changed = False
        self.start()

    def move(self):
        """It starts again at another address, and at the old one nobody is."""
        self.address = MOVED_SERVER
        self.network.ip(f"address add {MOVED_SERVER}/24 dev br0")
        self.start()


class Mirror(Web):
    directory = "mirror"
    port = 8080
