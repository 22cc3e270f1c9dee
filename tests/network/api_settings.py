#!/usr/bin/env python3
"""The peer of api_settings: what each connection is to show, its first byte says.

  o  the options that were agreed on, as TCP_INFO has them, go back as a byte
  u  urgent data both ways; the kernel takes the last urgent byte out of the stream
  k  nothing: the connection is left alone
  c  300 bytes come; how many segments all was goes back as a byte
  q  a byte goes, and once it is acknowledged another
  r  is reset by the client
  d  from then on nothing of the client's arrives any more
"""
import socket
import subprocess
import sys
import time

SECONDS = 20
TCP_INFO_OPTIONS = 5  # offset of tcpi_options, and of others
TCP_INFO_UNACKED = 24
TCP_INFO_DATA_SEGMENTS_IN = 152


def receive(peer, count):
    data = b""
    while len(data) < count:
        part = peer.recv(count - len(data))
        assert part, f"the end of the stream behind {data}"
        data += part
    return data


def info(peer, offset):
    return int.from_bytes(
        peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)[offset:offset + 4], sys.byteorder)


def serve(peer, what):
    if what == b"o":
        peer.sendall(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[
            TCP_INFO_OPTIONS:TCP_INFO_OPTIONS + 1])
        assert peer.recv(1) == b""
    elif what == b"u":
        peer.sendall(b"abc")
        peer.send(b"X", socket.MSG_OOB)
        peer.sendall(b"def")
        assert receive(peer, 1) == b"p"
        assert peer.recv(1, socket.MSG_OOB) == b"Z"
        assert receive(peer, 3) == b"qrs"
        assert peer.recv(1) == b""
    elif what == b"c":
        receive(peer, 300)
        peer.sendall(bytes([info(peer, TCP_INFO_DATA_SEGMENTS_IN)]))
        assert peer.recv(1) == b""
    elif what == b"q":
        peer.sendall(b"a")
        until = time.monotonic() + SECONDS
        while info(peer, TCP_INFO_UNACKED) > 0:
            assert time.monotonic() < until, "no ACK came"
            time.sleep(0.001)
        peer.sendall(b"b")
        assert peer.recv(1) == b""
    elif what == b"k":
        assert peer.recv(1) == b""
    elif what == b"r":
        try:
            assert peer.recv(1) and False, "something came instead of a reset"
        except ConnectionResetError:
            pass
    elif what == b"d":
        subprocess.run(["nft", "-f", "-"], check=True, text=True, input="""
            table inet deaf {
                chain in {
                    type filter hook input priority 0
                    tcp dport 9007 drop
                }
            }""")
        peer.sendall(b"d")


def main():
    with socket.create_server((sys.argv[1], 9007)) as server:
        server.settimeout(SECONDS)
        print("ready", flush=True)
        kept = []
        while True:
            peer, _ = server.accept()
            peer.settimeout(SECONDS)
            what = receive(peer, 1)
            serve(peer, what)
            if what == b"d":
                kept.append(peer)
                break
            peer.close()
        print("done", flush=True)
        sys.stdin.read()


main()
