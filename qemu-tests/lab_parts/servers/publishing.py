"""Servers without anything to serve, for mangrovectl to publish with. Each has `start`, `stop`, `environment` and
`options` for mangrovectl, and `state`: all that publishing may change. One on another machine has `run`, too, which
runs mangrovectl there, and its `address`."""

import base64
import json
import shlex
import shutil
import socket
from pathlib import Path

from ..authority import AUTHORITY
from ..common import MANGROVECTL, Failure, make, run
from ..images import image
from ..network import SERVER
from .ceph import Ceph
from .ganesha import SERVER_CONFIGURATION
from .nfsd import START as START_NFSD
from .radosgw import BUCKET, PORT, Radosgw
from .registry import PORT as REGISTRY_PORT
from .registry import Registry
from .server import Server
from .server_vm import ADDRESS, ServerVm
from .tgt import Tgt


class EmptyTgt(Tgt):
    def __init__(self, network):
        super().__init__(network, [])

    def options(self):
        return []

    def state(self):
        return "".join(run(*self.words(mode, "show"), env=self.environment) for mode in ("target", "account"))


class Reading(Server):
    """A server that reads a directory; what it holds is its state."""
    environment = {}

    def __init__(self, network, port):
        super().__init__(network)
        self.port = port
        self.directory = make(network.work / "published")

    def start_and_wait(self, *words):
        self.run_process(*words)
        self.wait_for_port(self.port)

    def options(self):
        return ["--directory", self.directory]

    def state(self):
        return "\n".join(f"{path} {path.stat().st_size}" for path in sorted(self.directory.rglob("*")))


class NbdServer(Reading):
    def __init__(self, network):
        super().__init__(network, 10809)

    def start(self):
        # It does not start without any export.
        (self.network.work / "nothing").write_bytes(bytes(4096))
        configuration = self.network.work / "nbd-server"
        configuration.write_text(f"[generic]\nlistenaddr = {SERVER}\nport = {self.port}\nallowlist = true\nuser = root\n"
                                 f"group = root\nincludedir = {self.directory}\n"
                                 f"[nothing]\nexportname = {self.network.work}/nothing\nreadonly = true\n")
        # It takes more than one connection only as a daemon, so it gets processes of its own to end with.
        self.pid = self.network.work / "nbd-server.pid"
        self.command = f"nbd-server -C {configuration} -p {self.pid}"
        self.start_and_wait("unshare", "--pid", "--fork", "--kill-child", "sh", "-c",
                            f"{self.command} && exec sleep infinity")

    def options(self):
        first = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().strip()
        gone = f"while ss -Hltn sport = :{self.port} | grep -q .; do sleep 0.05; done"
        restart = f"kill $(cat {self.pid}); {gone}; {self.command}"
        return super().options() + ["--reload", f"nsenter --target {first} --pid sh -c {shlex.quote(restart)}"]


class GaneshaServer(Reading):
    def __init__(self, network):
        super().__init__(network, 2049)
        self.log = network.work / "ganesha.log"

    def start(self):
        configuration = self.network.work / "ganesha.conf"
        configuration.write_text(SERVER_CONFIGURATION.format(protocols="4", minor="0, 1, 2",
                                                             work=make(self.network.work / "ganesha"))
                                 + f"%dir {self.directory}\n")
        self.start_and_wait("ganesha.nfsd", "-F", "-f", configuration, "-L", self.log, "-p",
                            self.network.work / "ganesha.pid")

    def options(self):
        return super().options() + ["--reload", f"kill -HUP {self.process.pid}"]


class EmptyCeph(Ceph):
    def __init__(self, network):
        super().__init__(network, [])
        self.environment = {}

    def start(self):
        super().start()
        self.ceph("osd", "pool", "create", "rbd", "8")
        self.ceph("osd", "pool", "application", "enable", "rbd", "rbd")
        self.environment = {"CEPH_CONF": str(self.home / "conf")}

    def options(self):
        return []

    def state(self):
        return self.rbd("ls", "--long", "rbd") + self.ceph("auth", "ls")


class EmptyRegistry(Registry):
    """With tokens, for who pushes as for the nodes."""
    address = None
    USER, PASSWORD = "node", "squeamish-ossifrage"

    def __init__(self, network):
        super().__init__(network, [((), {"certificate": SERVER, "user": self.USER, "password": self.PASSWORD,
                                         "lifetime": "60"})])
        self.environment = {"SSL_CERT_FILE": str(AUTHORITY.certificate())}
        self.place = f"{SERVER}:{REGISTRY_PORT}"

    def options(self):
        (self.work / "node").write_text(f"{self.USER}:{self.PASSWORD}\n")
        login = base64.b64encode(f"{self.USER}:{self.PASSWORD}".encode()).decode()
        (self.work / "auth.json").write_text(json.dumps({"auths": {self.place: {"auth": login}}}))
        return ["--repository", f"{self.place}/site/lab", "--authfile", self.work / "auth.json",
                "--node-credentials", self.work / "node"]

    def state(self):
        """Blobs are for its garbage collection."""
        return "\n".join(sorted(str(link) for link in (self.work / "blobs").rglob("_manifests/revisions/sha256/*/link")))

    def finish(self):
        pass


class EmptyRadosgw(Radosgw):
    address = None
    environment = {}

    def __init__(self, network):
        super().__init__(network, [])

    def options(self):
        return ["--url", f"http://{SERVER}:{PORT}", "--bucket", BUCKET, "--credentials", self.home / "s3cfg",
                "--node-credentials", self.home / "node.s3cfg"]

    def state(self):
        return self.s3cmd("ls", "--recursive", f"s3://{BUCKET}") + self.s3cmd("multipart", f"s3://{BUCKET}")

    def has_part(self):
        return "squashfs" in self.s3cmd("multipart", f"s3://{BUCKET}")


class WebServer(Reading):
    def __init__(self, network):
        super().__init__(network, 80)

    def start(self):
        configuration = self.network.work / "published.conf"
        configuration.write_text(f'server.document-root = "{self.directory}"\n'
                                 f'server.bind = "{SERVER}"\nserver.port = {self.port}\n')
        self.start_and_wait("lighttpd", "-D", "-f", configuration)


class HeadNode(ServerVm):
    """A machine of its own with a kernel's server, whose second serial port takes commands. They see a root that is a
    disk's, as a head node has it: the kernel exports no overlay."""
    environment = {}
    address = ADDRESS
    SCRIPT = """mkdir -p /head /built
mount /dev/vdf /head
mkdir -p /head/tools /head/var/lib/mangrove
mount -o ro /dev/vdd /head/tools
mount -o ro /dev/vde /built
cp -a /built /head/var/lib/mangrove/images
for directory in dev proc run sys tmp; do mount --rbind /$directory /head/$directory; done
chroot /head bash -euxc '{start}'
exec 3<>/dev/ttyS1
stty raw -echo <&3
answer() {{
    while read -r line <&3; do
        code=0
        chroot /head bash -c "$line" >/tmp/out 2>/tmp/err || code=$?
        echo "$(base64 -w0 /tmp/out):$(base64 -w0 /tmp/err):$code" >&3
    done
}}
answer &
"""

    def __init__(self, network):
        super().__init__(network)
        self.port = network.work / "server.serial"

    def start(self):
        disks = [self.pack("tools", self.tools()), self.pack("built", self.network.work / "store"), self.make_root()]
        self.run_machine(f"modprobe -a ext4 {self.MODULES}\n" + self.SCRIPT.format(start=self.START), disks,
                         ["-serial", f"unix:{self.port},server=on,wait=off"])

    def tools(self):
        """mangrovectl, and the libraries that the machine's image may not have."""
        tools = make(self.network.work / "tools")
        libraries = [word for word in run("ldd", MANGROVECTL).split() if word.startswith("/")]
        for file in (MANGROVECTL, *libraries):
            shutil.copy(file, tools)
        return tools

    def pack(self, name, tree):
        file = self.network.work / f"{name}.squashfs"
        run("mksquashfs", tree, file, "-noappend", "-quiet", "-no-progress", "-comp", "zstd", "-Xcompression-level", "1")
        return file

    def make_root(self):
        disk = self.network.work / "root.ext4"
        run("mke2fs", "-q", "-t", "ext4", "-d", image("server.squashfs").with_suffix(""), disk, "2G")
        return disk

    def command(self, line):
        with socket.socket(socket.AF_UNIX) as port:
            port.connect(str(self.port))
            port.settimeout(60)
            port.sendall(line.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                answer += port.recv(4096)
        printed, said, code = answer.decode().strip().split(":")
        if code != "0":
            raise Failure(f"{line}: {base64.b64decode(said).decode()}")
        return base64.b64decode(printed).decode()

    def run(self, *words):
        return self.command(shlex.join(["/tools/ld-linux-x86-64.so.2", "--library-path", "/tools", "/tools/mangrovectl",
                                        *map(str, words)]))

    def options(self):
        return []

    def state(self):
        return self.command(self.STATE)


class LioMachine(HeadNode):
    MODULES = "target_core_file iscsi_target_mod"
    START = ""
    STATE = "find /sys/kernel/config/target -not -path '*/statistics/*' | sort"


class KnfsdMachine(HeadNode):
    MODULES = "nfsd"
    START = START_NFSD
    STATE = "exportfs -s && find /etc/exports*"


SERVERS = {("iscsi", "lio"): LioMachine, ("iscsi", "tgt"): EmptyTgt, ("nbd", "nbd-server"): NbdServer,
           ("nfs", "ganesha"): GaneshaServer, ("nfs", "knfsd"): KnfsdMachine, ("http", "directory"): WebServer,
           ("rbd", "ceph"): EmptyCeph, ("oci", "registry"): EmptyRegistry, ("s3", "bucket"): EmptyRadosgw}
