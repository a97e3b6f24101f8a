"""S3 from radosgw, over the Ceph cluster of `ceph`: `radosgw NAME image=IMAGE`, one line an object of the bucket `images`, which
is private. The user `writer` owns it, and `node` may read what is in it. Their keys are always the same, as the definitions
of the cases hold them."""

import json

from ..common import run
from ..images import image
from ..network import SERVER
from .ceph import Ceph

PORT = 7480
BUCKET = "images"
SECRET = "squeamish/ossifrage+"  # as the generated ones, it needs care in URLs
POLICY = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/node"]}, "Action": ["s3:GetObject"],
    "Resource": [f"arn:aws:s3:::{BUCKET}/*"]}]}
S3CFG = f"""[default]
access_key = WRITER
secret_key = {SECRET}
host_base = {SERVER}:{PORT}
host_bucket = {SERVER}:{PORT}
use_https = False
"""


class Radosgw(Ceph):
    def fill(self):
        for name in ("writer", "node"):
            run(*self.network.inside("radosgw-admin", *self.words, "user", "create", f"--uid={name}",
                                     f"--display-name={name}", f"--access-key={name.upper()}",
                                     f"--secret-key={SECRET}"), env=self.environment)

    def start(self):
        is_new = not self.home.exists()
        super().start()
        self.run_daemon("radosgw", "-n", "client.admin", f"--rgw-frontends=beast endpoint={SERVER}:{PORT}")
        self.wait_for_port(PORT)
        if is_new:
            self.upload()

    def upload(self):
        (self.home / "s3cfg").write_text(S3CFG)
        (self.home / "node.s3cfg").write_text(f"access_key = NODE\nsecret_key = {SECRET}\n")
        (self.home / "policy").write_text(json.dumps(POLICY))
        self.s3cmd("mb", f"s3://{BUCKET}")
        self.s3cmd("setpolicy", self.home / "policy", f"s3://{BUCKET}")
        for (name,), settings in self.lines:
            self.s3cmd("put", image(settings["image"]), f"s3://{BUCKET}/{name}")

    def s3cmd(self, *words):
        return run(*self.network.inside("s3cmd", f"--config={self.home}/s3cfg", "--no-progress", *words))
