"""iSCSI from LIO in a server's machine: `lio TARGET initiator=NAME image=IMAGE`, made with targetcli: a LUN 0 that the
one initiator may log in to and not write to."""

from ..images import image
from .server_vm import ServerVm


class Lio(ServerVm):
    def start(self):
        commands = []
        disks = []
        for (target,), settings in self.lines:
            store = settings["image"]
            disk = f"/dev/vd{chr(ord('d') + len(disks))}"
            portal_group = f"/iscsi/{target}/tpg1"
            access = f"{portal_group}/acls/{settings['initiator']}"
            commands += [f"/backstores/fileio create {store} {disk}", f"/iscsi create {target}",
                         f"{portal_group}/luns create /backstores/fileio/{store} add_mapped_luns=false",
                         f"{portal_group}/acls create {settings['initiator']} add_mapped_luns=false",
                         f"{access} create 0 0 write_protect=1"]
            disks.append(image(store))
        script = "modprobe -a iscsi_target_mod target_core_file\n"
        # targetcli looks for a daemon of user-space stores on the bus.
        script += "mkdir -p /run/dbus\ndbus-daemon --system\n"
        script += "targetcli <<'END'\n" + "\n".join(["set global auto_save_on_exit=false", *commands]) + "\nEND\n"
        script += "targetcli ls /iscsi\n"
        self.run_machine(script, disks)
