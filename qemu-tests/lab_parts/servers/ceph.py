"""A Ceph cluster of one monitor and one OSD in memory: `ceph IMAGE image=FILE [pool=POOL] [namespace=NAME]
[features=NAME,…]`, one line an RBD image, with the protected snapshot `v1`. Clients: `admin`, and `node`, who may read.
Their keys are always the same, for the definitions of the cases hold them."""

import os
import time
import uuid

from ..common import Failure, make, run
from ..images import image
from ..network import SERVER
from .server import Server

KEYRING = """[mon.]
key = AQAA8VNlAAAAABAAAQEBAQEBAQEBAQEBAQEBAQ==
caps mon = "allow *"
[osd.0]
key = AQAA8VNlAAAAABAAAQEBAQEBAQEBAQEBAQEBAQ==
caps mon = "allow profile osd"
caps osd = "allow *"
[client.admin]
key = AQAA8VNlAAAAABAAAQEBAQEBAQEBAQEBAQEBAQ==
caps mon = "allow *"
caps osd = "allow *"
[client.node]
key = AQAA8VNlAAAAABAAAgICAgICAgICAgICAgICAg==
caps mon = "profile rbd"
caps osd = "profile rbd-read-only"
"""


class Ceph(Server):
    """Of the two, `freeze` stops the OSD alone."""

    def __init__(self, network, lines):
        super().__init__(network, lines)
        self.home = network.work / "ceph"

    def configuration(self):
        return f"""[global]
fsid = {uuid.uuid4()}
mon host = [v2:{SERVER}:3300,v1:{SERVER}:6789]
mon initial members = a
public addr = {SERVER}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
mon allow pool size one = true
mon warn on pool no redundancy = false
osd crush chooseleaf type = 0
auth allow insecure global id reclaim = false
osd objectstore = memstore
memstore device bytes = 2147483648
# At its end it saves what is in memory, unless the end is a fast one.
osd fast shutdown = false
rbd default features = 1
run dir = {self.home}
admin socket = {self.home}/$cluster-$name.asok
keyring = {self.home}/keyring
mon data = {self.home}/mon
osd data = {self.home}/osd
log file =
mon cluster log file = /dev/null
"""

    def start(self):
        new = not self.home.exists()
        if new:
            self.make_cluster()
        self.run_daemon("ceph-mon", "-i", "a")
        if new:
            # The monitor answers commands once it has formed its quorum.
            identity = str(uuid.uuid4())
            self.wait(lambda: self.ceph("--connect-timeout", "2", "osd", "new", identity))
            run("ceph-osd", *self.words, "-i", "0", "--mkfs", "--no-mon-config", "--osd-uuid", identity,
                env=self.environment)
        self.run_daemon("ceph-osd", "-i", "0")
        if new:
            self.wait(lambda: self.need_up())
            self.fill()

    def make_cluster(self):
        for directory in ("mon", "osd"):
            make(self.home / directory)
        (self.home / "conf").write_text(self.configuration())
        self.words = ["--cluster", "ceph", "-c", self.home / "conf"]
        self.environment = dict(os.environ, CEPH_ARGS="")
        keyring = self.home / "keyring"
        keyring.write_text(KEYRING)
        run("monmaptool", "--create", "--addv", "a", f"[v2:{SERVER}:3300,v1:{SERVER}:6789]", "--fsid",
            run("ceph-conf", "-c", self.home / "conf", "--lookup", "fsid").strip(), self.home / "monmap")
        run("ceph-mon", *self.words, "--mkfs", "-i", "a", "--monmap", self.home / "monmap", "--keyring", keyring)

    def run_daemon(self, program, *words):
        self.run_process(program, *self.words, *words, "-f", env=self.environment)

    def ceph(self, *words):
        return run(*self.network.inside("ceph", *self.words, *words), env=self.environment)

    def rbd(self, *words):
        return run(*self.network.inside("rbd", *self.words, *words), env=self.environment)

    def need_up(self):
        if "1 up" not in self.ceph("osd", "stat"):
            raise Failure("the OSD is not up")

    def wait(self, action):
        deadline = time.monotonic() + 60
        while True:
            try:
                return action()
            except Failure:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def fill(self):
        pools = set()
        for (name,), settings in self.lines:
            pool = settings.get("pool", "rbd")
            if pool not in pools:
                self.ceph("osd", "pool", "create", pool, "8")
                self.ceph("osd", "pool", "application", "enable", pool, "rbd")
                pools.add(pool)
            where = pool
            if "namespace" in settings:
                where = f"{pool}/{settings['namespace']}"
                self.rbd("namespace", "create", where)
            features = [f"--image-feature={feature}" for feature in settings.get("features", "layering").split(",")]
            self.rbd("import", "--no-progress", *features, image(settings["image"]), f"{where}/{name}")
            self.rbd("snap", "create", "--no-progress", f"{where}/{name}@v1")
            self.rbd("snap", "protect", f"{where}/{name}@v1")
