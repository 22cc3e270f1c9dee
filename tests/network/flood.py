#!/usr/bin/env python3
"""flood.py INTERFACE MAC ADDRESS PORT RATE: SYNs from addresses where nobody is.

They come from 198.18.0.0/15, which is for measurements (RFC 2544), with the options that
Linux sends, and their checksums are right; RATE of them in a second, until it is ended.
"""

import random
import socket
import struct
import sys
import time

BURST = 100


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def syn(mac, target, port):
    source = struct.pack("!I", 0xC6120000 + random.randrange(1 << 17))
    options = bytes((2, 4, 5, 180, 4, 2, 8, 10)) + struct.pack("!II", 1000, 0) + bytes((1, 3, 3, 7))
    ports = struct.pack("!HHII", random.randrange(1024, 65536), port, random.randrange(1 << 32), 0)
    segment = ports + struct.pack("!HHHH", 10 << 12 | 2, 65535, 0, 0) + options
    pseudo = source + target + struct.pack("!HH", 6, len(segment))
    segment = segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0) + source + target
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return mac + bytes((2, 0, 0, 0, 0, 9)) + b"\x08\x00" + header + segment


def main():
    interface, mac, address, port, rate = sys.argv[1:]
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((interface, 0))
    target = socket.inet_aton(address)
    frames = [syn(bytes.fromhex(mac.replace(":", "")), target, int(port)) for _ in range(20000)]
    due = time.monotonic()
    while True:
        for begin in range(0, len(frames), BURST):
            for frame in frames[begin : begin + BURST]:
                try:
                    sender.send(frame)
                except OSError:  # the queue is full
                    pass
            due = max(due + BURST / int(rate), time.monotonic())
            time.sleep(max(0, due - time.monotonic()))


if __name__ == "__main__":
    main()
