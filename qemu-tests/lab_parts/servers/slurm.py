"""Slurm, one line: `slurm image=IMAGE`. slurmctld and munged have the slurm.conf and the key of the image. Before mangrove-head, which
asks this slurmctld. `submit slurm` submits two jobs, each of which needs the whole node: the first writes thirty lines to the
console, one a second; the second ends the pause of the node. At the end both must have come to their end, and the node must be in
service."""

import os
import shutil

from ..common import Failure, make, run, wait_until
from ..images import tree
from .server import Server

NOBODY = 65534
LINES = 30
FIRST_JOB = f"for i in $(seq {LINES}); do echo LAB first job $i of {LINES} >/dev/kmsg; sleep 1; done"
# Its end must be told before the node's.
SECOND_JOB = """echo LAB second job >/dev/kmsg; until [ -p /run/lab-pause ]; do sleep 1; done
systemd-run --quiet --on-active=20 sh -c "echo >/run/lab-pause\""""
OWN = """\
AuthInfo=socket={directory}/munge.socket
StateSaveLocation={directory}/state
SlurmctldPidFile={directory}/slurmctld.pid
"""


class Slurm(Server):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        ((_, self.settings),) = lines
        self.directory = network.work / "slurm"
        self.configuration = self.directory / "slurm.conf"

    def start(self):
        image = tree(self.settings["image"])
        self.network.work.chmod(0o755)
        make(self.directory)
        os.chown(make(self.directory / "state"), NOBODY, NOBODY)
        self.configuration.write_text((image / "etc/slurm/slurm.conf").read_text() + OWN.format(directory=self.directory))
        key = self.directory / "munge.key"
        shutil.copyfile(image / "etc/munge/munge.key", key)
        key.chmod(0o400)
        socket = self.directory / "munge.socket"
        self.run_process("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={socket}",
                         f"--pid-file={self.directory}/munged.pid", f"--log-file={self.directory}/munged.log",
                         f"--seed-file={self.directory}/munged.seed")
        self.wait_until(socket.exists, "munged does not start")
        self.run_process("env", f"SLURM_CONF={self.configuration}", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                         "--clear-groups", "slurmctld", "-D")
        self.wait_for_port(6817)

    def client(self, *words):
        return run(*self.network.inside("env", f"SLURM_CONF={self.configuration}", *words))

    def submit(self):
        """When the node's slurmd has registered."""
        wait_until(lambda: "State=IDLE " in self.node(), 120, "slurmd of n001 does not register")
        for name, job in (("first", FIRST_JOB), ("second", SECOND_JOB)):
            self.client("sbatch", "--exclusive", "--nodelist=n001", f"--job-name={name}", "--output=/dev/null", "--chdir=/", f"--wrap={job}")

    def node(self):
        return self.client("scontrol", "show", "node", "n001", "--oneliner")

    def finish(self):
        if "State=IDLE " not in self.node() or "Reason=" in self.node():
            raise Failure(f"the node is not in service: {self.node()}")
        jobs = self.client("scontrol", "show", "job", "--oneliner").splitlines()
        if [job for job in jobs if "JobState=COMPLETED " not in job or "Restarts=0 " not in job] or len(jobs) != 2:
            raise Failure(f"the jobs are {jobs}")
