"""An OCI image of the lab's tiny tree whose upper layer attacks the machine that it is unpacked on."""

import hashlib
import io
import json
import os
import shutil
import tarfile

from .common import Failure, make
from .images import digest_of, image

FOREIGN_ACL = {"SCHILY.acl.access": "user::rwx,user:1:rwx,group::rwx,mask::rwx,other::rwx"}


class HostileImage:
    def __init__(self, work):
        self.layout = work / "hostile"
        self.home = work / "victims"
        self.before = None

    def make(self):
        """The layout's directory. What it attacks is made beside it."""
        (make(self.home) / "secret").write_text("of the head node\n")
        (self.home / "secret").chmod(0o600)
        self.before = self.state()
        self.blobs = make(self.layout / "blobs/sha256")
        base = image("tiny.tar.zst")
        digest = digest_of(base)
        shutil.copyfile(base, self.blobs / digest)
        layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "digest": "sha256:" + digest},
                  {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": self.blob(self.attacks())}]
        manifest = self.blob(json.dumps({"schemaVersion": 2, "layers": layers}).encode())
        (self.layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{"digest": manifest}]}))
        (self.layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        return self.layout

    def blob(self, content):
        digest = hashlib.sha256(content).hexdigest()
        (self.blobs / digest).write_bytes(content)
        return "sha256:" + digest

    def attacks(self):
        up = "../" * 20
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:

            def add(name, kind=tarfile.REGTYPE, link="", data=b"", pax=None):
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname, entry.size, entry.mode = kind, str(link), len(data), 0o4777
                entry.pax_headers = pax or {}
                entry.devmajor, entry.devminor = 1, 1
                tar.addfile(entry, io.BytesIO(data))

            # A hard link with contents to a symbolic link: writing through it, or setting its mode or ACL, leads out.
            add("usr/a", tarfile.SYMTYPE, self.home / "secret")
            add("usr/b", tarfile.LNKTYPE, "usr/a", b"x", FOREIGN_ACL)
            add("usr/c", tarfile.SYMTYPE, up + str(self.home / "secret"))
            add("usr/d", tarfile.LNKTYPE, "usr/c", b"x", FOREIGN_ACL)
            # A file, a removal and a mode through a directory that is a link.
            add("usr/out", tarfile.SYMTYPE, self.home)
            add("usr/out/secret", data=b"changed\n")
            add("usr/up", tarfile.SYMTYPE, up)
            add("usr/up/.wh.boot")
            add("usr/up/etc/mangrove-was-here", data=b"inside the image\n")
            add("usr/up" + str(self.home) + "/more", tarfile.DIRTYPE)
            # Attributes that would hide what is below, and a disk of whoever opens it.
            add("usr/share/hidden", tarfile.DIRTYPE, pax={"SCHILY.xattr.trusted.overlay.opaque": "y"})
            add("usr/disk", tarfile.BLKTYPE)
        return archive.getvalue()

    def state(self):
        files = [self.home, self.home / "secret"]
        return ([(str(path), os.lstat(path).st_mode, os.lstat(path).st_nlink, os.listxattr(path)) for path in files]
                + [sorted(os.listdir(self.home)), (self.home / "secret").read_text(),
                   os.path.exists("/etc/mangrove-was-here")])

    def check(self):
        if (after := self.state()) != self.before:
            raise Failure(f"building changed this machine:\n{after}\nwas:\n{self.before}")
