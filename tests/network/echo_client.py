#!/usr/bin/env python3
"""Clients against an echo server: every byte compared.

usage: echo_client.py HOST PORT [--connections N] [--bytes N] [--pace PACE] [--close KIND] [--seed N]

PACE: normal, slow-reader, slow-writer. KIND: ours (we shut down first), abrupt
(a reset in the middle of the stream). Ends with a sentence and 1 on the first
difference, or when nothing moves for 20 seconds.
"""

import argparse
import random
import selectors
import socket
import struct
import sys
import time


class Stream:
    """One connection: what it has sent, and what has come back."""

    def __init__(self, number, options):
        self.random = random.Random(options.seed * 100003 + number)
        self.data = self.random.randbytes(options.bytes)
        self.sent = 0
        self.received = 0
        self.shut = False
        self.done = False
        self.wait_until = 0.0
        self.options = options
        self.abort_at = self.random.randrange(options.bytes) if options.close == "abrupt" else None
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex((options.host, options.port))

    def wanted(self):
        events = selectors.EVENT_READ
        if not self.shut:
            events |= selectors.EVENT_WRITE
        return events

    def write(self):
        limit = 512 if self.options.pace == "slow-writer" else 65536
        chunk = self.data[self.sent:self.sent + self.random.randint(1, limit)]
        try:
            self.sent += self.socket.send(chunk)
        except BlockingIOError:
            return
        if self.sent == len(self.data):
            self.socket.shutdown(socket.SHUT_WR)
            self.shut = True

    def read(self):
        limit = 700 if self.options.pace == "slow-reader" else 65536
        piece = self.socket.recv(limit)
        if not piece:
            if self.received != len(self.data):
                sys.exit(f"the stream ended after {self.received} of {len(self.data)} bytes")
            self.done = True
        elif piece != self.data[self.received:self.received + len(piece)]:
            sys.exit(f"a byte differs within {len(piece)} from {self.received} on")
        self.received += len(piece)
        if self.options.pace == "slow-reader" and self.random.random() < 0.02:
            self.wait_until = time.monotonic() + 0.02

    def step(self, events):
        if events & selectors.EVENT_WRITE and not self.shut:
            self.write()
        if events & selectors.EVENT_READ:
            self.read()
        if self.abort_at is not None and self.received >= self.abort_at:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.done = True


def run(options):
    selector = selectors.DefaultSelector()
    streams = [Stream(i, options) for i in range(options.connections)]
    for stream in streams:
        selector.register(stream.socket, stream.wanted(), stream)
    left = len(streams)
    moved = time.monotonic()
    while left > 0:
        for key, events in selector.select(1):
            stream = key.data
            now = time.monotonic()
            if stream.wait_until > now:
                time.sleep(stream.wait_until - now)
            moved = now
            try:
                stream.step(events)
            except BlockingIOError:
                continue
            if stream.done:
                selector.unregister(stream.socket)
                stream.socket.close()
                left -= 1
            else:
                selector.modify(stream.socket, stream.wanted(), stream)
        if time.monotonic() - moved > 20:
            sys.exit(f"nothing has moved for 20 seconds; {left} connections are left")
    total = sum(stream.received for stream in streams)
    print(f"{options.connections} connections, {total} bytes compared")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--bytes", type=int, default=65536)
    parser.add_argument("--pace", choices=["normal", "slow-reader", "slow-writer"], default="normal")
    parser.add_argument("--close", choices=["ours", "abrupt"], default="ours")
    parser.add_argument("--seed", type=int, default=1)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
