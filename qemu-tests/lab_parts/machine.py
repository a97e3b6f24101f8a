"""The virtual machine: KVM where a kernel really starts with it, else TCG."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

from .common import CACHE, make
from .images import initramfs, kernel


def accelerator():
    """"kvm" or "tcg", found once a boot of this machine: /dev/kvm can open and still not run a guest."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    note = make(CACHE) / "accelerator"
    if note.exists() and note.read_text().split()[:1] == [boot_id]:
        return note.read_text().split()[1]
    chosen = "kvm" if os.access("/dev/kvm", os.R_OK | os.W_OK) and kvm_works() else "tcg"
    note.write_text(f"{boot_id} {chosen}\n")
    return chosen


def kvm_works():
    """Boots a kernel and waits for its first line."""
    directory, version = kernel()
    process = subprocess.Popen(
        ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults", "-display", "none",
         "-serial", "stdio", "-no-reboot", "-kernel", directory / f"boot/vmlinuz-{version}", "-append",
         "console=ttyS0 earlyprintk=ttyS0 panic=-1"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    os.set_blocking(process.stdout.fileno(), False)
    seen = b""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None and b"Linux version" not in seen:
        seen += process.stdout.read() or b""
        time.sleep(0.1)
    process.kill()
    process.wait()
    return b"Linux version" in seen


def machine(name, tap, console, disks=()):
    """The words that start a machine on a tap; `name` gives it a UUID and a MAC of its own. What it writes to its
    disks (/dev/vda, …) is forgotten at its end."""
    identity = hashlib.sha256(name.encode()).hexdigest()
    uuid = f"{identity[:8]}-{identity[8:12]}-4{identity[13:16]}-8{identity[17:20]}-{identity[20:32]}"
    mac = "52:54:00:" + ":".join(identity[i:i + 2] for i in (0, 2, 4))
    cpu = ["-accel", "kvm", "-cpu", "host"] if accelerator() == "kvm" else ["-accel", "tcg,thread=multi", "-cpu", "max"]
    return ["qemu-system-x86_64", *cpu, "-machine", "q35", "-smp", "1", "-m", "1024", "-nodefaults", "-display", "none",
            "-no-reboot", "-uuid", uuid, "-serial", console,
            "-netdev", f"tap,id=net0,ifname={tap},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=net0,mac={mac},romfile=",
            *(word for disk in disks for word in ("-drive", f"file={disk},format=raw,if=virtio,snapshot=on"))]


def kernel_words(suite, arguments, initrd=None):
    directory, version = kernel(suite)
    return ["-kernel", directory / f"boot/vmlinuz-{version}", "-initrd", initrd or initramfs(suite), "-append", arguments]
