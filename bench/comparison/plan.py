"""What is compared: cells, and who can be measured in which.

A cell is one row of a table: a workload with its numbers. Who stands in it depends on
the cell: the reflector has no streams, and only our client can drive it.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

SERVERS = ("reflector", "headrace", "epoll", "io_uring", "busy-poll")
CLIENTS = ("headrace", "kernel")
KERNEL_SERVERS = ("epoll", "io_uring", "busy-poll")

SECTIONS = {
    "echo": "64-byte echo, one request in flight per connection",
    "sizes": "echo by size, 64 connections",
    "depth": "64-byte echo, 16 requests in flight per connection",
    "latency": "latency at one in flight",
    "connect": "connect, one request, close",
    "bulk": "one way, one connection, MTU 1500",
    "loss": "64-byte echo through a router that loses packets, 64 connections",
    "idle": "CPU of a server that nobody asks",
}

# What a value of the section counts, and its unit.
UNITS = {
    "echo": "requests/s", "sizes": "requests/s", "depth": "requests/s", "latency": "µs, p50",
    "connect": "connections/s", "bulk": "Gbit/s", "loss": "requests/s", "idle": "% of a core",
}
LESS_IS_BETTER = ("latency", "idle")

IN_FLIGHT_MAX = 16384  # of the reflector's driver, with CROWD_FRAMES
# More at once could not wait in RX rings of 1,024, and would be lost: a crowd gets more.
CROWD = 1024
CROWD_FRAMES = 32768


def unit_text(section):
    return UNITS[section] + ("; less is better" if section in LESS_IS_BETTER else "")


class Serving(NamedTuple):
    """How a server is run: cells that have this in common are served by one run."""
    is_lossy: bool
    service: str
    spin: bool
    is_crowd: bool


@dataclass(frozen=True)
class Cell:
    section: str
    client: str
    workload: str = "echo"  # of load; also "idle"
    connections: int = 64
    size: int = 64
    depth: int = 1
    loss_percent: float = 0
    verify: bool = False  # the client compares what comes back

    @property
    def name(self):
        if self.section == "bulk":
            return "to the server" if self.workload == "upload" else "from the server"
        if self.section == "sizes":
            return f"{self.size} B"
        if self.section == "loss":
            return f"{self.loss_percent:g}% lost"
        if self.section == "idle":
            return "nothing to do"
        return f"{self.connections:,} connection{'s' if self.connections > 1 else ''}"

    @property
    def service(self):
        return {"upload": "discard", "download": "chargen"}.get(self.workload, "echo")

    @property
    def has_answer(self):
        return self.workload not in ("upload", "idle")

    @property
    def serving(self):
        return Serving(self.section == "loss", self.service, self.workload != "idle", self.is_crowd)

    @property
    def opening_seconds(self):
        """What a crowd takes to connect, before the warm-up."""
        return self.connections / 10000 if self.is_crowd else 0

    def servers(self, wanted):
        """Those of `wanted` that can stand in this cell."""
        return [server for server in wanted if server != "reflector" or self.has_ceiling()]

    @property
    def is_crowd(self):
        return self.connections * self.depth > CROWD and self.workload == "echo"

    def has_ceiling(self):
        if self.client != "headrace":
            return False
        # A stream puts many requests of one connection into one packet; datagrams stay apart.
        return (self.workload == "echo" and self.size <= 1400 and self.section != "loss"
                and self.depth == 1 and self.connections <= IN_FLIGHT_MAX) or self.section == "bulk"


def echo_cells(connections, clients):
    return [Cell("echo", client, connections=count) for client in clients for count in connections]


def cells(sections, clients, everything=False, connections=(), verify=False):
    """The cells of these sections. The short choice takes under ten minutes."""
    counts = connections or ((1, 16, 64, 256, 1000, 10000) if everything else (1, 64, 1000))
    sizes = (1, 1024, 8192) if everything else (1024, 8192)
    losses = (0, 0.1, 1) if everything else (0, 1)
    inner = CLIENTS if everything else ("headrace",)
    inner = [client for client in inner if client in clients]
    table = {
        "echo": echo_cells(counts, clients),
        "sizes": [Cell("sizes", client, size=size) for client in inner for size in sizes],
        "depth": [Cell("depth", client, depth=16, connections=count)
                  for client in inner for count in ((1, 64, 1000) if everything else (64,))],
        "latency": [Cell("latency", client, connections=1) for client in clients],
        "connect": [Cell("connect", client, workload="connect") for client in clients],
        "bulk": [Cell("bulk", client, workload=workload, connections=1, size=65536)
                 for client in clients for workload in ("upload", "download")],
        "loss": [Cell("loss", client, loss_percent=loss) for client in inner for loss in losses],
        "idle": [Cell("idle", "nobody", workload="idle")],
    }
    return [replace(cell, verify=verify and cell.has_answer)
            for section in sections for cell in table[section]]
