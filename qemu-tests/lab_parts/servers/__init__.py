"""The servers that nodes boot from, one file a kind and one line in KINDS.

A kind is a class made with (network, lines): the case's Network and those lines of its `servers` that begin with the
kind's word, split into (words, settings). `start` returns once the server answers; `stop` ends it, as a fault or at the
end; it may be started again. It may also have `fill_in`, which puts what only it knows into the nodes' kernel arguments,
`serve`, which prepares what the firmware of a node loads, and `finish`, which is called when all nodes have booted as they
should."""

from ..common import Failure
from .addresses import Addresses
from .ceph import Ceph
from .dnsmasq import Dnsmasq
from .ganesha import Ganesha
from .joined import Joined
from .kea import Kea
from .lacp import Lacp
from .lio import Lio
from .nbd import Nbd
from .nfsd import Nfsd
from .nvmet import Nvmet
from .publisher import Publisher
from .pxe import Pxe
from .relay import Relay
from .reports import Reports
from .target import Target
from .tgt import Tgt
from .web import Web

KINDS = {"dhcp": Dnsmasq, "addresses": Addresses, "ceph": Ceph, "iscsi": Tgt, "joined": Joined, "kea": Kea,
         "lacp": Lacp, "lio": Lio, "nbd": Nbd, "nfs": Ganesha, "nfsd": Nfsd, "nvmet": Nvmet, "publish": Publisher, "pxe": Pxe,
         "relay": Relay, "reports": Reports, "target": Target, "web": Web}


def split_line(line):
    """("iscsi NAME lun=1") → (["NAME"], {"lun": "1"})"""
    words = line.split()[1:]
    settings = [word.split("=", 1) for word in words if "=" in word]
    if len(dict(settings)) < len(settings):
        raise Failure(f"{line!r} has a key twice; give each a line of its own")
    return [word for word in words if "=" not in word], dict(settings)


def make_servers(network, case):
    """The servers of a case by their kind, none started. Every case has DHCP unless it says `no-dhcp`."""
    lines = {}
    for line in case.lines("servers"):
        line = line.replace("{case}", str(case.directory))
        lines.setdefault(line.split()[0], []).append(split_line(line))
    if lines.pop("no-dhcp", None) is None:
        lines = {"dhcp": lines.pop("dhcp", []), **lines}
    for kind in lines:
        if kind not in KINDS:
            raise Failure(f"{case.name}/servers: unknown server {kind!r}; there are no-dhcp, {', '.join(KINDS)}")
    return {kind: KINDS[kind](network, lines[kind]) for kind in lines}


def fill_in(servers, arguments):
    for server in servers.values():
        arguments = getattr(server, "fill_in", lambda same: same)(arguments)
    return arguments


def finish(servers):
    for server in servers.values():
        getattr(server, "finish", lambda: None)()
