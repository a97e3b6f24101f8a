"""NFS 4 from the kernel's server in a server's machine: `nfsd PATH image=IMAGE [file=NAME]`, one line an export. With
`file` the image lies there under that name; without it, what is in the image is exported."""

from ..images import image
from .server_vm import ServerVm

# All exports lie below one of a tmpfs, for the kernel exports no overlay, which the machine's root is. A server that was
# just started lets nobody open a file for 90 seconds, in which clients of the one before can come back; here for 10.
ROOT = "/srv/nfs"
BEGIN = f"""
modprobe -a nfsd squashfs ext4
mkdir -p {ROOT}
mount -t tmpfs tmpfs {ROOT}
echo '{ROOT} *(ro,fsid=0,no_subtree_check)' >/etc/exports
"""
START = """
mkdir -p /run/rpcbind /run/sendsigs.omit.d /var/lib/nfs/v4recovery
rpcbind -w
mount -t nfsd nfsd /proc/fs/nfsd
exportfs -rv
rpc.mountd
rpc.nfsd --grace-time 10 --lease-time 10 2
"""


class Nfsd(ServerVm):
    def start(self):
        script = [BEGIN]
        disks = []
        for number, ((export,), settings) in enumerate(self.lines, 1):
            path = ROOT + export
            disk = f"/dev/vd{chr(ord('d') + len(disks))}"
            script.append(f"mkdir -p {path}")
            if "file" in settings:
                script += [f"mount -t tmpfs tmpfs {path}", f"cp {disk} {path}/{settings['file']}"]
            else:
                script.append(f"mount -o ro {disk} {path}")
            script.append(f"echo '{path} *(ro,no_root_squash,no_subtree_check,fsid={number})' >>/etc/exports")
            disks.append(image(settings["image"]))
        self.run_machine("\n".join(script) + START, disks)
