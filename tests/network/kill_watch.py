#!/usr/bin/env python3
"""Kills a process with SIGKILL and waits until the kernel has the packets that it had.

usage: kill_watch.py PID HOST PORT

Datagrams go to HOST:PORT all the time. While the process lives the kernel there must
not see one; when it is dead it answers them. Prints the milliseconds between the kill
and the first answer, or fails when there is none within 5 seconds.
"""

import os
import select
import signal
import socket
import sys
import time

PROBES_BEFORE = 100
STEP_SECONDS = 0.001
LIMIT_SECONDS = 5


def probe(connection, target):
    """Sends one, and says whether any was answered."""
    connection.sendto(b"who has it?", target)
    return bool(select.select([connection], [], [], STEP_SECONDS)[0])


def main():
    pid, target = int(sys.argv[1]), (sys.argv[2], int(sys.argv[3]))
    connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(PROBES_BEFORE):
        if probe(connection, target):
            sys.exit("the kernel answered while the server was alive")
    start = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    while not probe(connection, target):
        if time.monotonic() - start > LIMIT_SECONDS:
            sys.exit(f"the kernel has not had a packet {LIMIT_SECONDS} seconds after the death")
    print(round((time.monotonic() - start) * 1000))


if __name__ == "__main__":
    main()
