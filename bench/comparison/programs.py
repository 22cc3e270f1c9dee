"""The programs: how each server and client is called, started and ended."""

import ctypes
import json
import math
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from .place import Place
from .plan import CROWD_FRAMES, Serving

# Where the programs are; tests have their own.
BUILD = Path(os.environ.get("HEADRACE_BENCH") or
             Path(__file__).resolve().parents[2] / "build" / "release" / "bench")
READY_SECONDS = 10
PORT = 7

# A port of our client rests in TIME-WAIT for a second at least, and each address has 16,384:
# enough of them for twice what was ever seen here, or as many as `load` takes.
CONNECTS_PER_SECOND = 100_000
PORTS_PER_ADDRESS = 16_384
ADDRESSES_MAX = 16


class Failed(Exception):
    """A program did not do what it should; the text is what it said."""


def in_namespace(namespace, core, words):
    return ["ip", "netns", "exec", namespace, "taskset", "-c", str(core)] + [str(w) for w in words]


def die_with_us():
    """A killed comparison leaves no server behind (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def receive_options(is_crowd):
    return ["--receive-frames", CROWD_FRAMES] if is_crowd else []


def server_words(place, server, core, serving):
    waiting = ["--busy"] if serving.spin else []
    own = [*place.server_options(), "--cores", core, *waiting, *receive_options(serving.is_crowd)]
    if server == "headrace":
        return [BUILD / "echo_server", *own, "--port", PORT, "--service", serving.service]
    if server == "reflector":
        return [BUILD / "reflector", *own, "--port", PORT,
                *(["--one-way"] if serving.service != "echo" else [])]
    return [BUILD / "kernel_echo", "--engine", server, "--address", place.server_address(server),
            "--port", PORT, "--service", serving.service, "--cores", core, *waiting]


class Server:
    """A server that runs until the block is left."""

    def __init__(self, place: Place, name, core, serving: Serving):
        self.words = in_namespace(place.server_ns, core, server_words(place, name, core, serving))
        self.log = tempfile.TemporaryFile()
        self.process = None
        self.ready = ""  # which mode runs, and why

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdout=self.log, stderr=self.log,
                                        preexec_fn=die_with_us)
        until = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                self.end()
                raise Failed(f"{' '.join(self.words)}: {self.said().strip()}")
            time.sleep(0.02)
        return self

    def is_ready(self):
        for line in self.said().splitlines():
            if line.startswith("ready"):
                self.ready = line
        return self.ready != ""

    def end(self):
        for number in (signal.SIGINT, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(number)
                try:
                    self.process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    continue
        self.process.wait()

    def __exit__(self, *_):
        self.end()
        self.log.close()


def addresses_of(cell, seconds):
    if cell.workload != "connect":
        return 1
    return min(ADDRESSES_MAX, math.ceil(seconds * CONNECTS_PER_SECOND / PORTS_PER_ADDRESS))


def client_words(place, cell, server, core, seconds, warmup, report):
    target = f"{place.server_address(server)}:{PORT}"
    times = ["--duration", seconds, "--warmup", warmup, "--json", report]
    own = [*place.client_options(server, addresses_of(cell, warmup + seconds)), "--cores", core, "--busy",
           *receive_options(cell.is_crowd)]
    verify = ["--verify"] if cell.verify else []
    if server == "reflector":
        if cell.section == "bulk":
            # An Ethernet payload of 1500 bytes is 1472 of UDP.
            return [BUILD / "reflector", "--drive", target, "--one-way", "--size", 1472, *own, *times]
        return [BUILD / "reflector", "--drive", target, "--in-flight", cell.connections * cell.depth,
                "--size", cell.size, *verify, *own, *times]
    words = [BUILD / "load", "--stack", cell.client, "--target", target, "--workload", cell.workload,
             "--connections", cell.connections, "--size", cell.size, "--depth", cell.depth, *verify, *times]
    return words + (own if cell.client == "headrace" else [])


def run_client(place, cell, server, core, seconds, warmup, watch):
    """The client's report. `watch` is called with its process while it runs."""
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        words = client_words(place, cell, server, core, seconds, warmup, report)
        words = in_namespace(place.client_ns, core, words)
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, preexec_fn=die_with_us)
            until = time.monotonic() + seconds + warmup + 20
            while process.poll() is None:
                watch(process.pid)
                if time.monotonic() > until:
                    process.kill()
                    process.wait()
                    raise Failed(f"{' '.join(words)}: it did not end")
                time.sleep(0.02)
            if not os.path.exists(report) or os.path.getsize(report) == 0:
                log.seek(0)
                raise Failed(f"{' '.join(words)}: {log.read().decode(errors='replace').strip()}")
        with open(report, encoding="utf-8") as file:
            return json.load(file)
