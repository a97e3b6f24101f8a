"""How much of an image a boot over iSCSI reads: as mksquashfs lays it out, and laid out by a profile of the boot; with the tables of
squashfs on the network, and in memory."""

import json
import tempfile
from pathlib import Path

from .cases import Case
from .common import Failure, make, run
from .measure import BYTES, MEMORY, MULTI_USER, STAGE, WAITED, measure_nodes
from .results import in_turn, tell
from .servers import KINDS

READS = "reads to multi-user"
READ = "bytes read to multi-user"
TARGET = "iqn.2003-01.org.example:debian"
# The image, and what is special in the mount, of each contestant.
FEWER = {"tables": "memory", "readahead": 0}
CONTESTANTS = {
    "as it is": ("debian.squashfs", {}),
    "tables in memory": ("debian.squashfs", {"tables": "memory"}),
    "by profile, 128K": ("debian-profile-128K.squashfs", FEWER),
    "by profile, 64K": ("debian-profile.squashfs", FEWER),
    "by profile, 32K": ("debian-profile-32K.squashfs", FEWER),
}
# The contestants that boot a second time, over a long way.
FAR = {name: f"{name}, 20 ms" for name in ("as it is", "by profile, 64K")}


def case_of(directory, attachment, mount, servers):
    lower = {"kind": "attach", "attach": {"mount_options": ["ro"], "attach": attachment, **mount}}
    (make(directory) / "definition.json").write_text(json.dumps(
        {"name": "debian", "command": "/usr/lib/systemd/systemd",
         "mount": {"kind": "overlay", "overlay": {"lower": [lower]}}}))
    (directory / "servers").write_text(servers)
    return Case(directory)


def iscsi_case(directory, image, mount):
    lun = {"kind": "iscsi", "iscsi": {"target": TARGET, "host": "192.168.3.253", "lun": 1}}
    return case_of(directory, lun, mount, f"iscsi {TARGET} lun=1 image={image}\n")


def reads_of(network):
    """How often tgtd has read from its LUN, and how many bytes."""
    tgt = KINDS["iscsi"](network, [])
    said = run(*tgt.words("sys", "stat"), env=tgt.environment)
    # tgt lun sid rd_subm(bytes,cmds) rd_done(bytes,cmds) …
    rows = [line.replace(",", " ").split() for line in said.splitlines()[1:]]
    done = [(int(row[5]), int(row[6])) for row in rows if len(row) > 6 and row[1] == "1"]
    if not done:
        raise Failure(f"tgtd has counted nothing: {said!r}")
    return {READS: sum(count for _, count in done), READ: sum(size for size, _ in done)}


def measure_lazy(case):
    counted = []
    figures = measure_nodes(case, lambda network: counted.append(reads_of(network)))[0]
    return {**{name: figures[name] for name in (STAGE, MULTI_USER, WAITED, BYTES, MEMORY)}, **counted[0]}


def bench_lazy(options):
    """The same Debian over iSCSI, laid out and read in these ways."""
    with tempfile.TemporaryDirectory() as work:
        cases = {name: iscsi_case(Path(work) / f"lazy-{number}", *contestant)
                 for number, (name, contestant) in enumerate(CONTESTANTS.items())}
        cases |= {far: cases[near].but(delay=["20"]) for near, far in FAR.items()}
        return tell("lazy", options, in_turn(cases, options.rounds, measure_lazy), ratios_of)


def ratios_of(medians):
    chosen = {"": ("by profile, 64K", "as it is"), "_at_20_ms": (FAR["by profile, 64K"], FAR["as it is"])}
    return {f"{name}_ratio{suffix}": medians[ours][figure] / medians[theirs][figure]
            for suffix, (ours, theirs) in chosen.items()
            for name, figure in (("bytes", BYTES), ("reads", READS), ("multiuser", MULTI_USER), ("waiting", WAITED),
                                 ("memory", MEMORY))}
