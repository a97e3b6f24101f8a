"""NVMe/TCP from the kernel's target in a server's machine: `nvmet NQN nsid=N image=IMAGE [host=NQN dhchap=KEY]
[kernel=SUITE]`, one line a namespace. With `host`, that host alone is let in; with `dhchap` it has to know the key."""

from uuid import NAMESPACE_URL, uuid5

from ..images import image
from .server_vm import ADDRESS, ServerVm

ROOT = "/sys/kernel/config/nvmet"


class Nvmet(ServerVm):
    def __init__(self, network, lines):
        super().__init__(network, lines, lines[0][1].get("kernel", "bookworm"))

    def start(self):
        port = f"{ROOT}/ports/1"
        script = ["modprobe -a nvmet nvmet_tcp", f"mkdir {port}", f"echo ipv4 >{port}/addr_adrfam",
                  f"echo tcp >{port}/addr_trtype", f"echo {ADDRESS} >{port}/addr_traddr",
                  f"echo 4420 >{port}/addr_trsvcid"]
        disks, links = [], []
        for (name,), settings in self.lines:
            subsystem = f"{ROOT}/subsystems/{name}"
            namespace = f"{subsystem}/namespaces/{settings['nsid']}"
            if f"mkdir {subsystem}" not in script:
                script += [f"mkdir {subsystem}", *self.admit(subsystem, settings)]
                links.append(f"ln -s {subsystem} {port}/subsystems/")
            # A node takes a namespace for another one when it has a new UUID after a restart of the target.
            script += [f"mkdir {namespace}", f"echo {uuid5(NAMESPACE_URL, namespace)} >{namespace}/device_uuid",
                       f"echo -n /dev/vd{chr(ord('d') + len(disks))} >{namespace}/device_path",
                       f"echo 1 >{namespace}/enable"]
            disks.append(image(settings["image"]))
        # Last: a node that connects again before the namespaces are there loses them.
        script += links
        self.run_machine("\n".join(script), disks)

    def admit(self, subsystem, settings):
        if "host" not in settings:
            return [f"echo 1 >{subsystem}/attr_allow_any_host"]
        host = f"{ROOT}/hosts/{settings['host']}"
        script = [f"mkdir {host}", f"ln -s {host} {subsystem}/allowed_hosts/"]
        if "dhchap" in settings:
            script.append(f"echo '{settings['dhchap']}' >{host}/dhchap_key")
        return script
