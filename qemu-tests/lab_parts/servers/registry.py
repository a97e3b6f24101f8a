"""docker-registry, a registry of OCI artifacts, over HTTPS at port 5000: `registry REPOSITORY image=IMAGE` puts an image there,
one line each; with `damaged=yes` its manifest is another one than its digest says. A line `registry certificate=NAME` is needed:
the certificate, of the lab's authority, for that host name or address. With `user=NAME password=PASSWORD lifetime=SECONDS` in it,
the registry wants tokens of a server at port 5001, which last that long; the nodes must have asked for another one under way."""

import json

from ..artifacts import artifact_of, push
from ..authority import AUTHORITY
from ..common import HERE, Failure, make
from ..images import image
from ..network import SERVER
from .server import Server

PORT = 5000
TOKEN_PORT = 5001


class Registry(Server):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        self.settings = {}
        for words, options in lines:
            self.settings |= {} if words else options
        self.work = make(network.work / "registry")

    def start(self):
        # skopeo does not know the nodes' names of servers.
        self.run_registry({})
        for words, options in self.lines:
            for repository in words:
                push(image(options["image"]), f"{SERVER}:{PORT}/{repository}", self.work / f"layout/{repository}",
                     self.network.inside())
                if options.get("damaged") == "yes":
                    self.damage(artifact_of(image(options["image"])))
        self.network.stop(self.processes.pop())
        name = self.settings["certificate"]
        certificate = AUTHORITY.issue(make(self.network.work / "tls"), name)
        settings = {"http": {"addr": f"{SERVER}:{PORT}", "tls": {"certificate": str(certificate), "key": str(certificate)}}}
        if "user" in self.settings:
            settings["auth"] = {"token": {"realm": f"https://{name}:{TOKEN_PORT}/token", "service": "lab", "issuer": "lab",
                                          "rootcertbundle": str(self.work / "token.pem")}}
            self.run_process(HERE / "lab_parts/token-server", SERVER, TOKEN_PORT, certificate, self.work,
                             *(self.settings[key] for key in ("user", "password", "lifetime")))
            self.wait_for_port(TOKEN_PORT)
        self.run_registry(settings)

    def run_registry(self, settings):
        configuration = self.work / "configuration"
        # JSON is YAML.
        configuration.write_text(json.dumps({
            "version": 0.1, "log": {"level": "warn"}, "http": {"addr": f"{SERVER}:{PORT}"},
            "storage": {"filesystem": {"rootdirectory": str(self.work / "blobs")}, "delete": {"enabled": True}}} | settings))
        self.run_process("docker-registry", "serve", configuration)
        self.wait_for_port(PORT)

    def damage(self, digest):
        with open(self.work / f"blobs/docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data", "a") as manifest:
            manifest.write("\n")

    def finish(self):
        if "user" not in self.settings:
            return
        issued = (self.work / "issued").read_text().splitlines()
        if len(issued) < 4:
            raise Failure(f"only {len(issued)} tokens were asked for; none ended under way")
