"""NFS from ganesha: `nfs PATH image=IMAGE [file=NAME] [clients=NETWORK] [protocols=3|4|3,4] [minor=0,1,2]
[portmapper=no]`, one line an export. With `file` the image lies there under that name; without it, the tree that the image
was made from is exported. `clients` are all who may mount it. The others are for the whole server, from the first line:
`protocols` (4), of which 3 brings a portmapper along, unless that is `no`."""

import shutil

from ..common import Failure, make, run
from ..images import image, tree
from .server import Server

SERVER_CONFIGURATION = """
NFS_CORE_PARAM {{
    Protocols = {protocols};
    MNT_Port = 20048;
    mount_path_pseudo = true;
    Enable_NLM = false;
    Enable_RQUOTA = false;
}}
NFS_KRB5 {{
    Active_krb5 = false;
    CCacheDir = {work};
}}
NFSv4 {{
    Graceless = true;
    Lease_Lifetime = 10;
    Minor_Versions = {minor};
    Only_Numeric_Owners = true;
    RecoveryBackend = fs_ng;
    RecoveryRoot = {work};
}}
"""
EXPORT_CONFIGURATION = """
EXPORT {{
    Export_Id = {number};
    Path = {path};
    Pseudo = {pseudo};
    Protocols = {protocols};
    Squash = No_Root_Squash;
    SecType = sys;
    FSAL {{ Name = VFS; }}
    CLIENT {{ Clients = {clients}; Access_Type = RO; }}
}}
"""


class Ganesha(Server):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        self.settings = lines[0][1]
        self.protocols = self.settings.get("protocols", "4")
        self.configuration = network.work / "ganesha.conf"
        self.log = network.work / "ganesha.log"

    def configure(self):
        text = SERVER_CONFIGURATION.format(protocols=self.protocols, minor=self.settings.get("minor", "0, 1, 2"),
                                           work=make(self.network.work / "ganesha"))
        for number, ((pseudo,), settings) in enumerate(self.lines, 1):
            text += EXPORT_CONFIGURATION.format(number=number, pseudo=pseudo, protocols=self.protocols,
                                                path=self.exported(pseudo, settings),
                                                clients=settings.get("clients", "*"))
        self.configuration.write_text(text)

    def exported(self, pseudo, settings):
        """The directory behind an export."""
        if "file" not in settings:
            return self.tree_of(settings["image"], pseudo)
        directory = make(self.network.work / "exports" / pseudo.strip("/"))
        if not (directory / settings["file"]).exists():
            shutil.copyfile(image(settings["image"]), directory / settings["file"])
        return directory

    def tree_of(self, name, pseudo):
        """Returns the tree of an image; of one that is made for the lab its contents."""
        if tree(name).exists():
            return tree(name)
        directory = make(self.network.work / "trees") / pseudo.strip("/").replace("/", "-")
        if not directory.exists():
            run("unsquashfs", "-quiet", "-no-progress", "-dest", directory, image(name))
        return directory

    def start(self):
        self.configure()
        words = ["ganesha.nfsd", "-F", "-f", self.configuration, "-L", self.log, "-p", self.network.work / "ganesha.pid"]
        if "3" in self.protocols:
            # It finds the portmapper by a socket in /run, which all namespaces of the network would share.
            self.run_process("unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /run && exec rpcbind -f")
            self.wait_for_port(111)
            words = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", *words]
        self.run_process(*words)
        self.wait_for_port(2049)
        if self.settings.get("portmapper") == "no":  # ganesha itself does not start without one
            self.network.stop(self.processes.pop(0))
        # It goes on without an export that it does not understand.
        if wrong := [line for line in self.log.read_text().splitlines() if ":CONFIG :CRIT :" in line]:
            raise Failure("ganesha: " + wrong[0])
