"""The servers that nodes boot from, one file a kind and one line in KINDS.

A kind is a Server (server.py); one that nodes with a firmware boot from also has `serve`, which prepares what that loads."""

from ..common import Failure
from .addresses import Addresses
from .ceph import Ceph
from .dnsmasq import Dnsmasq
from .ganesha import Ganesha
from .head import Head
from .joined import Joined
from .kea import Kea
from .lacp import Lacp
from .lio import Lio
from .nbd import Nbd
from .nfsd import Nfsd
from .nginx import Edge, Nginx
from .nvmet import Nvmet
from .publisher import Publisher
from .pxe import Pxe
from .radosgw import Radosgw
from .registry import Registry
from .relay import Relay
from .reports import Reports
from .slurm import Slurm
from .target import Target
from .tgt import Tgt
from .web import Mirror, Web

KINDS = {"dhcp": Dnsmasq, "addresses": Addresses, "ceph": Ceph, "edge": Edge, "head": Head, "iscsi": Tgt, "joined": Joined, "kea": Kea,
         "lacp": Lacp, "lio": Lio, "mirror": Mirror, "nbd": Nbd, "nfs": Ganesha, "nfsd": Nfsd, "nginx": Nginx, "nvmet": Nvmet,
         "publish": Publisher, "pxe": Pxe, "radosgw": Radosgw, "registry": Registry, "relay": Relay, "reports": Reports,
         "slurm": Slurm, "target": Target, "web": Web}


def split_line(line, directory):
    """("iscsi NAME lun=1") → (["NAME"], {"lun": "1"}). {case} stands for the directory, whose name may have blanks."""
    words = [word.replace("{case}", str(directory)) for word in line.split()[1:]]
    settings = [word.split("=", 1) for word in words if "=" in word]
    if len(dict(settings)) < len(settings):
        raise Failure(f"{line!r} has a key twice; give each a line of its own")
    return [word for word in words if "=" not in word], dict(settings)


def make_servers(network, case):
    """The servers of a case by their kind, none started. Every case has DHCP unless it says `no-dhcp`."""
    lines = {}
    for line in case.lines("servers"):
        lines.setdefault(line.split()[0], []).append(split_line(line, case.directory))
    if lines.pop("no-dhcp", None) is None:
        lines = {"dhcp": lines.pop("dhcp", []), **lines}
    for kind in lines:
        if kind not in KINDS:
            raise Failure(f"{case.name}/servers: unknown server {kind!r}; there are no-dhcp, {', '.join(KINDS)}")
    return {kind: KINDS[kind](network, lines[kind]) for kind in lines}


def fill_in(servers, arguments):
    for server in servers.values():
        arguments = server.fill_in(arguments)
    return arguments


def finish(servers):
    for server in servers.values():
        server.finish()
