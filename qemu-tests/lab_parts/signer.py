"""The lab's signer of definitions. A case whose `initramfs` is `ours --signers {signers}` boots nodes that take his
definitions only."""

import fcntl
import json
import subprocess

from .common import CACHE, MANGROVE, make, run

DIRECTORY = CACHE / "signer"


def key():
    """His key, made once."""
    path = make(DIRECTORY) / "key"
    with open(DIRECTORY / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path)
            (DIRECTORY / "allowed_signers").write_text(f"lab {path.with_suffix('.pub').read_text()}")
    return path


def allowed_signers():
    return key().parent / "allowed_signers"


def signing():
    """The words with which mangrovectl signs for him."""
    return ["--key", key(), "--serial", "1", "--valid-until", "2100-01-01"]


def sign(definition):
    """The signature of a text, as ssh-keygen writes it."""
    return subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "mangrove", "-f", key()], input=definition,
                          capture_output=True, text=True, check=True).stdout


def on_one_line(signature):
    return "".join(signature.splitlines()[1:-1])


def encode(definition):
    """The kernel argument with a definition; None where the program finds it wrong."""
    encoded = subprocess.run([MANGROVE, "encode", "-"], input=definition, capture_output=True, text=True)
    return encoded.stdout.strip() if encoded.returncode == 0 else None


def envelope(definition):
    """The definition with its signature, in JSON without backslashes."""
    return json.dumps({"signed": encode(definition).partition("=")[2], "signature": on_one_line(sign(definition))})
