#!/usr/bin/env python3
"""nc or socat against an echo server: every byte compared.

usage: tool_client.py HOST PORT --tool nc|socat [options of echo_client.py]

Each connection is a process. We hold the other end of its standard input and output,
which is one pair of sockets, and write, read, pause and close there as echo_client.py
does on its connection. A tool hides the server's end of the stream, so the tail follows
the last byte. A reset is a socat that lingers for no time, killed.
"""

import socket
import subprocess
import sys

import echo_client


def nc_command(options):
    command = ["nc"]
    if options.end == "client":
        command.append("-N")  # shut down when the input ends
    if options.pace == "slow-reader":
        command += ["-I", str(echo_client.small_buffer(options))]
    return command + [options.host, str(options.port)]


def socat_command(options):
    address = f"TCP:{options.host}:{options.port}"
    if options.chunks == "random":
        address += ",nodelay"
    if options.pace == "slow-reader":
        address += f",rcvbuf={echo_client.small_buffer(options)}"
    if options.end == "server":
        address += ",shut-none"
    if options.end == "reset":
        address += ",linger=0"
    # It waits for the other direction as long as anybody waits here.
    return ["socat", "-t", str(echo_client.STILL_SECONDS), "-", address]


COMMANDS = {"nc": nc_command, "socat": socat_command}


class ToolStream(echo_client.Stream):
    """A process; it has ended well when it says so."""

    def open(self):
        ours, its = socket.socketpair()
        if self.options.pace == "slow-reader":
            # What we don't read must not disappear in here.
            its.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.process = subprocess.Popen(
            COMMANDS[self.options.tool](self.options), stdin=its, stdout=its)
        its.close()
        return ours

    def tail_may_go(self):
        return self.received == self.options.bytes

    def reason(self):
        return f", {self.options.tool} with status {self.process.wait(echo_client.STILL_SECONDS)}"

    def abort(self):
        self.process.kill()

    def close(self):
        super().close()
        status = self.process.wait(echo_client.STILL_SECONDS)
        if status != 0 and self.abort_at is None:
            sys.exit(f"{self.options.tool} ended with {status}")


if __name__ == "__main__":
    parser = echo_client.parser()
    parser.add_argument("--tool", choices=sorted(COMMANDS), required=True)
    echo_client.Client(parser.parse_args(), ToolStream).run()
