"""Servers without anything to serve, for mangrovectl to publish with. Each has `start`, `stop`, `environment` and
`options` for mangrovectl, and `state`: all that publishing may change."""

from ..common import run
from .tgt import Tgt


class EmptyTgt(Tgt):
    def __init__(self, network):
        super().__init__(network, [])

    def options(self):
        return []

    def state(self):
        return "".join(run(*self.words(mode, "show"), env=self.environment) for mode in ("target", "account"))


SERVERS = {("iscsi", "tgt"): EmptyTgt}
