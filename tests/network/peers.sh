#!/usr/bin/env bash
# Goal:   kernel_echo is a peer to compare with on each of its engines: the three services
#         lose nothing, either side closes first or resets, slow readers hold nobody up,
#         several workers share the clients, both families, each way of waiting, its
#         numbers; and wrong calls are one sentence.
# Method: load verifies every byte, and so does a client in Python where ends and paces
#         matter; the counts of both sides are compared.
. "$(dirname "$0")/lib.sh"

network_make 1
ip netns exec "$server_ns" ethtool -K "$server_if" tx off >/dev/null
ip -n "$server_ns" addr add "$server_address/24" dev "$server_if"
ip -n "$server_ns" addr add fd77::1/64 dev "$server_if" nodad
ip -n "$client_ns" addr add fd77::2/64 dev "$client_if" nodad
in_client sysctl -qw net.ipv4.tcp_tw_reuse=1
read -r first_core cores < <(python3 -c '
import os
cores = sorted(os.sched_getaffinity(0))
print(cores[0], ",".join(map(str, cores[:2])))')

peer_start() {
    ip netns exec "$server_ns" "$KERNEL_ECHO" --json "$work/server.json" "$@" >"$work/server" 2>&1 &
    server_pid=$!
    wait_ready
}

load() {
    in_client timeout 60 "$LOAD" --stack kernel --duration 0.4 --warmup 0.1 --verify \
        --json "$work/load.json" "$@" >"$work/load" 2>&1 || fail "load $*: $(cat "$work/load")"
}

client() {
    in_client timeout 60 "$here/echo_client.py" "$server_address" "$@" >"$work/client" 2>&1 ||
        fail "client $*: $(cat "$work/client")"
}

try_services() {
    local engine=$1
    peer_start --address "$server_address" --engine "$engine" --cores "$first_core" --busy
    grep -Eq "^ready echo on $server_address port 7, 1 worker: the kernel's sockets by $engine on core $first_core\$" \
        "$work/server" || fail "the ready line: $(cat "$work/server")"
    load --target "$server_address:7" --connections 50 --size 64
    load --target "$server_address:7" --connections 10 --size 100000 --depth 4
    server_stop
    holds 'load["requests"] > 0 and server["accepted"] == 60' \
        'server["data_in"] >= server["data_out"] >= load["bytes_verified"] > 0' \
        'server["sleeps"] == 0 and report["engine"] == "'"$engine"'"'

    peer_start --address "$server_address" --engine "$engine" --service discard --port 9 --stats 0.1
    load --target "$server_address:9" --workload upload --connections 4 --size 65536
    server_stop
    holds 'server["data_in"] > 0 and server["data_out"] == 0'
    [ "$(grep -c '^connections ' "$work/server")" -gt 1 ] || fail 'no statistics while it ran'

    peer_start --address :: --engine "$engine" --service chargen --port 19
    load --target '[fd77::1]:19' --workload download --connections 4
    server_stop
    holds 'load["bytes_verified"] >= load["bytes_in"] > 0' \
        'server["data_out"] >= load["bytes_verified"] and server["data_in"] == 0'

    peer_start --address "$server_address" --engine "$engine" --sleep --cores "$cores"
    load --target "$server_address:7" --workload connect --connections 20
    server_stop
    holds 'server["accepted"] >= load["requests"] > 0 and server["sleeps"] > 0' \
        'min(worker["accepted"] for worker in workers) > 0'
}

# Ends and paces, and that what was over has left nothing open.
try_ends() {
    local engine=$1
    peer_start --address "$server_address" --engine "$engine"
    client 7 --connections 40 --bytes 20000 --chunks random
    client 7 --connections 20 --bytes 1000000 --pace slow-reader
    client 7 --connections 40 --bytes 50000 --end reset
    client 7 --connections 1 --bytes 8000000
    wait_until "$engine: connections are left open" none_open
    server_stop
    holds 'server["accepted"] == 101 and server["data_out"] > 28000000' \
        'server["connections"] == 0'

    for bytes in 1 20000 3000000; do
        peer_start --address "$server_address" --engine "$engine" --close-after "$bytes"
        client 7 --connections 10 --bytes "$bytes" --end server
        server_stop
        holds 'server["data_out"] == 10 * '"$bytes"' < server["data_in"]'
    done
}

# What the kernel knows of: none is established at the server's end.
none_open() {
    ! ip netns exec "$server_ns" ss -Htn state established state close-wait | grep -q .
}

for engine in epoll io_uring busy-poll; do
    try_services "$engine"
    try_ends "$engine"
done

# It ends by itself, whatever is open.
peer_start --address 0.0.0.0 --duration 0.3
wait "$server_pid" || fail 'the end by itself'
server_pid=

# refused STATUS SENTENCE ARGUMENT...
refused() {
    ends_with "$1" "^kernel_echo: $2\$" ip netns exec "$server_ns" "$KERNEL_ECHO" "${@:3}"
    { [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" = 1 ]; } ||
        fail "more than a sentence from ${*:3}: $(cat "$work/out" "$work/err")"
}
see='See kernel_echo --help\.'
good=(--address "$server_address" --duration 0.1)
refused 2 "No address was given: --address IP\. $see"
refused 2 "--address takes an address, as 192\.0\.2\.1 or 2001:db8::1, not '10\.0\.0\.1/8'\. $see" --address 10.0.0.1/8
refused 2 "'kqueue' is no engine: epoll, io_uring or busy-poll\. $see" "${good[@]}" --engine kqueue
refused 2 "'http' is no service: echo, discard or chargen\. $see" "${good[@]}" --service http
refused 2 "--port takes a number from 1 to 65535, not '0'\. $see" "${good[@]}" --port 0
refused 2 "--cores takes numbers, as 0 or 0,1, not '0,'\. $see" "${good[@]}" --cores 0,
refused 2 "--close-after takes 1 to 4294967295, not '0'\. $see" "${good[@]}" --close-after 0
refused 2 "--close-after is for echo, not for chargen\. $see" "${good[@]}" --close-after 1 --service chargen
refused 2 "--duration takes seconds, as 0\.5 or 60, not '0'\. $see" "${good[@]}" --duration 0
refused 2 "--stats takes seconds, as 0\.5 or 60, not '-1'\. $see" "${good[@]}" --stats -1
refused 2 "'--threads' is not an option\. $see" "${good[@]}" --threads 2
refused 2 "'stray' is not an option\. $see" "${good[@]}" stray
refused 2 "--engine lacks its value\. $see" "${good[@]}" --engine
for engine in epoll io_uring busy-poll; do
    refused 1 "port 7 of 10\.77\.0\.99 can't be listened on: Cannot assign requested address\." \
        --address 10.77.0.99 --engine "$engine"
    refused 1 "no thread can be started on core 999: .*" "${good[@]}" --cores 999 --engine "$engine"
done
refused 1 "the kernel gives no congestion control 'nosuch': No such file or directory\. .*" \
    "${good[@]}" --congestion nosuch
refused 1 "'/nowhere/f' can't be written: No such file or directory\." "${good[@]}" --json /nowhere/f
"$KERNEL_ECHO" --help | grep -q '^usage: kernel_echo ' || fail 'no help'
