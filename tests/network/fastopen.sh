#!/usr/bin/env bash
# Goal:   TCP Fast Open works with the kernel at the other end, in both roles (RFC 7413): a cookie
#         in the first connection, data in the SYN of those behind it, taken and answered; and
#         where both do without cookies (net.ipv4.tcp_fastopen 0x204) data in each SYN.
# Method: a kernel client in Python against echo_server --fast-open, then load --fast-open against
#         a kernel server, then both with --fast-open-no-cookie; the kernel's own counters and ours
#         say what happened.
. "$(dirname "$0")/lib.sh"
peer_pid=
trap '[ -z "$peer_pid" ] || kill $peer_pid 2>/dev/null || true; network_remove' EXIT

# kernel_count NAME: of all sockets in the client's namespace.
kernel_count() {
    ip netns exec "$client_ns" awk -v name="$1" '/^TcpExt:/ && !named { named = split($0, names) ; next }
        /^TcpExt:/ { for (i in names) if (names[i] == name) print $i }' /proc/net/netstat
}

# kernel_client: four connections, each with data in its SYN as far as it may be there.
kernel_client() {
    ip netns exec "$client_ns" timeout 20 python3 - "$server_address" <<'P' || fail 'a kernel client'
import socket, sys

for i in range(4):
    data = b"hello %d" % i
    sock = socket.socket()
    sock.sendto(data, socket.MSG_FASTOPEN, (sys.argv[1], 7))
    got = b""
    while len(got) < len(data):
        got += sock.recv(100)
    assert got == data, got
    sock.close()
P
}

# load_connects OPTION: of ours, to the kernel's server.
load_connects() {
    timeout 20 ip netns exec "$server_ns" "$LOAD" --stack headrace --interface "$server_if" \
        --address "$server_address/24" --target "$client_address:9007" --workload connect \
        --connections 1 --rate 1000 --duration 2 --warmup 0 --verify --time-wait 1 "$1" \
        --json "$work/load.json" >"$work/out" 2>&1 || fail "load: $(cat "$work/out")"
}

network_make 1
ip netns exec "$client_ns" sysctl -q -w net.ipv4.tcp_fastopen=3

# The kernel asks for a cookie, then sends with its SYN.
server_start --fast-open --json "$work/server.json"
kernel_client
server_stop
[ "$(kernel_count TCPFastOpenActive)" = 3 ] ||
    fail "the kernel's data was taken $(kernel_count TCPFastOpenActive) times of 3"
[ "$(kernel_count TCPFastOpenActiveFail)" = 0 ] || fail 'the kernel counts failures'
holds 'server["fast_open_accepted"] == 3' 'server["fast_open_refused"] == 0'

# Ours asks for one, then sends with each SYN.
ip netns exec "$client_ns" python3 - "$client_address" >"$work/peer" 2>&1 <<'P' &
import socket, sys

listener = socket.create_server((sys.argv[1], 9007), backlog=100)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 100)
print("listening", flush=True)
while True:
    sock, _ = listener.accept()
    try:
        while data := sock.recv(65536):
            sock.sendall(data)
    except ConnectionError:
        pass  # the client's time was over
    sock.close()
P
peer_pid=$!
wait_until 'the kernel server was not ready' grep -q listening "$work/peer"
load_connects --fast-open
taken=$(kernel_count TCPFastOpenPassive)
[ "$taken" -gt 10 ] || fail "the kernel took data of $taken SYNs: $(cat "$work/out")"
[ "$(kernel_count TCPFastOpenPassiveFail)" = 0 ] || fail 'the kernel counts failures'

# Without cookies ours has data in each SYN, the first included; the kernel gives none.
ip netns exec "$client_ns" sysctl -q -w net.ipv4.tcp_fastopen=0x207
asked=$(kernel_count TCPFastOpenCookieReqd)
load_connects --fast-open-no-cookie
taken_without=$(($(kernel_count TCPFastOpenPassive) - taken))
[ "$taken_without" -gt 10 ] || fail "the kernel took $taken_without without: $(cat "$work/out")"
[ "$(kernel_count TCPFastOpenPassiveFail)" = 0 ] || fail 'the kernel counts failures'
[ "$(kernel_count TCPFastOpenCookieReqd)" = "$asked" ] || fail 'a cookie was asked for'

# And the kernel has, whether it knows a cookie or not: a server of before is forgotten first.
ip netns exec "$client_ns" ip tcp_metrics flush
server_start --fast-open-no-cookie --json "$work/server.json"
kernel_client
server_stop
[ "$(kernel_count TCPFastOpenActive)" = 7 ] ||
    fail "the kernel's data was taken $(($(kernel_count TCPFastOpenActive) - 3)) times of 4"
[ "$(kernel_count TCPFastOpenActiveFail)" = 0 ] || fail 'the kernel counts failures'
holds 'server["fast_open_accepted"] == 4' 'server["fast_open_refused"] == 0'
printf '3 taken from the kernel, %d by it; without cookies 4 and %d\n' "$taken" "$taken_without"
