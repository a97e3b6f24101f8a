"""A server for the reports of nodes, over HTTPS: `reports PATH… certificate=NAME user=USER:PASSWORD`, one line. Each path
must be posted to once, with that password, what is a report of a boot without it."""

import base64
import json

from ..authority import AUTHORITY
from ..common import HERE, Failure, make
from ..network import SERVER
from .server import Server


class Reports(Server):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        ((self.paths, self.settings),) = lines

    def folder(self):
        return make(self.network.work / "reports")

    def start(self):
        certificate = AUTHORITY.issue(make(self.network.work / "tls"), self.settings["certificate"])
        self.run_process(HERE / "lab_parts/receiver", SERVER, 443, self.folder(), certificate)
        self.wait_for_port(443)

    def finish(self):
        posts = [json.loads(path.read_text()) for path in self.folder().iterdir()]
        if sorted(post["path"] for post in posts) != sorted(self.paths):
            raise Failure(f"reports came to {[post['path'] for post in posts]} and not to {self.paths}")
        user = "Basic " + base64.b64encode(self.settings["user"].encode()).decode()
        for post in posts:
            report = json.loads(post["body"])
            if post["headers"]["Authorization"] != user or post["headers"]["Content-Type"] != "application/json":
                raise Failure(f"a report came with {post['headers']}")
            if not all(report[key] for key in ("name", "seconds", "steps", "masked_definition")):
                raise Failure(f"what came is no report: {post['body']}")
            if self.settings["user"].split(":")[1] in post["body"]:
                raise Failure("a password is in the report")
