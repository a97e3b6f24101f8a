"""A target that mangrovectl made: `target IQN server=SERVER image=IMAGE [initiator=NAME] [chap=USER:PASSWORD]`, one
line; SERVER is tgt or lio. Its only LUN is the image, which nobody can write to. tgtd is started anew before the nodes
boot: they boot from what `mangrovectl restore` brought back. Afterwards the server must be as it was before."""

import shutil
from pathlib import Path

from ..common import Failure, make
from ..images import image
from .publisher import Publisher


class Target(Publisher):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        (((self.iqn,), _),) = lines

    def start(self):
        # The server's machine has the store's contents, too.
        store = make(self.network.work / "store")
        source = store / "disk.img"
        shutil.copyfile(image(self.settings["image"]), source)
        (store / "chap").write_text(self.settings.get("chap", ""))
        self.server.start()
        self.before = self.server.state()
        here = self.run == self.run_here
        there = store if here else Path("/var/lib/mangrove/images")
        directory = self.network.work / "luns" if here else there
        login = ["--initiator", self.settings["initiator"]] if "initiator" in self.settings else []
        login += ["--chap-file", there / "chap"] if "chap" in self.settings else []
        self.run("target", "start", "--iqn", self.iqn, "--server", self.settings["server"], "--host", self.address(),
                 "--directory", directory, "--read-only", *login)
        self.run("target", *(["upload-image", "disk", source] if here else ["add-lun", "disk"]))
        if here:
            self.server.stop()
            self.server.start()
        self.run("restore")
        if self.server.state() == self.before:
            raise Failure("the server has no target that the lab can see")

    def address(self):
        return self.options[self.options.index("--address") + 1]

    def fill_in(self, arguments):
        return arguments

    def finish(self):
        self.run("target", "stop")
        if (after := self.server.state()) != self.before:
            raise Failure(f"stopping the target left something behind:\n{after}\nwas:\n{self.before}")
