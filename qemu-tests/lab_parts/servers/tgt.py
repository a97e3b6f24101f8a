"""iSCSI from tgtd: `iscsi TARGET lun=N image=IMAGE [chap=USER:PASSWORD] [chap-in=USER:PASSWORD] [gets=PATH] [KEY=VALUE]`,
one line a LUN; KEY is a parameter of the target, as RFC 7143 names them (HeaderDigest=CRC32C). With `gets`, the LUN is a
copy of the image that may be written to, and at the end that file has to be in its ext4, which has to be unmounted. With
`copied=yes` it is a read-only copy, whose backing store a script may `break`, `mend`, `overwrite` and `change`."""

import os
import shutil

from ..common import Failure, run
from ..images import image
from ..network import MOVED_SERVER, SERVER, SERVER_IPV6
from .server import Server


class Tgt(Server):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        self.address = SERVER
        self.added_bytes = 0
        self.is_changed = False
        self.environment = dict(os.environ, TGT_IPC_SOCKET=str(network.work / "tgt"))

    def start(self):
        self.run_process("tgtd", "-f", "--iscsi", f"portal={self.address}:3260,portal=[{SERVER_IPV6}]:3260",
                         env=self.environment)
        self.wait_until(self.answers, "tgtd does not answer")
        targets = {}
        for (name,), settings in self.lines:
            if name not in targets:
                targets[name] = str(len(targets) + 1)
                self.admin("target", "new", targets[name], "--targetname", name)
                self.admin("target", "bind", targets[name], "--initiator-address", "ALL")
            self.add_lun(targets[name], settings)

    def add_lun(self, target, settings):
        store = image(settings["image"])
        if "gets" in settings:
            # Once: a target that is started again has what was written to it.
            if not self.copy_of(settings).exists():
                shutil.copyfile(store, self.copy_of(settings))
            store = self.copy_of(settings)
        elif "copied" in settings:
            store = shutil.copyfile(store, self.copy_of(settings))
            if self.is_changed:
                self.overwrite(1 << 20)
        elif self.added_bytes:
            store = shutil.copyfile(store, self.copy_of(settings))
            os.truncate(store, store.stat().st_size + self.added_bytes)
        self.admin("logicalunit", "new", target, "--lun", settings["lun"], "--backing-store", store)
        if "gets" not in settings:
            self.admin("logicalunit", "update", target, "--lun", settings["lun"], "--params", "readonly=1")
        for key, value in settings.items():
            if key[0].isupper():
                self.admin("target", "update", target, "--name", key, "--value", value)
        for key, direction in (("chap", []), ("chap-in", ["--outgoing"])):
            if key in settings:
                user, password = settings[key].split(":")
                run(*self.words("account", "new"), "--user", user, "--password", password, env=self.environment)
                self.admin("account", "bind", target, "--user", user, *direction)

    def copy_of(self, settings):
        return self.network.work / f"lun-{settings['lun']}"

    def finish(self):
        for (name,), settings in self.lines:
            if "gets" not in settings:
                continue
            copy = self.copy_of(settings)
            # debugfs tells of a missing file on its standard error alone.
            if "Size:" not in run("debugfs", "-R", f"stat {settings['gets']}", copy):
                raise Failure(f"LUN {settings['lun']} of {name} has no {settings['gets']}")
            if "needs_recovery" in run("dumpe2fs", "-h", copy):
                raise Failure(f"the file system on LUN {settings['lun']} of {name} was not unmounted")

    def copies(self):
        return [(self.copy_of(settings), image(settings["image"])) for _, settings in self.lines if "copied" in settings]

    def break_(self):
        """The sessions are up, and every read fails."""
        for copy, _ in self.copies():
            os.truncate(copy, 0)

    def mend(self):
        for copy, original in self.copies():
            shutil.copyfile(original, copy)

    def overwrite(self, begin=0):
        """The sessions are up, and what is read is not the image."""
        for copy, original in self.copies():
            with open(copy, "r+b") as store:
                store.seek(begin)
                for _ in range(begin, original.stat().st_size, 1 << 20):
                    store.write(os.urandom(1 << 20))

    def change(self):
        """It starts again, with another image that begins with the same bytes."""
        self.is_changed = True
        self.start()

    def words(self, mode, operation):
        return self.network.inside("tgtadm", "--lld", "iscsi", "--mode", mode, "--op", operation)

    def admin(self, mode, operation, target, *words):
        return run(*self.words(mode, operation), "--tid", target, *words, env=self.environment)

    def answers(self):
        try:
            return run(*self.words("sys", "show"), env=self.environment)
        except Failure:
            return None

    def move(self):
        """It starts again at another address, and at the old one nobody is."""
        self.address = MOVED_SERVER
        self.network.ip(f"address add {MOVED_SERVER}/24 dev br0")
        self.start()

    def grow(self):
        """It starts again, with larger LUNs."""
        self.added_bytes = 64 << 20
        self.start()

    def stop(self):
        # It catches SIGTERM and goes on; what was written to a LUN is in its file.
        while self.processes:
            self.network.kill(self.processes.pop())
