"""DHCP from dnsmasq: `dhcp OPTION…` adds options of its command line, without the dashes; with `port=53` it answers for
names, too. `lease=TIME` is how long an address is given away for (1h)."""

from ..network import SERVER


class Dnsmasq:
    def __init__(self, network, lines, interface="br0"):
        prefix = SERVER.rsplit(".", 1)[0]
        lease = next((settings.pop("lease") for _, settings in lines if "lease" in settings), "1h")
        self.network = network
        self.process = None
        # It pings an address before it offers it, which costs three seconds of silence, unless it is told not to.
        self.words = ["dnsmasq", "--keep-in-foreground", "--user=root", "--conf-file=/dev/null",
                      f"--interface={interface}", "--bind-interfaces", "--no-ping", f"--dhcp-range={prefix}.100,{prefix}.199,{lease}",
                      f"--dhcp-leasefile={network.work}/leases-{interface}",
                      f"--pid-file={network.work}/dnsmasq-{interface}.pid"]
        if not any("port" in settings for _, settings in lines):
            self.words.append("--port=0")  # no DNS
        for words, settings in lines:
            self.words += [f"--{word}" for word in words] + [f"--{key}={value}" for key, value in settings.items()]

    def start(self):
        self.process = self.network.start(*self.words)

    def stop(self):
        self.network.stop(self.process)
