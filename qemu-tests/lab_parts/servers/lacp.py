"""A switch that bundles both cards of a node (802.3ad): `lacp`, a machine with a bond of its own. The case has two cards."""

from .server_vm import ServerVm

SLOW_PROTOCOLS = 4  # of the addresses that a bridge keeps to itself, the one that LACP sends to (IEEE 802.3, annex 57A)
SCRIPT = """
modprobe -a bridge
modprobe bonding max_bonds=0
ip link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast
for card in eth0 eth1; do ip link set $card down; ip link set $card master bond0; done
ip link add switch type bridge stp_state 0 forward_delay 0
for port in bond0 eth2; do ip link set $port master switch up; done
ip link set switch up
"""


class Lacp(ServerVm):
    def start(self):
        partners = []
        for number, tap in enumerate((self.network.taps[0], *self.network.others[0])):
            cable = f"cable{number}"
            self.network.ip(f"link add {cable} type bridge stp_state 0 forward_delay 0")
            self.network.ip(f"link set {cable} up")
            partners.append(self.network.add_tap(f"partner{number}", cable))
            self.network.ip(f"link set {tap} master {cable}")
            for end in (tap, partners[-1]):
                self.network.ip(f"link set {end} type bridge_slave group_fwd_mask {SLOW_PROTOCOLS}")
        self.run_machine(SCRIPT, [], other_taps=partners)
