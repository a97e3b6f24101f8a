"""The lab's certificate authority, whose certificate every initramfs of the lab holds, and servers' certificates."""

import fcntl
import subprocess

from .common import CACHE, make


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def new_key():
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]


class Authority:
    """Its key and certificate are made once, in `directory`; the certificate is valid for a hundred years."""

    def __init__(self, directory):
        self.directory = directory

    def certificate(self):
        path = make(self.directory) / "ca.pem"
        with open(self.directory / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                openssl("req", "-x509", *new_key(), "-keyout", self.directory / "ca.key", "-out", f"{path}.new", "-days",
                        36500, "-subj", "/CN=The authority of the lab")
                path.with_name("ca.pem.new").rename(path)
        return path

    def issue(self, work, name):
        """A certificate for a host name and its key in one file, valid for thirty years."""
        path = work / f"{name}.pem"
        openssl("req", *new_key(), "-keyout", work / "key", "-out", work / "request", "-subj", f"/CN={name}")
        (work / "names").write_text(f"subjectAltName=DNS:{name}\n")
        openssl("x509", "-req", "-in", work / "request", "-CA", self.certificate(), "-CAkey", self.directory / "ca.key",
                "-set_serial", 1, "-days", 11000, "-extfile", work / "names", "-out", work / "certificate")
        path.write_bytes((work / "certificate").read_bytes() + (work / "key").read_bytes())
        return path


AUTHORITY = Authority(CACHE / "authority")
