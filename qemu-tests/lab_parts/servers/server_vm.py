"""A machine whose kernel is the server, for those that live in the kernel: LIO, nvmet, nfsd. It boots like a node, with
local disks as its layers, and runs one script in the place of systemd."""

import json
import time

from ..common import MANGROVE, Failure, make, run
from ..images import image
from ..machine import kernel_words, machine

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


class ServerVm:
    def __init__(self, network, kernel="bookworm"):
        self.network = network
        self.kernel = kernel
        self.tap = None
        self.process = None

    def start(self, script, disks, further_words=(), other_taps=()):
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
        self.process = self.network.start(*words, *further_words)
        self.wait(self.network.work / f"{len(self.network.processes) - 1}.log")

    def make_task(self, script):
        tree = make(self.network.work / "task")
        (tree / "lab-server").write_text(script)
        (tree / "lab-server").chmod(0o755)
        run("mksquashfs", tree, self.network.work / "task.squashfs", "-noappend", "-quiet", "-no-progress")
        return self.network.work / "task.squashfs"

    def wait(self, log):
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline and self.process.poll() is None:
            console = log.read_text(errors="replace")
            if READY in console:
                return
            if "LAB server failed" in console:
                break
            time.sleep(0.2)
        raise Failure("the server's machine did not get ready:\n" + log.read_text(errors="replace")[-2000:])

    def stop(self):
        self.network.stop(self.process)

