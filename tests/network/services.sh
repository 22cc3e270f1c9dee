#!/usr/bin/env bash
# Goal:   what the command lines of echo_server and load promise: the three services, each
#         way of waiting, a second address, statistics while it runs and at the end, an end
#         by itself, and by a signal while connections are open; keepalives and the class of
#         packets; all workloads of load, its JSON, its progress on a terminal, its refusals.
# Method: each is asked for once, for half a second, and the counts of both sides compared.
. "$(dirname "$0")/lib.sh"

load() {
    in_client timeout 60 "$LOAD" --stack kernel --duration 0.5 --warmup 0.1 --verify \
        --json "$work/load.json" "$@" >"$work/load" 2>&1 || fail "load $*: $(cat "$work/load")"
}

network_make 2
in_client sysctl -qw net.ipv4.tcp_tw_reuse=1
in_client ip addr add 10.78.0.2/24 dev "$client_if"

server_start --service discard --stats 0.1 --json "$work/server.json"
load --target "$server_address:7" --workload upload --connections 4 --size 65536
server_stop
holds 'load["bytes_out"] > 0 and load["errors"] == 0' \
    'server["data_in"] > 0 and server["data_out"] == 0 and server["accepted"] == 4'
[ "$(grep -c '^connections ' "$work/server")" -gt 1 ] || fail 'no statistics while it ran'

server_start --service chargen --port 19 --busy --json "$work/server.json"
load --target "$server_address:19" --workload download --connections 4
server_stop
holds 'load["bytes_verified"] >= load["bytes_in"] > 0 and load["errors"] == 0' \
    'server["data_out"] >= load["bytes_verified"] and server["data_in"] == 0' \
    'server["sleeps"] == 0'

server_start --address 10.78.0.1/24 --sleep --json "$work/server.json"
ready='^ready echo on 10\.77\.0\.1/24 10\.78\.0\.1/24 port 7, 2 workers: '
ready+='queue 0 native on core [0-9]+, queue 1 native on core [0-9]+'
grep -Eq "$ready" "$work/server" || fail 'the ready line'
load --target 10.78.0.1:7 --connections 10 --size 1000 --depth 4
server_stop
holds 'load["requests"] > 0 and load["errors"] == 0 and server["sleeps"] > 0' \
    'server["data_in"] >= server["data_out"] >= load["bytes_verified"]' \
    '0 < load["latency_ns"]["p50"] <= load["latency_ns"]["p99"] <= load["latency_ns"]["max"]'

server_start --json "$work/server.json"
load --target "$server_address:7" --workload connect --connections 8
server_stop
holds 'load["requests"] > 0 and load["errors"] == 0 and server["accepted"] >= load["requests"]'

# It ends by itself.
server_start --duration 0.5 --stats 0.1
wait "$server_pid" || fail 'the end by itself'
server_pid=
[ "$(grep -c '^connections ' "$work/server")" -gt 1 ] || fail 'no statistics'

# client_talk: says "open" once it has a connection, waits for a line, and then acts.
client_talk() {
    coproc CLIENT { exec ip netns exec "$client_ns" python3 -c "$1" "$server_address"; }
    read -r -t 20 _ <&"${CLIENT[0]}" || fail 'no client'
    exec {answers}<&"${CLIENT[0]}" # bash takes its own away when the client ends
}
opened='
import socket, sys, time
def open_one():
    return socket.create_connection((sys.argv[1], 7), timeout=20)
def echoes(connection):
    connection.sendall(b"text")
    return connection.recv(100) == b"text"
connection = open_one()
assert echoes(connection)
print("open", flush=True)
'

# Asked to end it takes no new connections, and waits for the old ones.
server_start
client_talk "$opened"'
refused = False
while not refused:
    try:
        open_one().close()
        time.sleep(0.01)
    except ConnectionRefusedError:
        refused = True
print("yes" if echoes(connection) else "no", flush=True)
'
kill -TERM "$server_pid"
read -r -t 20 answer <&"$answers" || fail 'the client failed'
[ "$answer" = yes ] || fail 'the open connection does not go on'
wait "$server_pid" || fail 'the end by SIGTERM'
server_pid=
grep -q '^connections 0 accepted' <(tail -1 "$work/server") || fail 'the final statistics'

# But not for ever: a connection that stays is reset.
server_start
client_talk "$opened"'
try:
    print(connection.recv(100), flush=True)
except ConnectionResetError:
    print("reset", flush=True)
'
server_stop
read -r -t 20 answer <&"$answers" || fail 'the client failed'
[ "$answer" = reset ] || fail "a connection that stayed was told $answer"

# A client that is silent is asked, in packets of the class that was asked for.
server_start --keepalive 1 --user-timeout 10 --dscp 46
in_client timeout 60 python3 - "$client_if" "$server_address" <<'P' || fail 'no keepalive of the class'
import socket, struct, sys

wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
wire.bind((sys.argv[1], 0x0800))
wire.settimeout(20)
connection = socket.create_connection((sys.argv[2], 7))
asked = False
first = None
while not asked:
    packet = wire.recv(2000)
    if packet[12:16] != socket.inet_aton(sys.argv[2]) or packet[9] != 6:
        continue
    assert packet[1] == 46 << 2, packet[1]
    tcp = packet[20:]
    flags = tcp[13]
    number = struct.unpack("!I", tcp[4:8])[0]
    if flags & 2:
        first = number + 1 & 0xffffffff
    elif number == first - 1 & 0xffffffff:
        asked = True
P
server_stop

# Errors of load.
refused() {
    ends_with "$1" "$2" ip netns exec "$client_ns" "$LOAD" "${@:3}"
}
target=(--target "$client_address:9" --duration 0.2 --warmup 0)
refused 2 '^load: No target was given: --target IP:PORT\. See load --help\.$'
refused 2 "^load: '10\.0\.0\.1' is no target: IP:PORT or \[IP\]:PORT\." --target 10.0.0.1
refused 2 "^load: '0' is no number of connections: 1 to 50000\." "${target[@]}" --connections 0
refused 2 "^load: '1k' is no size: 1 to 1048576 bytes\." "${target[@]}" --size 1k
refused 2 "^load: '' is no depth: 1 to 1024 requests\." "${target[@]}" --depth ''
refused 2 "^load: '0' is no duration: seconds, as 0\.5 or 60\." "${target[@]}" --duration 0
refused 2 "^load: '-1' is no warm-up: seconds, as 0 or 1\.5\." "${target[@]}" --warmup -1
refused 2 "^load: 'http' is no workload: echo, connect, upload or download\." --workload http
refused 2 "^load: '--quick' is not an option\." "${target[@]}" --quick
refused 2 "^load: '--size' lacks its value\." "${target[@]}" --size
refused 1 "^load: '/nowhere/f' can't be written: " "${target[@]}" --json /nowhere/f
refused 1 "^load: '/dev/full' could not be written: " "${target[@]}" --json /dev/full
# Nobody listens there; and nobody answers here.
refused 1 '^errors: connect [1-9][0-9]*, reset 0, closed early 0, wrong data 0$' "${target[@]}"
refused 1 '^errors: connect 3, reset 0, closed early 0, wrong data 0$' \
    --target 10.77.0.99:7 --duration 0.2 --warmup 0 --connections 3
refused 0 '^usage: load ' --help

# On a terminal it says how far it is, and leaves only the results.
server_start
in_client script -qec "$LOAD --target $server_address:7 --duration 0.5 --warmup 0" /dev/null \
    >"$work/terminal"
server_stop
grep -q 'requests, .* MB in, .* MB out, .* s left' "$work/terminal" || fail 'no progress is shown'
grep -q 'requests/s; latency us: p50' "$work/terminal" || fail 'no results are shown'
