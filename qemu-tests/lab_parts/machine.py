"""The virtual machine: KVM where a kernel really starts with it, else TCG."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

from .common import CACHE, make
from .images import initramfs, kernel, kernel_image


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


def flash(code, variables):
    """Words for a UEFI with these files of Debian's ovmf; what it writes is forgotten."""
    return [word for options, file in (("readonly=on", code), ("snapshot=on", variables))
            for word in ("-drive", f"if=pflash,format=raw,{options},file=/usr/share/OVMF/{file}.fd")]


# The pages with Secure Boot's keys can be written in the system management mode alone.
SECURE = ["-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"]
# How a machine starts that is given no kernel. UEFI has a driver for the card in it, BIOS takes the one on the card,
# whose ROM is an iPXE. Secure Boot is on with the keys of a site, which are Debian's "snakeoil" ones, or of Microsoft.
FIRMWARE = {"bios": [], "uefi": flash("OVMF_CODE_4M", "OVMF_VARS_4M"),
            "uefi-site-key": flash("OVMF_CODE_4M.secboot", "OVMF_VARS_4M.snakeoil") + SECURE,
            "uefi-microsoft": flash("OVMF_CODE_4M.secboot", "OVMF_VARS_4M.ms") + SECURE}
SITE_KEY = Path("/usr/share/ovmf/PkKek-1-snakeoil.key")
CARD_ROM = {None: ",romfile=", "bios": ",bootindex=1"}


def identity_of(name):
    """The UUID and the MAC of a machine, which follow from its name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    uuid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    return uuid, "52:54:00:" + ":".join(digest[i:i + 2] for i in (0, 2, 4))


def card(number, tap, mac, firmware=None, relayed=False, on_usb=False):
    plain = ",vnet_hdr=off" if relayed else ""  # a relay needs frames as they are on a wire
    # With a speed, for LACP bundles none without.
    kind = "usb-net" if on_usb else f"virtio-net-pci,speed=1000,duplex=full{CARD_ROM.get(firmware, ',romfile=,bootindex=1')}"
    return ["-netdev", f"tap,id=net{number},ifname={tap},script=no,downscript=no{plain}",
            "-device", f"{kind},netdev=net{number},mac={mac}"]


def machine(name, tap, console, disks=(), other_taps=(), firmware=None, memory=1024, relayed=False, on_usb=False):
    """The words that start a machine on a tap. What it writes to its disks (/dev/vda, …) is forgotten at its end. Cards
    on other taps come before its own. With a `firmware` of FIRMWARE it boots from the network. `memory` is in MB."""
    uuid, mac = identity_of(name)
    cpu = ["-accel", "kvm", "-cpu", "host"] if accelerator() == "kvm" else ["-accel", "tcg,thread=multi", "-cpu", "max"]
    return ["qemu-system-x86_64", *cpu, "-machine", "q35,graphics=off" if firmware else "q35", "-smp", "1", "-m", str(memory),
            "-nodefaults", "-display", "none", "-no-reboot", "-uuid", uuid, "-serial", console,
            *(["-device", "qemu-xhci"] if on_usb else []),
            *(word for number, other in enumerate(other_taps, 1)
              for word in card(number, other, f"{mac[:-2]}{(int(mac[-2:], 16) + number) % 256:02x}", on_usb=on_usb)),
            *card(0, tap, mac, firmware, relayed, on_usb),
            *FIRMWARE.get(firmware, []),
            *(word for disk in disks for word in ("-drive", f"file={disk},format=raw,if=virtio,snapshot=on"))]


def kernel_words(suite, arguments, initrd=None):
    return ["-kernel", kernel_image(suite), "-initrd", initrd or initramfs(suite), "-append", arguments]
