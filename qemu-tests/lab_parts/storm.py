"""Nodes that start at once, as far as mangrove-head sees of them: each asks for its script until it is admitted, then fetches what
the script names."""

import asyncio
import random
import re
import resource
import socket

from .common import Failure

ARRIVAL = 10  # seconds, in which all have been switched on
BUFFER = bytearray(1 << 20)


async def get(port, path):
    """The head of the answer, up to 64 KB, and how long all of it took, in seconds."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", port))
        await loop.sock_sendall(connection, f"GET {path} HTTP/1.1\r\nHost: head\r\nConnection: close\r\n\r\n".encode())
        head = b""
        while len(head) < 65536 and (piece := await loop.sock_recv(connection, 65536)):
            head += piece
        # Nobody reads the rest, so all have one buffer for it.
        while piece and await loop.sock_recv_into(connection, BUFFER):
            pass
    return head.decode(errors="replace"), loop.time() - begin


class Storm:
    def __init__(self, port, is_loading):
        self.port = port
        self.is_loading = is_loading
        self.latencies = []
        self.deferred = 0

    async def start_node(self, mac, name):
        await asyncio.sleep(random.uniform(0, ARRIVAL))
        while True:
            answer, took = await get(self.port, f"/boot/{mac}.ipxe?serial=S")
            if answer.startswith("HTTP/1.1 200"):
                break
            wait = re.search(r"Retry-After: (\d+)", answer)
            if not wait:
                raise Failure(f"{name} was answered {answer!r}")
            self.deferred += 1
            await asyncio.sleep(int(wait[1]))
        self.latencies.append(took)
        if self.is_loading:
            for path in re.findall(r" http://[^/ ]+(/blob/\S+)", answer):
                await get(self.port, path)
        await get(self.port, f"/n/definition?node={name}")

    async def run(self, nodes):
        await asyncio.gather(*(self.start_node(mac, name) for mac, name in nodes))


def storm(port, nodes, is_loading):
    """`nodes`: pairs of MAC (with dashes) and name; with `is_loading` they fetch kernel and initramfs, too. Returns how long each node waited for the script with which it was admitted, in
    seconds, and how often one was deferred."""
    allow_connections(2 * len(nodes))
    made = Storm(port, is_loading)
    asyncio.run(made.run(nodes))
    return made.latencies, made.deferred


def allow_connections(count):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, count + 256), most))


def idle_connections(port, count):
    """Connections that have had one answer and stay open."""
    allow_connections(count)
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(b"GET /boot.ipxe HTTP/1.1\r\nHost: head\r\n\r\n")
        connection.recv(65536)
        connections.append(connection)
    return connections
