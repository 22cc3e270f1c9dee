#!/usr/bin/env python3
"""Datagrams to a host, of which some are returned.

usage: datagrams.py silent HOST PORT            none of 50 is returned
       datagrams.py returned HOST PORT          one is, within 10 seconds: prints after how many ms
       datagrams.py flood HOST PORT OTHER       for 5 seconds HOST gets more than it can store,
                                                and OTHER, on the same wire, returns its own

A silence is the time from one return to the next: a return that was stored somewhere and
came late is as bad as none. The longest may be half of the flood's time. Prints how many
datagrams HOST got.
"""

import select
import socket
import sys
import time

PROBES = 50
LIMIT_SECONDS = 10
FLOOD_SECONDS = 5
SILENCE_SECONDS_MAX = FLOOD_SECONDS / 2
STEP_SECONDS = 0.005
FLOOD_PER_STEP = 10


def is_returned(probes, target, seconds):
    probes.sendto(b"who has it?", target)
    return bool(select.select([probes], [], [], seconds)[0])


def silent(probes, target):
    for _ in range(PROBES):
        if is_returned(probes, target, 0.01):
            sys.exit(f"{target[0]} returned a datagram")


def returned(probes, target):
    start = time.monotonic()
    while not is_returned(probes, target, 0.01):
        if time.monotonic() - start > LIMIT_SECONDS:
            sys.exit(f"{target[0]} returned nothing for {LIMIT_SECONDS} seconds")
    print(round((time.monotonic() - start) * 1000))


def flood(probes, target, other):
    start = last = time.monotonic()
    longest, sent, answers, flooded = 0, 0, 0, 0
    while time.monotonic() < start + FLOOD_SECONDS:
        for _ in range(FLOOD_PER_STEP):
            probes.sendto(b"flood", target)
            flooded += 1
        probes.sendto(b"probe", other)
        sent += 1
        step_end = time.monotonic() + STEP_SECONDS
        while select.select([probes], [], [], max(0, step_end - time.monotonic()))[0]:
            if probes.recvfrom(100)[1] == other:
                answers += 1
                longest = max(longest, time.monotonic() - last)
                last = time.monotonic()
    longest = max(longest, time.monotonic() - last)
    print(f"{other[0]} returned {answers} of {sent}, the longest silence was {longest * 1000:.0f} ms", file=sys.stderr)
    if longest > SILENCE_SECONDS_MAX:
        sys.exit(f"{other[0]} was silent")
    print(flooded)


def main():
    what, host, port, *other = sys.argv[1:]
    probes = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    target = (host, int(port))
    if what == "silent":
        silent(probes, target)
    elif what == "returned":
        returned(probes, target)
    else:
        flood(probes, target, (other[0], int(port)))


if __name__ == "__main__":
    main()
