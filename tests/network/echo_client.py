#!/usr/bin/env python3
"""Clients against an echo server: every byte compared.

usage: echo_client.py HOST PORT [--connections N] [--bytes N] [--chunks KIND] [--end WHO]
                      [--pace PACE] [--seed N]

KIND: whole, random (sizes of all magnitudes). WHO: client (it shuts down first), server
(it closes when it has echoed so many bytes, and is sent a tail that nobody echoes), reset
(by the client, at a random place). PACE: normal, slow-reader, slow-writer: 40 pauses of
20 ms in the course of the bytes. Ends with a sentence and 1 on the first difference, or
when nothing moves for 20 seconds.
"""

import argparse
import random
import selectors
import socket
import struct
import sys
import time

PAUSES = 40
PAUSE_SECONDS = 0.02
STILL_SECONDS = 20
TAIL_BYTES_MAX = 1000


def small_buffer(options):
    """A slow reader's, or its window would never close."""
    return min(options.bytes // 16 + 4096, 1 << 20)


class Stream:
    """One connection: what it has sent, and what has come back."""

    def __init__(self, number, options):
        self.options = options
        self.random = random.Random(options.seed * 100003 + number)
        self.data = self.random.randbytes(options.bytes)
        if options.end == "server":
            self.data += b"t" * min(options.bytes, TAIL_BYTES_MAX)
        self.sent = 0
        self.received = 0
        self.shut = self.ended = self.done = False
        self.wake = 0.0
        self.share = self.full_share = options.bytes // PAUSES + 1
        self.abort_at = self.random.randint(1, options.bytes) if options.end == "reset" else None
        self.socket = self.open()
        self.socket.setblocking(False)

    def open(self):
        options = self.options
        connection = socket.socket()
        connection.setblocking(False)
        if options.pace == "slow-reader":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, small_buffer(options))
        if options.chunks == "random":
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect_ex((options.host, options.port))
        return connection

    def abort(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self):
        self.socket.close()

    def tail_may_go(self):
        return self.ended

    def reason(self):
        return ""

    def sendable(self):
        return (len(self.data) if self.tail_may_go() else self.options.bytes) - self.sent

    def wanted(self):
        events = 0
        if not self.ended and not (self.wake and self.options.pace == "slow-reader"):
            events |= selectors.EVENT_READ
        if self.sendable() > 0 and not (self.wake and self.options.pace == "slow-writer"):
            events |= selectors.EVENT_WRITE
        return events

    def limit(self, pace):
        size = 65536
        if self.options.chunks == "random":
            size = self.random.randint(1, 1 << self.random.randrange(17))
        return min(size, self.share) if self.options.pace == pace else size

    def use_share(self, pace, count):
        if self.options.pace == pace:
            self.share -= count
            if self.share <= 0:
                self.share = self.full_share
                self.wake = time.monotonic() + PAUSE_SECONDS

    def write(self):
        size = min(self.limit("slow-writer"), self.sendable())
        count = self.socket.send(memoryview(self.data)[self.sent:self.sent + size])
        self.sent += count
        self.use_share("slow-writer", count)

    def read(self):
        piece = self.socket.recv(self.limit("slow-reader"))
        self.ended = not piece
        if self.received + len(piece) > self.options.bytes:
            sys.exit("more comes back than was sent")
        if piece != self.data[self.received:self.received + len(piece)]:
            sys.exit(f"a byte differs within {len(piece)} from {self.received} on")
        self.received += len(piece)
        self.use_share("slow-reader", len(piece))

    def end(self):
        if self.ended and self.received != self.options.bytes:
            sys.exit(f"the stream ended after {self.received} of {self.options.bytes} bytes"
                     f"{self.reason()}")
        if self.abort_at is not None:
            if self.received >= self.abort_at:
                self.abort()
                self.done = True
            return
        if not self.shut and self.sent == len(self.data):
            self.socket.shutdown(socket.SHUT_WR)
            self.shut = True
        self.done = self.shut and self.ended

    def step(self, events):
        try:
            if events & selectors.EVENT_WRITE:
                self.write()
            if events & selectors.EVENT_READ:
                self.read()
        except BlockingIOError:
            return
        self.end()


class Client:
    """All streams, and who of them pauses, in order of waking: pauses are equally long."""

    def __init__(self, options, kind=Stream):
        self.selector = selectors.DefaultSelector()
        self.kind = kind
        self.options = options
        self.pausing = []
        self.left = options.connections

    def watch(self, stream):
        """A selector can't watch for nothing."""
        wanted = 0 if stream.done else stream.wanted()
        known = self.selector.get_map().get(stream.socket)
        if known is None and wanted:
            self.selector.register(stream.socket, wanted, stream)
        elif known is not None and not wanted:
            self.selector.unregister(stream.socket)
        elif known is not None and known.events != wanted:
            self.selector.modify(stream.socket, wanted, stream)

    def step(self, stream, events):
        paused = stream.wake
        stream.step(events)
        if stream.wake and not paused:
            self.pausing.append(stream)
        self.watch(stream)
        if stream.done:
            stream.close()
            self.left -= 1

    def wake(self):
        now = time.monotonic()
        while self.pausing and self.pausing[0].wake <= now:
            stream = self.pausing.pop(0)
            stream.wake = 0.0
            if not stream.done:
                self.watch(stream)

    def run(self):
        streams = [self.kind(i, self.options) for i in range(self.options.connections)]
        for stream in streams:
            self.watch(stream)
        while self.left > 0:
            timeout = STILL_SECONDS
            if self.pausing:
                timeout = max(self.pausing[0].wake - time.monotonic(), 0)
            ready = self.selector.select(timeout)
            if not ready and not self.pausing:
                sys.exit(f"nothing has moved for 20 seconds; {self.left} connections are left")
            for key, events in ready:
                self.step(key.data, events)
            self.wake()
        total = sum(stream.received for stream in streams)
        print(f"{self.options.connections} connections, {total} bytes compared")


def parser():
    result = argparse.ArgumentParser()
    result.add_argument("host")
    result.add_argument("port", type=int)
    result.add_argument("--connections", type=int, default=1)
    result.add_argument("--bytes", type=int, default=65536)
    result.add_argument("--chunks", choices=["whole", "random"], default="random")
    result.add_argument("--end", choices=["client", "server", "reset"], default="client")
    result.add_argument("--pace", choices=["normal", "slow-reader", "slow-writer"],
                        default="normal")
    result.add_argument("--seed", type=int, default=1)
    return result


if __name__ == "__main__":
    Client(parser().parse_args()).run()
