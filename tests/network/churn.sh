#!/usr/bin/env bash
# Goal:   20,000 connections one after another leave nothing behind.
# Method: each is opened, echoes a few bytes and is closed, in turn first by the client,
#         first by the server's answer to a half close, and by a reset. 2MSL is a second;
#         when it has passed the frames, connections and entries of TIME-WAIT are those of
#         a server that has never served, and so is the memory that the process asked for.
#         A timer is part of its connection, or of the table of TIME-WAIT: none is left.
. "$(dirname "$0")/lib.sh"

held() {
    python3 - "$work/stats.json" <<'P'
import json, sys
names = ("connections", "time_waits", "frames_free", "frames_data")
workers = json.load(open(sys.argv[1]))["workers"]
print(*(f"{name}={worker[name]}" for worker in workers for name in names))
P
}

# Kilobytes of data that the kernel has mapped for the server, its heap included.
data_of_server() {
    sed -n 's/^VmData:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$server_pid/status"
}

network_make 1
# The client's kernel would wait for a minute before it uses a port again.
in_client sysctl -qw net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range='1024 65000'
server_start --json "$work/stats.json"
server_stop
before=$(held)

server_start --json "$work/stats.json"
data_before=$(data_of_server)
in_client python3 - "$server_address" <<'P' || fail 'a connection failed'
import socket, struct, sys

for number in range(20000):
    with socket.create_connection((sys.argv[1], 7), timeout=20) as connection:
        sent = struct.pack("<I", number)
        connection.sendall(sent)
        if number % 3 == 1:
            connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(100)
        if answer != sent:
            sys.exit(f"connection {number}: {answer} instead of {sent}")
        if number % 3 == 1 and connection.recv(100) != b"":
            sys.exit(f"connection {number}: more than was sent")
        if number % 3 == 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
P
# 2MSL has to pass; there is no event to wait for but the clock.
sleep 1.5
data_after=$(data_of_server)
server_stop
after=$(held)
[ "$before" = "$after" ] || fail "before: $before; after: $after"
# AddressSanitizer keeps what was freed for a while, and looks for leaks itself at the end.
grep -q __asan_init "$ECHO_SERVER" || [ "${data_before:?}" = "$data_after" ] ||
    fail "$data_before kB of data before, $data_after kB after"
python3 - "$work/stats.json" <<'P' || fail 'not all were accepted'
import json, sys
accepted = sum(worker["accepted"] for worker in json.load(open(sys.argv[1]))["workers"])
sys.exit(0 if accepted == 20000 else f"{accepted} of 20000")
P
