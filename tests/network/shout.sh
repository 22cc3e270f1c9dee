#!/usr/bin/env bash
# Goal:   the example server of apps/ works as its README says.
# Method: the kernel's client sends small and large texts and compares.
. "$(dirname "$0")/lib.sh"

network_make 1
ip netns exec "$server_ns" "$SHOUT" "$server_if" "$server_address/24" 2000 >"$work/server" 2>&1 &
server_pid=$!
wait_ready
in_client python3 - "$server_address" <<'P' || fail 'the answer is wrong'
import socket, sys
for text in (b"hello", b"A headrace brings the water to the wheel.\n" * 1000):
    with socket.create_connection((sys.argv[1], 2000), timeout=10) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    if answer != text.upper():
        sys.exit(f"{len(answer)} of {len(text)} bytes, or others")
P
server_stop
