"""A machine whose kernel is the server, for those that live in the kernel: LIO, nvmet, nfsd. It boots like a node, with
local disks as its layers, and runs one script in the place of systemd."""

import json
from ..common import MANGROVE, Failure, make, run
from ..images import image
from ..machine import kernel_words, machine
from .server import Server

ADDRESS = "192.168.3.252"
READY = "LAB server ready"
PROLOGUE = f"""#!/bin/bash
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
trap 'echo "LAB server failed"; exec sleep infinity' EXIT
set -x
ip link set lo up
ip address add {ADDRESS}/24 dev CARD
ip link set CARD up
modprobe configfs
mount -t configfs configfs /sys/kernel/config
"""
EPILOGUE = f"""
echo "{READY}"
exec sleep infinity
"""


class ServerVm(Server):
    """A kind of server starts it with `run_machine`."""

    def __init__(self, network, lines=(), kernel="bookworm"):
        super().__init__(network, lines)
        self.kernel = kernel
        self.tap = None

    def run_machine(self, script, disks, further_words=(), other_taps=()):
        """Runs `script` (bash) in the machine; `disks` are files, /dev/vdd and on; `further_words` are QEMU's; the cards on
        `other_taps` are eth0 and on, the one on the servers' network is the last. Returns once it has run."""
        if self.tap is None:
            self.tap = self.network.add_tap("server")
        task = self.make_task(PROLOGUE.replace("CARD", f"eth{len(other_taps)}") + script + EPILOGUE)
        definition = self.network.work / "server.json"
        layers = [{"kind": "attach", "attach": {"attach": {"kind": "local", "local": {"path": f"/dev/{name}"}}}}
                  for name in ("vdc", "vdb", "vda")]
        definition.write_text(json.dumps({"name": "server", "command": "/lab-server",
                                          "mount": {"kind": "overlay", "overlay": {"lower": layers}}}))
        encoded = run(MANGROVE, "encode", definition).strip()
        layers = [image("server.squashfs"), image(f"modules-{self.kernel}.squashfs"), task]
        words = machine("server", self.tap, "stdio", [*layers, *disks], other_taps)
        words += kernel_words(self.kernel, f"console=ttyS0 quiet panic=-1 no_timer_check {encoded}")
        self.run_process(*words, *further_words)
        self.wait_until(self.is_ready, "the server's machine does not get ready", 180)

    def make_task(self, script):
        tree = make(self.network.work / "task")
        (tree / "lab-server").write_text(script)
        (tree / "lab-server").chmod(0o755)
        run("mksquashfs", tree, self.network.work / "task.squashfs", "-noappend", "-quiet", "-no-progress")
        return self.network.work / "task.squashfs"

    def is_ready(self):
        console = self.process.log.read_text(errors="replace")
        if "LAB server failed" in console:
            raise Failure("the server's machine does not get ready")
        return READY in console
