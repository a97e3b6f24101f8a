"""HTTP from nginx: `nginx FILE image=IMAGE` serves an image as /FILE, at port 8081, one line each. `edge origin=URL`, at port 8082,
is a cache in front of another server: it gets parts of 1 MiB (ngx_http_slice_module), each once, whoever asks for which bytes
of it. When all nodes have booted, it must have asked the origin for each part once."""

import collections
import re

from ..common import Failure, make
from ..images import image
from ..network import SERVER
from .server import Server

CONFIGURATION = """
daemon off;
master_process off;
pid {work}/pid;
error_log {work}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {work}/access.log;
    sendfile on;
    keepalive_requests 1000000;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
{more}
}}
"""
EDGE = """
    log_format asked '$upstream_cache_status $slice_range';
    proxy_cache_path {work}/cache keys_zone=images:10m max_size=1g inactive=1d;
    server {{
        listen {address}:{port};
        location / {{
            slice 1m;
            proxy_cache images;
            proxy_cache_key $uri$slice_range;
            proxy_set_header Range $slice_range;
            proxy_cache_valid 200 206 1d;
            proxy_cache_lock on;
            proxy_http_version 1.1;
            proxy_pass {origin};
            access_log {work}/asked.log asked;
        }}
    }}
"""


class Nginx(Server):
    port = 8081

    def __init__(self, network, lines=()):
        super().__init__(network, lines)
        self.work = make(network.work / type(self).__name__.lower())

    def site(self):
        files = make(self.work / "files")
        for words, options in self.lines:
            for name in words:
                (files / name).symlink_to(image(options["image"]))
        return f"    server {{ listen {SERVER}:{self.port}; root {files}; }}"

    def start(self):
        configuration = self.work / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(work=self.work, more=self.site()))
        self.run_process("nginx", "-c", configuration, "-e", self.work / "error.log")
        self.wait_for_port(self.port)


class Edge(Nginx):
    port = 8082

    def site(self):
        ((_, options),) = self.lines
        return EDGE.format(work=self.work, address=SERVER, port=self.port, origin=options["origin"])

    def finish(self):
        asked = collections.Counter(re.findall(r"^MISS (\S+)$", (self.work / "asked.log").read_text(), re.MULTILINE))
        if not asked or max(asked.values()) > 1:
            raise Failure(f"the edge has asked its origin for the same part again, or for none: {asked}")
