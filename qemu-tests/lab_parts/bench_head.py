"""mangrove-head beside nginx and lighttpd, which serve a file of the same size: one core for the server, one for wrk. Then what many
nodes cost it: a storm of nodes that start, idle connections, and rendering."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from .common import CACHE, MANGROVECTL, Failure, make, run, wait_until
from .results import in_turn, tell
from .storm import idle_connections, storm

NODES = 10_000
TEMPLATES = 20
KERNEL, INITRAMFS = 8_000_000, 3_500_000  # bytes
ALL_AT_ONCE = "nodes_per_second: 1000000\nburst: 1000000"
RATE = "requests each second"
LATENCY = "99th percentile, ms"
PORTS = {"mangrove-head": 18080, "nginx": 18081, "lighttpd": 18082}
SECONDS = 5
NGINX = """daemon off; master_process off; pid {work}/nginx.pid; error_log {work}/nginx.log;
events {{ worker_connections 20000; }}
http {{ access_log off; keepalive_requests 1000000; default_type application/json;
  server {{ listen 127.0.0.1:{port}; root {work}/web; }} }}
"""
LIGHTTPD = """server.document-root = "{work}/web"
server.bind = "127.0.0.1"
server.port = {port}
server.max-keep-alive-requests = 1000000
mimetype.assign = ( "" => "application/json" )
"""
HEAD = """address: 127.0.0.1
http: {port}
https: 18443
trust: open
{admission}
leases: []
state: {work}/state
socket: {work}/api
"""


class Servers:
    """All three, started one after the other; each has the first core."""

    def __init__(self, work):
        self.work = work
        self.processes = {}

    def start(self, name, *words):
        log = open(self.work / f"{name}.log", "wb")
        self.processes[name] = subprocess.Popen(["taskset", "--cpu-list", "0", *map(str, words)], stdout=log, stderr=log)
        wait_until(lambda: self.answers(name), 300, f"{name} does not start: see {log.name}")

    def answers(self, name):
        if self.processes[name].poll() is not None:
            raise Failure(f"{name} has ended: " + (self.work / f"{name}.log").read_text()[-500:])
        try:
            with urllib.request.urlopen(url_of(name)):
                return True
        except OSError:
            return False

    def end(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
            process.wait()
        self.processes = {}

    def resident(self, name):
        """MB of memory."""
        status = Path(f"/proc/{self.processes[name].pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def url_of(name):
    return f"http://127.0.0.1:{PORTS[name]}/" + ("n/definition?node=n00001" if name == "mangrove-head" else "definition")


def ctl_of(work):
    state = work / "state"

    def ctl(*words):
        return run(MANGROVECTL, f"--store={state}/images", f"--publications={state}/publications",
                   f"--database={state}/nodes.db", *words)

    return ctl


def prepare(work):
    """A database of NODES nodes with one image that is published over HTTP."""
    make(work / "state")
    tree = make(work / "tree/usr/lib/modules/6.1.0")
    (tree / "vmlinuz").write_bytes(os.urandom(KERNEL))
    (tree / "modules.dep").touch()
    stand_in = work / "mangrove"
    stand_in.write_text('#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\nhead -c %d /dev/zero >"$2"\n' % INITRAMFS)
    stand_in.chmod(0o755)
    ctl = ctl_of(work)

    ctl("image", "build", "lab", "--from", work / "tree", "--mangrove", stand_in)
    ctl("publish", "lab", "--over", "http", "--address", "127.0.0.1", "--directory", make(work / "web"), "--no-check")
    ctl("group", "add", "compute", "values.image=lab", "values.rack=7", "--yes")
    (work / "nodes.csv").write_text("name,groups,macs\n" + "".join(f"{name},compute,{mac.replace('-', ':')}\n" for mac, name in nodes()))
    ctl("node", "import", "--from", "csv", work / "nodes.csv", "--yes")
    begin = time.monotonic()
    ctl("node", "list", "--json")
    listing = time.monotonic() - begin
    return listing


def nodes():
    """MAC with dashes and name of each."""
    return [(f"52-54-00-00-{number >> 8:02x}-{number & 255:02x}", f"n{number:05}") for number in range(1, NODES + 1)]


def start_head(servers, name, admission):
    work = servers.work
    (work / f"{name}.conf").write_text(HEAD.format(work=work, port=PORTS["mangrove-head"], admission=admission))
    begin = time.monotonic()
    servers.start("mangrove-head", MANGROVECTL.parent / "mangrove-head", "--configuration", work / f"{name}.conf")
    return time.monotonic() - begin


def measure_storm(servers, name, admission, is_loading):
    start_head(servers, name, admission)
    begin = time.monotonic()
    latencies, deferred = storm(PORTS["mangrove-head"], nodes(), is_loading)
    latencies.sort()
    print(f"{name}: {NODES} nodes in {time.monotonic() - begin:.0f} s, deferred {deferred} times")
    return {f"{name}_median_ms": 1000 * latencies[NODES // 2], f"{name}_p99_ms": 1000 * latencies[NODES * 99 // 100],
            f"{name}_longest_ms": 1000 * latencies[-1]}


def measure_storms(servers):
    """Of scripts and definitions alone, and with the kernel and the initramfs at the rate of the configuration."""
    figures = measure_storm(servers, "scripts", "nodes_per_second: 500\nburst: 1000", False)
    servers.end()
    return figures | measure_storm(servers, "storm", "", True)


def measure_idle(servers):
    before = servers.resident("mangrove-head")
    connections = idle_connections(PORTS["mangrove-head"], NODES)
    figures = {"resident_mb": before, "resident_with_idle_connections_mb": servers.resident("mangrove-head")}
    for connection in connections:
        connection.close()
    return figures


def measure_rendering(work):
    """From the database to all that is served, with nothing rendered before."""
    tree = make(work / "set/etc/lab")
    for number in range(TEMPLATES):
        (tree / f"file{number}.tmpl").write_text(
            f"# {number}\nname={{{{ .Name }}}}\nrack={{{{ .Values.rack }}}}\n"
            "{{ range .Interfaces }}address={{ .address }}\n{{ end }}kind={{ .Values.kind | default \"none\" | upper }}\n")
    ctl = ctl_of(work)
    ctl("files", "import", "base", "--from", work / "set")
    ctl("group", "set", "compute", "files=base", "--yes")
    begin = time.monotonic()
    run(MANGROVECTL.parent / "mangrove-head", "--configuration", work / "storm.conf", "--check")
    return {"rendering_s": time.monotonic() - begin}


def load(name):
    printed = run("taskset", "--cpu-list", "1", "wrk", "--threads", 1, "--connections", 64, "--duration", f"{SECONDS}s",
                  "--latency", url_of(name))
    if "Non-2xx" in printed:
        raise Failure(f"{name}: {printed}")
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", printed).groups()
    return {RATE: float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1]),
            LATENCY: float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]}


def bench_head(options):
    if len(os.sched_getaffinity(0)) < 2:
        raise Failure("bench head needs two cores")
    if missing := [program for program in ("nginx", "wrk") if not shutil.which(program)]:
        raise Failure(f"bench head needs {' and '.join(missing)}: apt install nginx-light wrk")
    with tempfile.TemporaryDirectory(dir=make(CACHE)) as work:
        work = Path(work)
        listing = prepare(work)
        servers = Servers(work)
        try:
            for name, text in (("nginx", NGINX), ("lighttpd", LIGHTTPD)):
                (work / f"{name}.conf").write_text(text.format(work=work, port=PORTS[name]))
            preparing = start_head(servers, "mangrove-head", ALL_AT_ONCE)
            with urllib.request.urlopen(url_of("mangrove-head")) as answer:
                definition = answer.read()
            json.loads(definition)
            (work / "web/definition").write_bytes(definition)
            servers.start("nginx", "nginx", "-c", work / "nginx.conf")
            servers.start("lighttpd", "lighttpd", "-D", "-f", work / "lighttpd.conf")
            taken = in_turn({name: name for name in PORTS}, options.rounds, load)
            servers.end()
            figures = measure_storms(servers) | measure_idle(servers)
        finally:
            servers.end()
        figures |= measure_rendering(work)
    print(f"{NODES} nodes: prepared in {preparing:.1f} s, listed in {listing:.2f} s")

    def ratios(medians):
        return figures | {f"{name}_ratio": medians["mangrove-head"][RATE] / medians[name][RATE] for name in ("nginx", "lighttpd")}

    return tell("head", options, taken, ratios)
