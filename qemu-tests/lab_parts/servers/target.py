"""A target that mangrovectl made: `target IQN server=SERVER image=IMAGE`, one line; SERVER is tgt or lio. Its only LUN is
the image, which nobody can write to. tgtd is started anew before the nodes boot: they boot from what `mangrovectl restore`
brought back. Afterwards the server must be as it was before."""

import shutil

from ..common import Failure, make
from ..images import image
from .publisher import Publisher


class Target(Publisher):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        (((self.iqn,), _),) = lines

    def start(self):
        # What is in the store is there on the server's machine, too.
        source = make(self.network.work / "store") / "disk.img"
        shutil.copyfile(image(self.settings["image"]), source)
        self.server.start()
        self.before = self.server.state()
        here = self.run == self.run_here
        directory = self.network.work / "luns" if here else "/var/lib/mangrove/images"
        self.run("target", "start", "--iqn", self.iqn, "--server", self.settings["server"], "--host", self.address(),
                 "--directory", directory, "--read-only")
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
