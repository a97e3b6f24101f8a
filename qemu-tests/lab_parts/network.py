"""The namespace of a case and what runs in it. Everything ends with `close`, the last first; what a killed run left
behind is cleared by the next."""

import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from .common import HERE, run, wait_until

SERVER = "192.168.3.253"
SERVER_IPV6 = "fd00:3::253"
MOVED_SERVER = "192.168.3.251"  # where a server is that has moved
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def clear_leftovers():
    """Removes namespaces and directories of runs that were killed; their processes ended with them."""
    def is_left(name):
        match = re.fullmatch(r"mangrove-(?:lab-)?(\d+)(?:-.*)?", name)
        return match and not Path("/proc", match[1]).exists()
    for entry in json.loads(run("ip", "-json", "netns", "list") or "[]"):
        if is_left(entry["name"]):
            subprocess.run(["ip", "netns", "delete", entry["name"]], check=False)
    for path in Path(tempfile.gettempdir()).glob("mangrove-lab-*"):
        if is_left(path.name):
            shutil.rmtree(path, ignore_errors=True)


def pids_in(namespace):
    """The processes in a namespace of the network; none where it does not exist."""
    shown = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    return [int(pid) for pid in shown.stdout.split()]


class Network:
    def __init__(self):
        self.namespace = f"mangrove-{os.getpid()}"
        self.namespaces = [self.namespace]
        self.work = Path(tempfile.mkdtemp(prefix=f"mangrove-lab-{os.getpid()}-"))
        self.processes = []
        self.taps = []  # those of the nodes
        self.ports = []  # for each node, what of it is in the bridge: its tap, or the relay in front of it
        self.others = []  # for each node, those of its other cards

    def open(self, case):
        """A bridge with the server's addresses and a tap for each node; br1, with taps for the other cards of the
        nodes, has nobody behind it."""
        run("ip", "netns", "add", self.namespace)
        for words in ("link add br0 type bridge stp_state 0 forward_delay 0", "link set lo up", "link set br0 up",
                      "link add br1 type bridge stp_state 0 forward_delay 0", "link set br1 up",
                      f"address add {SERVER}/24 dev br0", f"address add {SERVER_IPV6}/64 dev br0 nodad"):
            self.ip(words)
        for number in range(case.nodes()):
            self.taps.append(self.add_tap(f"tap{number}"))
            self.ports.append(self.taps[-1] if case.delay() is None else self.delay(self.taps[-1], case.delay()))
            if case.rate() is not None:
                run(*self.inside("tc", "qdisc", "add", "dev", self.ports[-1], "root", "tbf",
                                 "rate", f"{case.rate()}mbit", "burst", "128k", "latency", "200ms"))
            self.others.append([self.add_tap(f"tap{number}x{other}", "br1") for other in range(case.cards() - 1)])

    def add_namespace(self, suffix):
        """One more; returns its name."""
        self.namespaces.append(f"{self.namespace}-{suffix}")
        run("ip", "netns", "add", self.namespaces[-1])
        return self.namespaces[-1]

    def add_tap(self, tap, bridge="br0"):
        self.ip(f"tuntap add dev {tap} mode tap")
        self.ip(f"link set {tap} master {bridge} up")
        return tap

    def delay(self, tap, milliseconds):
        """Puts a relay between the tap and the bridge; returns its port in the bridge."""
        port = tap.replace("tap", "relay")
        self.ip(f"link set {tap} nomaster")
        self.start(HERE / "lab_parts/relay", tap, port, str(milliseconds / 2))
        wait_until(lambda: port in run(*self.inside("ip", "-brief", "link", "show", "type", "tun")), 10,
                   f"{port} does not appear")
        self.ip(f"link set {port} master br0 up")
        return port

    def other_taps(self, tap):
        """Returns the taps of the node's other cards."""
        return self.others[self.taps.index(tap)]

    def ip(self, words):
        run("ip", "-n", self.namespace, *words.split())

    def set_link(self, state):
        """Takes the nodes' cables out ("down") or puts them in again ("up")."""
        for port in self.ports:
            self.ip(f"link set {port} {'nomaster' if state == 'down' else 'master br0'}")

    def received_bytes(self, tap):
        """Returns the bytes that the node on this tap has received so far."""
        shown = run("ip", "-n", self.namespace, "-json", "-statistics", "link", "show", tap)
        return json.loads(shown)[0]["stats64"]["tx"]["bytes"]

    def connections_of_nodes(self):
        """The TCP connections of the server with other machines, as it sees them."""
        shown = run(*self.inside("ss", "--no-header", "--numeric", "--tcp", "state", "established"))
        pairs = [line.split()[2:4] for line in shown.splitlines()]
        return [f"{here} with {there}" for here, there in pairs if here.rsplit(":", 1)[0] != there.rsplit(":", 1)[0]]

    def inside(self, *words):
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def start(self, *words, **options):
        """Starts a process inside; its output goes to a file in `work`, its `log`."""
        path = self.work / f"{len(self.processes)}.log"
        with open(path, "wb") as log:
            process = self.own(subprocess.Popen(self.inside(*words), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                                preexec_fn=end_with_parent, **options))
        process.log = path
        return process

    def own(self, process):
        self.processes.append(process)
        return process

    def stop(self, process):
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self, process):
        """For what does not end by SIGTERM, or has nothing to save."""
        process.kill()
        process.wait()

    def close(self):
        """Nothing of a case is needed after it, so nothing gets time to end by itself."""
        for namespace in self.namespaces:
            for pid in pids_in(namespace):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for process in self.processes:
            self.kill(process)
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "delete", namespace], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.work, ignore_errors=True)
