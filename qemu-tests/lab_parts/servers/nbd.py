"""NBD: `nbd EXPORT image=IMAGE [server=qemu-nbd|nbdkit|nbd-server] [KEY=VALUE]`, one line, qemu-nbd unless it says
otherwise. Of nbdkit: `handshake` is the mask of what it offers (0 makes it a server from before NBD_OPT_GO),
`minimum` and `maximum` are the sizes of requests outside which it answers with an error."""

from ..images import image
from ..network import SERVER
from .server import Server

PORT = 10809


class Nbd(Server):
    def __init__(self, network, lines):
        super().__init__(network, lines)
        (self.name,), self.settings = lines[0]

    def words(self):
        file = image(self.settings["image"])
        server = self.settings.get("server", "qemu-nbd")
        if server == "nbdkit":
            return ["nbdkit", "--foreground", "--readonly", "--ipaddr", SERVER, "--port", PORT,
                    f"--mask-handshake={self.settings.get('handshake', '0xffffffff')}", "--filter=exportname",
                    "--filter=blocksize-policy", "file", file, f"exportname={self.name}", "exportname-strict=true",
                    *self.block_sizes()]
        if server == "nbd-server":
            configuration = self.network.work / "nbd-server"
            configuration.write_text(f"[generic]\nlistenaddr = {SERVER}\nport = {PORT}\nallowlist = true\nuser = root\n"
                                     f"group = root\n[{self.name}]\nexportname = {file}\nreadonly = true\n")
            return ["nbd-server", "-d", "-C", configuration]
        return ["qemu-nbd", "--read-only", "--persistent", "--shared=8", "--format=raw", "--bind", SERVER, "--port",
                PORT, "--export-name", self.name, file]

    def block_sizes(self):
        sizes = [f"blocksize-{bound}={self.settings[bound]}" for bound in ("minimum", "maximum") if bound in self.settings]
        if "minimum" in self.settings:
            sizes.append(f"blocksize-preferred={self.settings['minimum']}")
        return [*sizes, "blocksize-error-policy=error"] if sizes else []

    def start(self):
        self.run_process(*self.words())
        self.wait_for_port(PORT)
