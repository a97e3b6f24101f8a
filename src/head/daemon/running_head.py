"""A mangrove-head with an image and a release, for tests. The command line: MANGROVECTL MANGROVE-HEAD."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MANGROVECTL, MANGROVE_HEAD = map(os.path.abspath, sys.argv[1:3])
# powerman -h HOST ORDER NODE
POWERMAN = """#!/bin/sh
[ "$4" != away ] || { echo "No such nodes: $4" >&2; exit 1; }
[ "$3" != -q ] || echo "on: $4"
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def fail(*words):
    sys.exit("FAIL: " + " ".join(map(str, words)))


class Head:
    def __init__(self, work):
        self.work = work
        self.port, self.http = free_port(), free_port()
        self.base = f"https://127.0.0.1:{self.port}"
        self.directories = [f"--store={work}/images", f"--publications={work}/publications", f"--database={work}/nodes.db"]
        (work / "head.yaml").write_text(f"address: [127.0.0.1]\nhttp: {self.http}\nhttps: {free_port()}\napi: {self.port}\n"
                                        f"state: {work}\nsocket: {work}/api\nleases: []\ntrust: open\nnodes_per_second: 1000\nburst: 1000\n")
        self.prepare()
        self.token = self.ctl("token", "add", "test", "--role", "admin").strip()
        self.process = subprocess.Popen([MANGROVE_HEAD, "--configuration", work / "head.yaml"], stderr=(work / "log").open("w"),
                                        env={**os.environ, "PATH": f"{work}/bin:{os.environ['PATH']}"})
        for _ in range(200):
            if (work / "api").exists():
                break
            time.sleep(0.1)
        self.context = ssl.create_default_context(cafile=work / "authority/ca.pem")

    def prepare(self):
        (self.work / "bin").mkdir()
        (self.work / "bin/powerman").write_text(POWERMAN)
        (self.work / "bin/powerman").chmod(0o755)
        tree = self.work / "tree/etc"
        tree.mkdir(parents=True)
        (tree / "motd").write_text("hello\n")
        self.ctl("files", "import", "base", "--from", tree.parent)
        modules = self.work / "tree/usr/lib/modules/6.1.0"
        modules.mkdir(parents=True)
        (modules / "vmlinuz").write_text("a kernel\n")
        (modules / "modules.dep").touch()
        # In the place of mangrove, which makes initramfses of real modules.
        mangrove = self.work / "mangrove"
        mangrove.write_text('#!/bin/sh\n[ "$1" = initramfs ] || exit 0\nwhile [ "$1" != --output ]; do shift; done\necho an initramfs >"$2"\n')
        mangrove.chmod(0o755)
        image = self.ctl("image", "build", "lab", "--from", tree.parent, "--mangrove", mangrove).strip()
        (self.work / "web").mkdir()
        self.ctl("publish", image, "--over", "http", "--address", "127.0.0.1", "--directory", self.work / "web", "--no-check")
        self.release = self.ctl("release", "make", "lab").strip()

    def ctl(self, *words):
        done = subprocess.run([MANGROVECTL, *self.directories, *words], capture_output=True, text=True)
        if done.returncode:
            fail("mangrovectl", words, done.stderr)
        return done.stdout

    def connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.context)

    def ask(self, method, target, body=None, **headers):
        connection = self.connect()
        headers = {"Authorization": "Bearer " + self.token, **headers}
        connection.request(method, target, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer, answer.read()

    def as_node(self, method, target, body=None):
        """Asks again, as nodes do, while what the database has is not served yet."""
        for _ in range(300):
            connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)
            connection.request(method, target, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            got = answer.read().decode()
            if answer.status in (200, 204):
                return
            time.sleep(0.1)
        fail(method, target, "answered", answer.status, got)

    def machine_asks(self, mac):
        self.as_node("GET", f"/boot/{mac}.ipxe?serial=S1")
        self.until_have("/v1/discovered", mac.replace("-", ":"))

    def until_have(self, target, expected):
        for _ in range(300):
            if expected in self.ask("GET", target)[1].decode():
                return
            time.sleep(0.1)
        fail("no", expected, "in", target)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(30) != 0:
            fail("mangrove-head ended with", self.process.returncode)


def run_with_head(run):
    """Calls run(head), and shows the log of mangrove-head where that fails."""
    with tempfile.TemporaryDirectory() as directory:
        head = Head(Path(directory))
        try:
            run(head)
        except BaseException:
            sys.stderr.write((Path(directory) / "log").read_text())
            raise
        finally:
            if head.process.poll() is None:
                head.process.kill()
                head.process.wait()
    print("PASS")
