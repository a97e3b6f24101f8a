"""Runs a case: its network, servers and nodes, what its script does under way, and the verdict."""

import json
import re
import selectors
import subprocess
import time

from .common import Failure, make, wait_until
from .costs import costs_of
from .definitions import definition_arguments, with_definition
from .dracut import initramfs_of
from .images import digest_of, image
from .machine import accelerator, identity_of, kernel_words, machine
from .network import Network, clear_leftovers, end_with_parent
from .servers import fill_in, finish, make_servers
from .servers.bmcs import socket_of

# iPXE's output while it fetches.
PROGRESS = re.compile(r"\.\.\.[.\d%\x08 ]* ok$")
CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1bc")


def kernel_arguments(case, extra=()):
    # On a machine that is busy, a kernel in TCG takes its timer for broken.
    return " ".join(["console=ttyS0", "panic=-1", "no_timer_check", *definition_arguments(case), *extra, *case.lines("cmdline")])


def node_words(case, network, servers, name, tap, console, arguments):
    """The words that start a node, with its kernel or, where the case names a firmware, with that alone."""
    disks = [image(disk) for disk in case.lines("disks")]
    devices = [*(["-device", "i6300esb"] if case.has_watchdog() else []), *(software_tpm(network, tap) if case.has_tpm() else [])]
    if firmware := case.firmware():
        head_node = next(server for server in servers.values() if hasattr(server, "serve"))
        head_node.serve(case, identity_of(name)[1], arguments)
        words = machine(name, tap, console, disks, firmware=firmware)
        if case.restarts():
            words.remove("-no-reboot")
            words += ["-qmp", f"unix:{socket_of(network, tap)},server=on,wait=off"]
        return words + devices
    words = machine(name, tap, console, disks, network.other_taps(tap), memory=case.memory(),
                    relayed=case.delay() is not None, on_usb=case.cards_are_on_usb())
    if case.restarts():
        words.remove("-no-reboot")
    words += kernel_words(case.kernel(), arguments, initramfs_of(case))
    words += ["-rtc", f"base={case.clock()}", *devices]
    return with_definition(case, network.work, words)


def software_tpm(network, tap):
    """The words that give a node a new TPM 2.0."""
    state = make(network.work / f"tpm-{tap}")
    network.start("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--ctrl", f"type=unixio,path={state}/socket")
    wait_until((state / "socket").exists, 10, "swtpm does not start")
    return ["-chardev", f"socket,id=tpm,path={state}/socket", "-tpmdev", "emulator,id=tpm,chardev=tpm",
            "-device", "tpm-tis,tpmdev=tpm"]


class Node:
    """A machine that is running, and its console so far: lines with the second at which each came."""

    def __init__(self, network, name, tap, words):
        self.name = name
        self.tap = tap
        self.lines = []
        self.seconds = []
        self.rest = b""
        self.log = open(network.work / f"console-{tap}.log", "w")
        self.started = time.monotonic()
        self.process = network.own(subprocess.Popen(network.inside(*words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                    stderr=subprocess.STDOUT, preexec_fn=end_with_parent))

    def read(self):
        """The new lines; None at the end."""
        data = self.process.stdout.read1(65536)
        *complete, self.rest = (self.rest + data).split(b"\n")
        fresh = [PROGRESS.sub("... ok", CONTROL_SEQUENCE.sub("", line.decode(errors="replace")).rstrip()) for line in complete]
        self.lines += fresh
        self.seconds += [time.monotonic() - self.started] * len(fresh)
        for line in fresh:
            self.log.write(line + "\n")
        self.log.flush()
        if not data:
            self.lines.append(self.rest.decode(errors="replace"))
            return None
        return fresh

    def type(self, line):
        """At the console, as a user does."""
        self.process.stdin.write(line.encode() + b"\r")
        self.process.stdin.flush()

    def second_of(self, text):
        """When the first line with `text` came, in seconds since the machine was started."""
        return next((second for line, second in zip(self.lines, self.seconds) if text in line), None)

    def value_of(self, word):
        """The rest of the first line `LAB word …`."""
        return next((line.split(f"LAB {word} ", 1)[1] for line in self.lines if f"LAB {word} " in line), None)

    def report(self):
        return json.loads(self.value_of("report") or "null")


class Script:
    """The steps of a case's `script`, done one after the other."""

    def __init__(self, case, network, servers, nodes):
        self.steps = case.script()
        self.network = network
        self.servers = servers
        self.nodes = nodes
        self.due = None

    def starts(self, kind):
        """True when the script is what starts this server first."""
        first = next((step.action for step in self.steps if step.action[1] == kind), None)
        return first is not None and first[0] == "start"

    def see(self, line):
        if self.steps and self.steps[0].text is not None and self.steps[0].text in line:
            self.do()

    def tick(self):
        """Does what is due by time; how long until the next is, at most half a second."""
        while self.steps and self.steps[0].text is None:
            self.due = self.due or time.monotonic() + self.steps[0].seconds
            if time.monotonic() < self.due:
                return min(0.5, self.due - time.monotonic())
            if self.steps[0].state and self.steps[0].state not in self.servers["head"].rollout_states():
                self.due = time.monotonic() + 0.5
                continue
            self.do()
        return 0.5

    def do(self):
        verb, target = self.steps.pop(0).action
        self.due = None
        if verb == "wait":
            return
        if verb == "link":
            self.network.set_link(target)
        elif verb == "ctl":
            self.servers["head"].ctl(*target.split(), "--yes")
        elif verb == "end":
            for node in self.nodes:
                self.network.kill(node.process)
        elif verb == "type":
            for node in self.nodes:
                node.type(target)
        else:
            getattr(self.servers[target], "break_" if verb == "break" else verb)()


def watch(nodes, script, time_limit, on_line=lambda node, line: None):
    """Reads the consoles until all nodes have ended."""
    with selectors.DefaultSelector() as selector:
        for node in nodes:
            selector.register(node.process.stdout, selectors.EVENT_READ, node)
        deadline = time.monotonic() + time_limit
        while selector.get_map():
            for key, _ in selector.select(script.tick()):
                fresh = key.data.read()
                if fresh is None:
                    selector.unregister(key.fileobj)
                for line in fresh or []:
                    on_line(key.data, line)
                    script.see(line)
                script.see(key.data.rest.decode(errors="replace"))  # a prompt has no end of line
            if time.monotonic() > deadline:
                raise Failure(f"{nodes[0].name} did not end within {time_limit} s")
    if script.steps:
        raise Failure(f"the script came only to the step {' '.join(script.steps[0].action)!r}")


def missing_expectation(expected, console):
    """Why the console is not as expected: lines come in their order; `not: TEXT` must not come at all."""
    position = 0
    for wanted in expected:
        if wanted.startswith("not: "):
            if any(wanted[5:] in line for line in console):
                return f"there should be no {wanted[5:]!r} on the console"
            continue
        found = next((i for i in range(position, len(console)) if wanted in console[i]), None)
        if found is None:
            return f"no {wanted!r} on the console"
        position = found + 1
    return None


def problem_with(case, console, number):
    """Why the case fails, from the console of a node (the first is 1), or None. A boot that comes to its end is a matter of
    its own, so that `expect` may name what came before it."""
    expected = [line.replace("{number}", str(number)) for line in case.lines("expect")]
    if problem := missing_expectation(expected, console):
        return problem
    if case.kind == "refusals":
        return None
    root = next((line for line in expected if line.startswith("LAB root ")), "LAB root overlay")
    init = ["LAB multi-user running", root, "LAB failed-units none", "LAB write ok", "LAB setuid ok", "LAB layers ok"]
    tiny = ["LAB tiny init running", root, "LAB layers ok", "LAB contents ok", "LAB write ok", "LAB setuid ok"]
    return missing_expectation([*(init if case.boots_systemd() else tiny), "LAB done"], console)


def run_nodes(case, on_line=lambda network, node, line: None, extra_arguments=()):
    """Boots the nodes of a case until they end; returns them. Raises Failure when the case fails."""
    images = [image(name) for name in case.images()]
    before = {path: digest_of(path) for path in images}
    initramfs_of(case)
    accelerator()
    clear_leftovers()
    network = Network()
    nodes = []
    try:
        network.open(case)
        servers = make_servers(network, case)
        script = Script(case, network, servers, nodes)
        for kind, server in servers.items():
            if not script.starts(kind):
                server.start()
        arguments = fill_in(servers, kernel_arguments(case, ["lab.report", *extra_arguments]))
        for number, tap in enumerate(network.taps):
            name = case.name + (f"-{number}" if number else "")
            nodes.append(Node(network, name, tap, node_words(case, network, servers, name, tap, "stdio", arguments)))
        watch(nodes, script, case.time_limit(), lambda node, line: on_line(network, node, line))
        for number, node in enumerate(nodes, 1):
            if problem := problem_with(case, node.lines, number):
                raise Failure(f"{node.name}: {problem}" if len(nodes) > 1 else problem)
        if case.lines("stall") and longest_stall(nodes) < case.stall():
            raise Failure(f"the slowest round of the load took {longest_stall(nodes):.1f} s: its reads did not wait")
        finish(servers)
        # A node that restarts without a shutdown closes none.
        if case.kind == "boots" and not case.restarts() and (left := network.connections_of_nodes()):
            raise Failure("nodes that are gone have left connections: " + ", ".join(left))
        if any(digest_of(path) != digest for path, digest in before.items()):
            raise Failure("a served image was changed")
        return nodes
    except Failure:
        for node in nodes:
            print("\n".join(f"  {line}" for line in node.lines[-40:]))
        for log in sorted(path for path in network.work.glob("*.log") if not path.name.startswith("console")):
            print("\n".join(f"  {log.name}: {line}" for line in log.read_text(errors="replace").splitlines()[-5:]))
        raise
    finally:
        network.close()


def boot(case, watched=False, log_file=None):
    started = time.monotonic()

    def on_line(network, node, line):
        if watched:
            print(line, flush=True)
        if log:
            log.write(line + "\n")
            log.flush()

    log = open(log_file, "w") if log_file else None
    nodes = run_nodes(case, on_line)
    print(costs_of(started, nodes[0]))
    stall = longest_stall(nodes)
    print(f"PASS {case.name} seconds={time.monotonic() - started:.1f}{f' stall={stall:.1f}' if stall else ''}", flush=True)
    return 0


def longest_stall(nodes):
    """How many seconds one round of the load on a root took at most; 0: there was no load."""
    rounds = [int(match[1]) for node in nodes for line in node.lines
              if (match := re.search(r"LAB load ok .*longest=(\d+)", line))]
    return max(rounds, default=0) / 1000


def boot_with_shell(case):
    """Leaves the console of the first node to the user."""
    clear_leftovers()
    network = Network()
    try:
        network.open(case.but(nodes=["1"]))
        servers = make_servers(network, case)
        for server in servers.values():
            server.start()
        words = node_words(case, network, servers, case.name, network.taps[0], "mon:stdio", kernel_arguments(case))
        return subprocess.run([str(word) for word in network.inside(*words)], check=False).returncode
    finally:
        network.close()
