"""Publications of mangrovectl: `publish image=IMAGE over=TRANSPORT server=SERVER [format=FORMAT] [option=WORD…] [build=WORD,…]
[print=FORM] [source=hostile] [killed=yes]`, one line. The tree of the image is built again by `mangrovectl image build`, published, and the nodes
get the definition that it prints: in the place of the word PUBLISHED in the case's `cmdline`, with print=dnsmasq or
print=kea from such a server, with print=ipxe as the script that their firmware loads, with print=assigned by
`mangrovectl assign`. `build` has further words for `image build`. When they have booted it is unpublished, and the server must be as it was before. With source=hostile the image is built
from an archive of that tree that attacks this machine, on which nothing may change. With killed=yes a first run is killed in the
midst of its upload."""

import os

from ..common import MANGROVECTL, Failure, run, wait_until
from ..hostile import HostileImage
from ..images import tree
from ..network import SERVER
from .handouts import HANDOUTS
from .publishing import SERVERS
from .server import Server


class Publisher(Server):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        ((_, self.settings),) = lines
        over, name = self.settings.get("over", "iscsi"), self.settings["server"]
        self.server = SERVERS[over, name](network)
        self.options = ["--over", over, "--server", name]
        if address := getattr(self.server, "address", SERVER):
            self.options += ["--address", address]
        if "option" in self.settings:
            self.options += self.settings["option"].split(",")
        self.run = getattr(self.server, "run", self.run_here)
        self.before = None
        self.hostile = HostileImage(network.work) if self.settings.get("source") == "hostile" else None
        form = self.settings.get("print", "argument")
        self.form = "definition" if form == "assigned" else form
        self.handout = HANDOUTS[form](network)

    def words_here(self, *words):
        names = ("store", "publications", "targets", "boot-directory")
        return [MANGROVECTL, *(f"--{name}={self.network.work / name}" for name in names), *words]

    def run_here(self, *words):
        environment = {**os.environ, **self.server.environment}
        return run(*self.network.inside(*self.words_here(*words)), env=environment)

    def publish_and_kill(self):
        process = self.network.start(*self.words_here("publish", "lab", *self.options, *self.server.options()))
        wait_until(self.server.has_part, 60, "no upload has begun")
        self.network.kill(process)

    def start(self):
        source = self.hostile.make() if self.hostile else tree(self.settings["image"])
        self.run_here("image", "build", "lab", "--from", source, "--format", self.settings.get("format", "squashfs"),
                      *self.handout.boot, *filter(None, self.settings.get("build", "").split(",")))
        if self.hostile:
            self.hostile.check()
        self.server.start()
        self.before = self.server.state()
        if "killed" in self.settings:
            self.publish_and_kill()
        printed = self.run("publish", "lab", *self.options, *self.server.options(), "--print", self.form)
        if self.server.state() == self.before:
            raise Failure("publishing changed nothing that the lab can see")
        self.run("published", "--check")
        self.handout.start(printed)
        self.handout.after_publishing(self.run)

    def fill_in(self, arguments):
        return self.handout.fill_in(arguments)

    def serve(self, case, mac, arguments):
        """Adds the arguments to the script that a node's firmware loads."""
        self.handout.serve(arguments)

    def finish(self):
        self.handout.before_unpublishing(self.run)
        self.run("unpublish", "lab")
        if (left := self.run("published", "--json").strip()) != "[]":
            raise Failure("still published: " + left)
        if (after := self.server.state()) != self.before:
            raise Failure(f"unpublishing left something behind:\n{after}\nwas:\n{self.before}")
        self.run("image", "rm", "lab")
        if (left := self.run("image", "list", "--json").strip()) != "[]":
            raise Failure("the store still holds " + left)

    def stop(self):
        self.handout.stop()
        self.server.stop()
