"""The base of all servers."""

import signal

from ..common import Failure, run, wait_until


class Server:
    """Made with the case's Network and those lines of its `servers` that begin with the kind's word, split into (words,
    settings)."""

    def __init__(self, network, lines=()):
        self.network = network
        self.lines = lines
        self.processes = []  # in the order in which they were started

    def start(self):
        """Returns once the server answers; it may be started again."""
        raise NotImplementedError

    def stop(self):
        """Ends it, as a fault or at the end."""
        while self.processes:
            self.network.stop(self.processes.pop())

    def fill_in(self, arguments):
        """The nodes' kernel arguments, with what only the server knows."""
        return arguments

    def finish(self):
        """Looks at what came of it when all nodes have booted as they should."""

    def freeze(self):
        """The kernel still takes connections for it, and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    @property
    def process(self):
        return self.processes[-1]

    def run_process(self, *words, **options):
        self.processes.append(self.network.start(*words, **options))

    def wait_until(self, is_ready, complaint, seconds=20):
        def is_ready_or_gone():
            if self.process.poll() is not None:
                raise Failure(complaint)
            return is_ready()
        wait_until(is_ready_or_gone, seconds, complaint)

    def wait_for_port(self, port):
        """Looking disturbs nobody: nbd-server serves one connection in the foreground and ends."""
        self.wait_until(lambda: run(*self.network.inside("ss", "-Hltn", f"sport = :{port}")),
                        f"{type(self).__name__}: nothing listens on port {port}")
