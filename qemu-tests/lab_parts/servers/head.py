"""A head node, one line: `head image=IMAGE [over=TRANSPORT server=SERVER] [files=DIRECTORY,…] [live=A then=B] [dhcp=kea|later]
[plain=yes] [known=no] [rollout=STATE …] [bmc=KIND] [broken=yes] [profile=yes] [signed=yes] [import=FILE] [strangers=yes] [crowd=N] [KEY=VALUE…]`. mangrovectl builds and publishes the
image and keeps the nodes n001, n002, …, which are in the group `compute`; mangrove-head serves them, with DHCP from what
`mangrovectl configure` writes. `files` and `live` are imported as sets of the group, and `change head` imports B in the place of
A; a program in the place of a directory makes it (`$1`). With import=FILE the nodes are those of a nodes.conf of Warewulf. With
dhcp=later the nodes have addresses in the database only when the machines have been accepted, and dnsmasq reads them again. With
plain=yes the card loads an iPXE by TFTP, as a card does whose ROM is none. With strangers=yes another machine, which has the
address of n001 before it boots, asks for what is not its own. With crowd=N so many others ask first, and the machines of the lab
must have to wait. With rollout=STATE a rollout moves the nodes to a release (rollouts.py), and
they must have this state at the end. timeout=SECONDS is that of the definitions. With signed=yes the nodes boot signed definitions only, and the lab signs theirs and releases. With broken=yes the definition has a layer that is not there, and the node must tell. With profile=yes n001
is asked for a profile and posts what its boot read, and an image is built by that. With
bmc=ipmi|redfish each node has a BMC that switches its machine (bmcs.py). With
known=no nobody knows the machines until the script of the case says `accept head`. Other keys go to mangrove-head's
configuration. `stop head` kills mangrove-head, which is started again after five seconds; `break head` ends the server of its image, and
`mend head` starts it again."""

import json
import os
import shutil
import signal
from pathlib import Path

from ..common import HERE, MANGROVE, MANGROVECTL, ROOT, Failure, make, run, wait_until
from ..images import kernel, tree
from ..network import SERVER
from ..signer import allowed_signers, signing
from .bmcs import Bmcs
from .kea import Kea
from .publishing import SERVERS
from .pxe import blocks_of
from .rollouts import KEYS, Rollouts
from .server import Server

PAGE = ROOT / "docs/head.md"
KEA = """{{ "Dhcp4": {{
  "interfaces-config": {{ "interfaces": [ "br0" ] }},
  "lease-database": {{ "type": "memfile", "name": "{leases}" }},
  "client-classes": [ {{ "name": "ipxe", "test": "option[175].exists", "boot-file-name": "http://{server}/boot.ipxe" }} ],
  "subnet4": [ {{ "subnet": "192.168.3.0/24", "pools": [ {{ "pool": "192.168.3.150 - 192.168.3.199" }} ],
    "reservations": {reservations} }} ]
}} }}
"""
NOBODY = 65534
TMPFILES = ROOT / "src/head/daemon/tmpfiles.conf"
# The card's ROM is an iPXE already. It loads what it would load by TFTP if it were a plain one.
FIRST_SCRIPT = """#!ipxe
iseq ${{netX/chip}} virtio-net && chain tftp://${{next-server}}/undionly.kpxe ||
echo {server} is asked through ${{netX/chip}}
chain http://{server}/boot.ipxe
"""
OWN = {*KEYS, "bmc", "broken", "profile", "signed", "image", "over", "server", "files", "live", "dhcp", "plain", "known", "import", "strangers", "crowd", "then", "timeout"}


class Head(Server):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        ((_, self.settings),) = lines
        self.over = self.settings.get("over", "nbd")
        self.state = network.work / "head"
        self.configuration = network.work / "head.yaml"
        self.socket = network.work / "head-socket/api"
        self.leases = network.work / "head-leases"
        self.hosts = network.work / "head-hosts"
        self.daemon = None
        self.dhcp = None
        self.macs = []
        self.known = self.settings.get("known") != "no"
        self.rollouts = Rollouts(self) if "rollout" in self.settings else None
        self.bmcs = Bmcs(self) if "bmc" in self.settings else None
        self.server = SERVERS[self.over, self.settings.get("server", "nbd-server")](network)
        if self.over == "http":
            self.server.port = 8000  # mangrove-head has the usual one

    def ctl(self, *words):
        directories = [f"--store={self.state}/images", f"--publications={self.state}/publications",
                       f"--targets={self.state}/targets", f"--database={self.state}/nodes.db"]
        return run(*self.network.inside(MANGROVECTL, *directories, *words),
                   env={**os.environ, **self.server.environment})

    def start(self):
        self.prepare()
        self.run_process(HERE / "lab_parts/socket-unit", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                         "--bounding-set=-all", "--no-new-privs", MANGROVECTL.parent / "mangrove-head", "--configuration",
                         self.configuration, **({"env": self.rollouts.environment()} if self.rollouts else {}))
        self.daemon = self.process
        wait_until(self.socket.exists, 60, "mangrove-head does not start")

    def prepare(self):
        self.network.work.chmod(0o755)
        self.make_directories()
        self.server.start()
        self.publish("lab", tree(self.settings["image"]))
        sets = []
        for moment in ("files", "live"):
            for number, place in enumerate(filter(None, self.settings.get(moment, "").split(","))):
                name = moment + (str(number) if number else "")
                self.ctl("files", "import", name, "--from", self.directory_from(place, name), "--moment", "boot" if moment == "files" else moment)
                sets.append(name)
        if self.rollouts:
            sets = self.rollouts.prepare(sets)
        if "import" in self.settings:
            self.ctl("node", "import", "--from", "warewulf", self.settings["import"], "--yes")
            if sets:
                self.ctl("group", "set", "compute", "files=" + ",".join(sets), "--yes")
        else:
            self.ctl("group", "add", "compute", "values.rack=1", *(["files=" + ",".join(sets)] if sets else []), "--yes")
        if self.bmcs:
            self.bmcs.prepare()
        settings = {"address": SERVER, "state": self.state, "socket": self.socket, "leases": self.leases, "screen": 5,
                    **{key: value for key, value in self.settings.items() if key not in OWN}}
        if "drain=slurm" in self.settings.get("policy", ""):
            settings["scontrol"] = f"[env, SLURM_CONF={self.network.work}/slurm/slurm.conf, scontrol]"
        self.configuration.write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))

    def publish(self, name, source):
        """Builds an image of a directory and publishes it."""
        directory, version = kernel()
        self.ctl("image", "build", name, "--from", source, "--format", "squashfs",
                 "--kernel", directory / f"boot/vmlinuz-{version}", "--modules", directory / "lib/modules" / version,
                 "--mangrove", MANGROVE, "--initramfs-option=--for", "--initramfs-option=virtio",
                 *([f"--initramfs-option=--signers={allowed_signers()}"] if "signed" in self.settings else []))
        self.ctl("publish", name, "--over", self.over, "--server", self.settings.get("server", "nbd-server"),
                 "--address", SERVER, *self.server.options(), *(["--port", self.server.port] if self.over == "http" else []),
                 *(["--sign", *signing()] if "signed" in self.settings else []))

    def directory_from(self, place, name):
        """A checkout from git has no capabilities and attributes, so a program makes files with these."""
        if Path(place).is_dir():
            return place
        directory = make(self.network.work / name)
        run(place, directory)
        return directory

    def make_directories(self):
        """As the package's tmpfiles.d(5) has them; the group of mangrove-head is nobody's."""
        for line in TMPFILES.read_text().splitlines():
            if line.startswith("d "):
                _, path, mode, _, _ = line.split()
                directory = make(self.state / path.removeprefix("/var/lib/mangrove").lstrip("/"))
                os.chown(directory, 0, NOBODY)
                directory.chmod(int(mode, 8))
        os.chown(make(self.socket.parent), NOBODY, NOBODY)

    def serve(self, case, mac, arguments):
        """Makes a node of a machine; DHCP starts with the last one."""
        self.macs.append(mac)
        self.arguments = arguments
        if self.known and "import" not in self.settings:
            self.add(mac)
        if len(self.macs) == case.nodes():
            soon = {"files": {"interval": 5}} if "live" in self.settings else {}
            if "timeout" in self.settings:
                soon["timeout"] = int(self.settings["timeout"])
            if "broken" in self.settings:
                soon["layers"] = [{"kind": "uri", "uri": {"uri": f"http://{SERVER}/none.tar"}}]
            self.ctl("group", "set", "compute", "values.kernel.arguments=" + json.dumps(arguments.split()),
                     "values.definition=" + json.dumps({**soon, "report": {"spread": 1}}), "--yes")
            self.start_dhcp()
            if self.known:
                wait_until(lambda: all(node["image"] for node in self.nodes()), 20, "mangrove-head serves no image")
            if "profile" in self.settings:
                self.ctl("--socket", self.socket, "profile", "record", "n001")
            if self.rollouts and self.settings.get("begin") != "later":
                self.rollouts.start()
            if "crowd" in self.settings:
                self.start_crowd(int(self.settings["crowd"]))
            if "strangers" in self.settings:
                self.ask_as_strangers()

    def start_crowd(self, count):
        """Machines that came before those of the lab."""
        crowd = self.network.work / "crowd.json"
        nodes = {f"crowd{number}": {"macs": [f"52:54:01:00:00:{number:02x}"], "groups": ["compute"], "values": {"image": "lab"}}
                 for number in range(1, count + 1)}
        crowd.write_text(json.dumps({"nodes": nodes}))
        self.ctl("apply", "-f", crowd, "--yes")
        wait_until(lambda: len(self.nodes()) == count + len(self.macs), 20, "mangrove-head does not serve the crowd")
        for number in range(1, count + 1):
            run(*self.network.inside("curl", "--silent", f"http://{SERVER}/boot/52-54-01-00-00-{number:02x}.ipxe"))
        self.crowd = self.status()["deferred"]

    def status(self):
        return json.loads(run("curl", "--silent", "--unix-socket", self.socket, "http://head/v1/status"))

    def ask_as_strangers(self):
        """The definition of a node is for root of that node."""
        namespace = self.network.add_namespace("stranger")
        self.network.ip(f"link add stranger type veth peer name port netns {namespace}")
        self.network.ip("link set stranger master br0 up")
        for words in ("address add 192.168.3.101/24 dev port", "link set port up"):
            run("ip", "-n", namespace, *words.split())

        authority = self.network.work / "head-ca.pem"
        authority.write_bytes((self.state / "authority/ca.pem").read_bytes())

        def ask(node, *words, user=0):
            return run("ip", "netns", "exec", namespace, "setpriv", f"--reuid={user}", "--clear-groups", "curl", "--silent",
                       "--retry", 5, "--retry-all-errors", "--cacert", authority, *words,
                       f"https://{SERVER}/n/definition?node={node}")

        reserved = ("--local-port", "600-900")
        for answer, wanted in ((ask("n001", *reserved), '"hostname":"n001"'), (ask("n001", user=NOBODY), "is not below 1024"),
                               (ask("n002", *reserved), "192.168.3.101 is not an address of n002")):
            if wanted not in answer:
                raise Failure(f"mangrove-head answered {answer!r} and not {wanted!r}")
        self.network.ip("link delete stranger")

    def add(self, mac):
        number = self.macs.index(mac) + 1
        name = f"n{number:03}"
        self.ctl("node", "add", name, "groups=compute", f"macs={mac}", f"interfaces.default.address=192.168.3.{100 + number}",
                 f"values.number={number}", *(self.bmcs.fields(number) if self.bmcs else []), "--yes")
        self.ctl("assign", "lab", name, "--yes")

    def accept(self):
        """The operator does, when all machines have asked."""
        wait_until(lambda: len(json.loads(self.ctl("discover", "list", "--json"))) == len(self.macs), 60,
                   "not all machines stand in discover list")
        self.ctl("discover", "accept", "all", "--as", "n[001-009]", "groups=compute", "values.image=lab", "--yes")
        if self.settings.get("dhcp") == "later":
            for number in range(1, len(self.macs) + 1):
                self.ctl("node", "set", f"n{number:03}", f"interfaces.default.address=192.168.3.{100 + number}", "--yes")
            self.ctl("configure", "dnsmasq", "-o", self.hosts, "--reload", f"kill -HUP {self.process.pid}")

    def change(self):
        self.ctl("files", "import", "live", "--from", self.settings["then"])

    def roll(self):
        self.rollouts.start()

    def rollout_states(self):
        return self.rollouts.states()

    def break_(self):
        self.server.stop()

    def mend(self):
        self.server.start()

    def nodes(self):
        """As mangrove-head serves them."""
        nodes = json.loads(run("curl", "--silent", "--unix-socket", self.socket, "http://head/v1/nodes"))
        return [node["served"] for node in nodes if "served" in node]

    def start_dhcp(self):
        if self.settings.get("dhcp") == "kea":
            file = self.network.work / "head-kea.conf"
            file.write_text(KEA.format(server=SERVER, leases=self.leases, reservations=self.ctl("configure", "kea")))
            self.dhcp = Kea(self.network, [([], {"configuration": str(file)})])
            self.dhcp.start()
            return
        self.hosts.write_text(self.ctl("configure", "dnsmasq"))
        file = self.network.work / "head-dnsmasq.conf"
        text = dict(blocks_of(PAGE))["/etc/dnsmasq.d/mangrove.conf"]
        text = text.replace("/etc/mangrove/dnsmasq.hosts", str(self.hosts))
        if "plain" in self.settings:
            text = self.with_plain_cards(text)
        file.write_text(text)
        self.run_process("dnsmasq", "--keep-in-foreground", "--user=root", f"--conf-file={file}", "--log-facility=-",
                         f"--pid-file={self.network.work}/head-dnsmasq.pid", f"--dhcp-leasefile={self.leases}")

    def with_plain_cards(self, text):
        files = make(self.network.work / "head-tftp")
        shutil.copy("/usr/lib/ipxe/undionly.kpxe", files)
        (files / "first.ipxe").write_text(FIRST_SCRIPT.format(server=SERVER))
        return text.replace("/usr/lib/ipxe", str(files)).replace(f"http://{SERVER}/boot.ipxe", "first.ipxe")

    def stop(self):
        """As a defect would; systemd starts it again."""
        children = Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)

    def reports(self):
        """Returns the files with those of n001, the newest last."""
        return sorted((self.state / "reports/n001").glob("*.json"))

    def last_report(self):
        return json.loads(self.reports()[-1].read_text())

    def check_profile(self):
        """The profile of n001 says what a boot of its image reads first, and an image is built by it."""
        profile = self.network.work / "profile.json"
        self.ctl("--socket", self.socket, "profile", "merge", "n001", "--output", profile)
        paths = [file["path"] for file in json.loads(profile.read_text())["files"]]
        here = tree(self.settings["image"])
        # A boot writes some of what it reads.
        known = [path for path in paths if (here / path.lstrip("/")).exists()]
        if len(known) < 100 or known[0] != "/usr/lib/systemd/systemd" or len(known) < 0.9 * len(paths):
            raise Failure(f"a boot reads other files than these {len(paths)}: {', '.join(paths[:40])}")
        self.ctl("image", "build", "laid-out", "--from", here, "--no-boot", "--profile", profile)
        if '"profile"' not in self.ctl("image", "show", "laid-out", "--json"):
            raise Failure("the record of the image has no profile")

    def finish(self):
        if "profile" in self.settings:
            self.check_profile()
        if self.daemon.poll() is not None:
            raise Failure("mangrove-head has ended")
        if "live" in self.settings and not self.last_report()["steps"]:
            raise Failure("the report of n001 has no steps")
        if self.rollouts:
            self.rollouts.finish()
        if self.bmcs:
            self.bmcs.finish()
        if "broken" in self.settings:
            wait_until(self.reports, 20, "no report came")
            report = self.last_report()
            if "none.tar" not in report["failure"] or not any("none.tar" in line for line in report["kernel_log"]):
                raise Failure(f"the report of the failure is {report}")
        if "crowd" in self.settings and self.status()["deferred"] <= self.crowd:
            raise Failure("no machine of the lab had to wait")
