"""DHCP from dnsmasq: `dhcp OPTION…` adds options of its command line, without the dashes; with `port=53` it answers for
names, too. `lease=TIME` is how long an address is given away for (1h), `acknowledgements=N` how often the server must have
given or renewed it: the initramfs asks once, a network manager of the root once more. `name=NAME` is a name of the
server."""

import re
import signal

from ..common import Failure
from ..network import MOVED_SERVER, SERVER
from .server import Server


def setting(lines, key, default):
    """Takes a setting that is not dnsmasq's own out of the lines."""
    return next((settings.pop(key) for _, settings in lines if key in settings), default)


class Dnsmasq(Server):
    def __init__(self, network, lines, interface="br0"):
        super().__init__(network, lines)
        prefix = SERVER.rsplit(".", 1)[0]
        self.acknowledgements = int(setting(lines, "acknowledgements", "0"))
        lease = setting(lines, "lease", "1h")
        self.name = setting(lines, "name", None)
        self.hosts = network.work / "hosts"
        # It pings an address before it offers it, which costs three seconds of silence, unless it is told not to.
        self.words = ["dnsmasq", "--keep-in-foreground", "--user=root", "--conf-file=/dev/null",
                      "--log-facility=-", f"--interface={interface}", "--bind-interfaces", "--no-ping",
                      f"--dhcp-range={prefix}.100,{prefix}.199,255.255.255.0,{lease}",
                      f"--dhcp-leasefile={network.work}/leases-{interface}",
                      f"--pid-file={network.work}/dnsmasq-{interface}.pid"]
        if not any("port" in settings for _, settings in lines):
            self.words.append("--port=0")  # no DNS
        if self.name:
            self.hosts.write_text(f"{SERVER} {self.name}\n")
            self.words.append(f"--addn-hosts={self.hosts}")
        for words, settings in lines:
            self.words += [f"--{word}" for word in words] + [f"--{key}={value}" for key, value in settings.items()]

    def start(self):
        self.run_process(*self.words)
        self.log = self.process.log

    def finish(self):
        count = len(re.findall(r"DHCP(?:ACK|REPLY)\(", self.log.read_text())) if self.acknowledgements else 0
        if count < self.acknowledgements:
            raise Failure(f"the server acknowledged leases {count} times, not {self.acknowledgements}")

    def move(self):
        """The name has another address now."""
        self.hosts.write_text(f"{MOVED_SERVER} {self.name}\n")
        self.process.send_signal(signal.SIGHUP)
