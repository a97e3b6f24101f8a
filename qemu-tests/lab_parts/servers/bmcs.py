"""The BMCs of a head node's nodes, as `head bmc=ipmi|redfish` has them: ipmi_sim, or redfish-bmc, whose power is that of the machine
in QEMU (chassis). Each must have switched its machine at the end."""

from ..authority import GOOD_KEY, openssl
from ..common import HERE, Failure, make, run, wait_until
from ..network import SERVER

PASSWORD = "Tr0ub4dor3"
LAN = """name "{name}"
set_working_mc 0x20
startlan 1
  addr {address} {port}
  priv_limit admin
  allowed_auths_operator none md2 md5 straight
  guid a123456789abcdefa123456789abcdef
endlan
chassis_control "{chassis}"
user 2 true "operator" "{password}" operator 10 none md2 md5 straight
"""
COMMANDS = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nmc_enable 0x20\n"


def socket_of(network, tap):
    """Where QEMU takes what a BMC wants of the machine on a tap."""
    return network.work / f"{tap}.qmp"


class Bmcs:
    def __init__(self, head):
        self.head = head
        self.network = head.network
        self.kind = head.settings["bmc"]
        self.logs = []

    def prepare(self):
        secret = self.network.work / "bmc-password"
        secret.write_text(PASSWORD)
        self.head.ctl("secret", "set", "bmc", "--file", secret)
        self.head.ctl("group", "set", "compute", f"bmc.kind={self.kind}", "bmc.user=operator", "bmc.secret=bmc", "--yes")

    def fields(self, number):
        """Starts the BMC of a node; returns its address as fields of the node."""
        machine = socket_of(self.network, self.network.taps[number - 1])
        self.logs.append(machine.with_name(machine.name + ".log"))
        port = 6230 + number
        chassis = [HERE / "lab_parts/chassis", machine]
        if self.kind == "ipmi":
            self.start_ipmi(f"bmc{number}", port, chassis)
        else:
            self.start_redfish(f"bmc{number}", port, chassis)
        return [f"bmc.address={SERVER}:{port}"]

    def start_ipmi(self, name, port, chassis):
        work = make(self.network.work / name)
        (work / "lan.conf").write_text(LAN.format(name=name, address=SERVER, port=port, password=PASSWORD,
                                                  chassis=" ".join(map(str, chassis))))
        (work / "commands").write_text(COMMANDS)
        self.network.start("ipmi_sim", "-c", work / "lan.conf", "-f", work / "commands", "-s", work, "-n")
        self.wait_for("u", port)

    def start_redfish(self, name, port, chassis):
        work = make(self.network.work / name)
        openssl("req", "-x509", "-newkey", *GOOD_KEY, "-noenc", "-keyout", work / "key", "-out", work / "ca.pem", "-days", 30,
                "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{SERVER}")
        (work / "both.pem").write_text((work / "ca.pem").read_text() + (work / "key").read_text())
        self.head.ctl("group", "set", "compute", f"bmc.ca={work / 'ca.pem'}", "--yes")
        self.network.start(HERE / "lab_parts/redfish-bmc", "--address", SERVER, "--port", port, "--certificate",
                           work / "both.pem", "--user", "operator", "--password-file", self.network.work / "bmc-password",
                           "--log", work / "log", "--odd", "info", *chassis)
        self.wait_for("t", port)

    def wait_for(self, kind, port):
        wait_until(lambda: run(*self.network.inside("ss", f"-Hl{kind}n", f"sport = :{port}")), 20, f"no BMC on port {port}")

    def finish(self):
        for log in self.logs:
            if not log.exists() or "set " not in log.read_text():
                raise Failure(f"the BMC has not switched its machine ({log.name})")
