"""iSCSI from tgtd: `iscsi TARGET lun=N image=IMAGE [chap=USER:PASSWORD] [chap-in=USER:PASSWORD] [KEY=VALUE]`,
one line a LUN; KEY is a parameter of the target, as RFC 7143 names them (HeaderDigest=CRC32C)."""

import os
import time

from ..common import Failure, run
from ..images import image
from ..network import SERVER, SERVER_IPV6


class Tgt:
    def __init__(self, network, lines):
        self.network = network
        self.lines = lines
        self.process = None
        self.environment = dict(os.environ, TGT_IPC_SOCKET=str(network.work / "tgt"))

    def start(self):
        self.process = self.network.start(
            "tgtd", "-f", "--iscsi", f"portal={SERVER}:3260,portal=[{SERVER_IPV6}]:3260", env=self.environment)
        self.wait()
        targets = {}
        for (name,), settings in self.lines:
            if name not in targets:
                targets[name] = str(len(targets) + 1)
                self.admin("target", "new", targets[name], "--targetname", name)
                self.admin("target", "bind", targets[name], "--initiator-address", "ALL")
            self.add_lun(targets[name], settings)

    def add_lun(self, target, settings):
        self.admin("logicalunit", "new", target, "--lun", settings["lun"], "--backing-store", image(settings["image"]))
        self.admin("logicalunit", "update", target, "--lun", settings["lun"], "--params", "readonly=1")
        for key, value in settings.items():
            if key[0].isupper():
                self.admin("target", "update", target, "--name", key, "--value", value)
        for key, direction in (("chap", []), ("chap-in", ["--outgoing"])):
            if key in settings:
                user, password = settings[key].split(":")
                run(*self.words("account", "new"), "--user", user, "--password", password, env=self.environment)
                self.admin("account", "bind", target, "--user", user, *direction)

    def words(self, mode, operation):
        return self.network.inside("tgtadm", "--lld", "iscsi", "--mode", mode, "--op", operation)

    def admin(self, mode, operation, target, *words):
        return run(*self.words(mode, operation), "--tid", target, *words, env=self.environment)

    def wait(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                return run(*self.words("sys", "show"), env=self.environment)
            except Failure:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self):
        self.network.stop(self.process)
