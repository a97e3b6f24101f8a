"""The lab's certificate authority, whose certificate every initramfs of the lab holds, and servers' certificates. All of
them are valid from 2020 on, so that they are older than every program that is tested."""

import fcntl
import hashlib
import subprocess
import tempfile
from pathlib import Path

from .common import CACHE, make

CONFIGURATION = """
[ca]
default_ca = lab
[lab]
database = {work}/issued
new_certs_dir = {work}
rand_serial = yes
default_md = sha256
policy = names
[names]
commonName = supplied
[authority]
basicConstraints = critical, CA:true
subjectKeyIdentifier = hash
[server]
subjectAltName = DNS:{name}
"""


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


GOOD_KEY = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


def certify(name, key, signer, extensions, last_year, kind=GOOD_KEY, digest="sha256"):
    """Makes a key of this kind in the file `key` and returns its certificate; `signer` are openssl's words for who signs it."""
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        (work / "issued").touch()
        configuration = CONFIGURATION.replace("DNS:", "IP:") if name[0].isdigit() else CONFIGURATION
        (work / "configuration").write_text(configuration.format(work=work, name=name))
        openssl("req", "-newkey", *kind, "-noenc", "-keyout", key, "-out",
                work / "request", "-subj", f"/CN={name}")
        openssl("ca", "-batch", "-notext", "-md", digest, "-config", work / "configuration", "-in", work / "request", "-out",
                work / "certificate", *signer, "-extensions", extensions, "-startdate", "20200101000000Z", "-enddate",
                f"{last_year}0101000000Z")
        return (work / "certificate").read_text()


class Authority:
    """Its key and certificate are made once, in `directory`."""

    def __init__(self, directory):
        self.directory = directory
        self.key = directory / "ca.key"

    def certificate(self):
        path = make(self.directory) / "ca.pem"
        with open(self.directory / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                path.write_text(certify("The authority of the lab", self.key, ["-selfsign", "-keyfile", self.key],
                                        "authority", 2100))
        return path

    def issue(self, work, name, **weak):
        """A certificate for a host name or an address, valid until 2060, and its key in one file. `weak` goes to `certify`."""
        signer = ["-cert", self.certificate(), "-keyfile", self.key]
        certificate = certify(name, work / "key", signer, "server", "2060", **weak)
        path = work / f"{name}.pem"
        path.write_text(certificate + (work / "key").read_text())
        return path


AUTHORITY = Authority(CACHE / f"authority-{hashlib.sha256(CONFIGURATION.encode()).hexdigest()[:8]}")
