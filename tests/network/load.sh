#!/usr/bin/env bash
# Goal:   load over our own stack: every workload with every byte compared, whoever closes
#         first, by one worker and by two, streams in generic mode too; several source
#         addresses; at a rate as many requests as it says; the histogram file; its errors as
#         sentences, and a server that does nothing is one; told to end early, it reports what
#         it has measured. Over the kernel's stack what both have.
# Method: against echo_server on the other end of the veth pair, so that no kernel's TCP
#         takes part; for less than half a second each; the counts of both sides compared.
. "$(dirname "$0")/lib.sh"

own_address=10.77.0.3
own=(--stack headrace --interface "$client_if" --address "$own_address/24")
last_core=$(python3 -c 'import os; print(max(os.sched_getaffinity(0)))')

load() {
    in_client timeout 60 "$LOAD" "${stack[@]}" --target "$server_address:7" --duration 0.4 \
        --warmup 0.1 --json "$work/load.json" "$@" >"$work/load" 2>&1 ||
        fail "load ${stack[*]} $*: $(cat "$work/load")"
}

good='load["requests"] > 0 and load["errors"] == 0 and load["bytes_verified"] >= load["bytes_in"] > 0'

# A handshake that the client's end cut off is a connection that the server waits for when
# it is told to end; told twice, it does not wait.
server_stop_now() {
    kill -TERM "$server_pid"
    server_stop
}

try_echo() {
    server_start "${server_mode[@]}"
    load --verify
    holds "$good and load['stack'] == 'headrace'"
    load --verify --connections 200 --size 1 --depth 16
    holds "$good"
    load --verify --connections 20 --size 8192 --depth 4
    holds "$good"
    server_stop
}

try_connect() {
    local addresses=() i

    server_start "${server_mode[@]}" --json "$work/server.json"
    # A port rests for a second: of 16 addresses 262,144 last for half of one, at any rate. Those
    # of four were used up, at 130,228/s.
    for ((i = 20; i < 35; i++)); do addresses+=(--address 10.77.0.$i/24); done
    load --verify --workload connect --connections 8 --time-wait 1 "${addresses[@]}"
    server_stop_now
    holds "$good" 'server["accepted"] >= load["requests"] and server["time_waits"] == 0'

    server_start "${server_mode[@]}" --close-after 64 --json "$work/server.json"
    load --verify --workload connect --close server --connections 8
    server_stop_now
    holds "$good" 'server["accepted"] >= load["requests"]'
}

try_streams() {
    server_start "${server_mode[@]}" --service discard --json "$work/server.json"
    load --verify --workload upload --connections 4
    server_stop
    # Of what was sent a buffer each was cut off.
    holds 'load["errors"] == 0 and load["bytes_out"] > 0' \
        '0 < server["data_in"] >= load["bytes_out"] - 4 * 524288'

    server_start "${server_mode[@]}" --service chargen
    load --verify --workload download --connections 4
    server_stop
    holds 'load["errors"] == 0 and load["bytes_verified"] >= load["bytes_in"] > 0'
}

# place MODE QUEUES: where both ends stand, the client on the last cores that may be used.
place() {
    network_make "$2"
    stack=("${own[@]}" --mode "$1")
    [ "$2" != 1 ] || stack+=(--cores "$last_core")
    server_mode=(--mode "$1")
}

place native 1
try_echo
try_connect
try_streams
veth_unmake
place native 2
try_echo
try_connect
veth_unmake
# What this mode does otherwise is to receive and to send.
place generic 1
try_streams
veth_unmake

network_make 1
in_client sysctl -qw net.ipv4.tcp_tw_reuse=1

# At a rate: all that was due in less than half a second is accounted for, to the request.
server_start
for name in kernel headrace; do
    stack=(--stack $name)
    [ $name = kernel ] || stack=("${own[@]}" --cores "$last_core" --time-wait 1)
    load --verify --rate 3000 --connections 3 --histogram "$work/histogram"
    holds 'load["requests"] + load["unanswered"] == 1200 and load["rate"] == 3000' \
        'load["errors"] == 0 and load["requests"] > 0 and load["cpu_s"] > 0'
    decoded=$(python3 "$here/../unit/hdr_decode.py" "$work/histogram") || fail 'the histogram file'
    python3 - "$work/load.json" "$decoded" <<'P' || fail "the histogram file says $decoded"
import json, sys
load = json.load(open(sys.argv[1]))
_, seconds, largest, *buckets = sys.argv[2].split()
counts = [int(bucket.split(":")[0]) for bucket in buckets]
low = int(buckets[0].split(":")[1])
assert sum(counts) == load["requests"] and float(seconds) == load["seconds"] == 0.4
assert low <= load["latency_ns"]["min"] and abs(float(largest) * 1e6 - load["latency_ns"]["max"]) < 1e3
P
    load --verify --workload connect --rate 400 --connections 3
    holds 'load["requests"] + load["unanswered"] == 160 and load["errors"] == 0'
done

# From several addresses: of our own stack to the kernel's server, which sees them.
in_client ip addr add 10.77.0.4/24 dev "$client_if"
established() {
    in_client ss -Htn state established >"$work/established"
    grep -q "$1" "$work/established" && grep -q "$2" "$work/established"
}
in_client timeout 60 "$LOAD" --target "$server_address:7" --connections 2 --duration 1 --warmup 0 \
    --address "$client_address" --address 10.77.0.4 >"$work/load" 2>&1 &
load_pid=$!
wait_until 'no connections from both addresses' established "$client_address:" '10\.77\.0\.4:'
wait $load_pid || fail "load from two addresses: $(cat "$work/load")"
server_stop
ip netns exec "$client_ns" "$KERNEL_ECHO" --address "$client_address" >"$work/echo" 2>&1 &
echo_pid=$!
trap 'kill $echo_pid 2>/dev/null || true; network_remove' EXIT
wait_until 'the echo server was not ready' grep -q '^ready' "$work/echo"
ip netns exec "$server_ns" timeout 60 "$LOAD" --stack headrace --interface "$server_if" \
    --address 10.77.0.11/24 --address 10.77.0.12/24 --target "$client_address:7" \
    --connections 2 --duration 1 --warmup 0 >"$work/load" 2>&1 &
load_pid=$!
wait_until 'no connections from both addresses' established '10\.77\.0\.11:' '10\.77\.0\.12:'
wait $load_pid || fail "load from two addresses: $(cat "$work/load")"

# Errors. refused STATUS SENTENCE OPTION...
refused() {
    ends_with "$1" "$2" ip netns exec "$client_ns" "${as[@]}" "$LOAD" "${@:3}"
    ! ip -n "$client_ns" -d link show dev "$client_if" | grep -q xdp ||
        fail "a program was left attached by: load ${*:3}"
}
as=()
see='See load --help\.$'
short=(--duration 0.2 --warmup 0)
target=(--target "$server_address:7" "${short[@]}")
refused 2 "^load: No interface was given: --interface IF\. $see" --stack headrace "${target[@]}"
refused 2 "^load: No address was given: --address CIDR\. $see" \
    --stack headrace --interface "$client_if" "${target[@]}"
refused 2 "^load: '--busy' is for --stack headrace\. $see" "${target[@]}" --busy
refused 2 "^load: '--cores' is for --stack headrace\. $see" "${target[@]}" --cores 0
refused 2 "^load: 'user' is no stack: kernel or headrace\. $see" --stack user
refused 2 "^load: '0' is no rate: 1 to 100000000 requests a second\. $see" --rate 0
refused 2 "^load: 'both' does not close: client or server\. $see" --close both
refused 2 "^load: 'fast' is no mode: auto, zerocopy, native or generic\. $see" --mode fast
refused 2 "^load: 'vegas' is no congestion control: cubic, newreno, dctcp or bbr\. $see" \
    "${own[@]}" "${target[@]}" --congestion vegas
refused 2 "^load: 'on' is no ECN: off, classic or accurate\. $see" \
    "${own[@]}" "${target[@]}" --ecn on
refused 2 "^load: 'on' is no MTU probing: off, after-black-hole or always\. $see" \
    "${own[@]}" "${target[@]}" --mtu-probing on
for option in send-buffer receive-buffer; do
    refused 2 "^load: --$option takes 4096 to 1073741824 bytes, not '4095'\. $see" \
        "${own[@]}" "${target[@]}" --$option 4095
    refused 2 "^load: '--$option' is for --stack headrace\. $see" "${target[@]}" --$option 4096
done
refused 2 "^load: --keepalive takes 1 to 32767 seconds, not '0'\. $see" \
    "${own[@]}" "${target[@]}" --keepalive 0
refused 2 "^load: --user-timeout takes 1 to 86400 seconds, not '0'\. $see" \
    "${own[@]}" "${target[@]}" --user-timeout 0
refused 2 "^load: --dscp takes a number from 0 to 63, not '64'\. $see" \
    "${own[@]}" "${target[@]}" --dscp 64
for option in fast-open fast-open-no-cookie pacing no-sack no-timestamps no-window-scale; do
    refused 2 "^load: '--$option' is for --stack headrace\. $see" "${target[@]}" --$option
done
refused 2 "^load: --fast-open is for connections that begin: --workload connect\. $see" \
    "${own[@]}" "${target[@]}" --fast-open
refused 1 "^load: the kernel gives no congestion control 'nosuch': No such file or directory\." \
    --stack kernel "${target[@]}" --congestion nosuch
refused 2 "^load: '0,' is no list of numbers: as 0 or 0,1\. $see" --cores 0,
refused 2 "^load: 'x/24' is no address: as 192\.0\.2\.1/24, " --address x/24
refused 2 "^load: --rate is for requests: --workload echo or connect\. $see" \
    "${target[@]}" --rate 10 --workload upload
refused 2 "^load: --close is for connections that end: --workload connect\. $see" \
    "${target[@]}" --close server
refused 2 "^load: '$own_address' is no address of a host: give ADDRESS/LENGTH" \
    --stack headrace --interface "$client_if" --address "$own_address" "${target[@]}"
refused 1 "^load: There is no interface 'nowhere0'" \
    --stack headrace --interface nowhere0 --address "$own_address/24" "${target[@]}"
refused 1 "^load: '/nowhere/f' can't be written: .*; give --histogram a file" \
    "${own[@]}" "${target[@]}" --histogram /nowhere/f
refused 1 "^load: '/dev/full' could not be written: " \
    "${target[@]}" --histogram /dev/full
as=(setpriv --reuid 65534 --clear-groups)
refused 1 '^load: .*(root|CAP_)' "${own[@]}" "${target[@]}"
as=()
# Nobody listens there; nobody has that address; there is no way to it.
server_start
refused 1 "^load: $server_address:9 could not be connected to: The peer refused the connection\.$" \
    "${own[@]}" --target "$server_address:9" "${short[@]}"
refused 1 '^errors: connect [1-9][0-9]*, reset 0, closed early 0, wrong data 0$' \
    "${own[@]}" --target "$server_address:9" "${short[@]}"
for name in kernel headrace; do
    stack=()
    [ $name = kernel ] || stack=("${own[@]}")
    stack+=(--target 10.77.0.99:7 "${short[@]}" --connections 3)
    refused 1 '^errors: connect 3, reset 0, closed early 0, wrong data 0$' "${stack[@]}"
    refused 1 '^load: 10\.77\.0\.99:7 did not answer until the end\.$' "${stack[@]}"
done
refused 1 '^load: 203\.0\.113\.1:7 could not be connected to: No route leads to the peer\.$' \
    "${own[@]}" --target 203.0.113.1:7 "${short[@]}"
refused 1 "^load: $server_address:9 could not be connected to: Connection refused\.$" \
    --target "$server_address:9" "${short[@]}"
server_stop

# A server that accepts and never answers; one that never takes what is sent.
server_start --service discard
for name in kernel headrace; do
    stack=("${target[@]}" --connections 3)
    [ $name = kernel ] || stack+=("${own[@]}")
    for how in '' '--rate 100'; do
        # shellcheck disable=SC2086 # two words
        refused 1 "^load: $server_address:7 has answered no request in the measured time\.$" \
            "${stack[@]}" $how
    done
    refused 1 "^load: At a rate of 1 no request was due in the measured time: give it a longer" \
        "${stack[@]}" --rate 1 --warmup 0.2
    refused 1 "^load: $server_address:7 did not answer until the end\.$" \
        "${stack[@]}" --workload connect
    refused 1 "^load: $server_address:7 has sent no byte in the measured time\.$" \
        "${stack[@]}" --workload download
done
server_stop
in_client ip link set lo up
ip netns exec "$client_ns" python3 -c '
import signal, socket
with socket.create_server(("127.0.0.1", 7)) as server:
    connection, _ = server.accept()
    signal.pause()
' &
idle_pid=$!
trap 'kill $echo_pid $idle_pid 2>/dev/null || true; network_remove' EXIT
listens() {
    [ -n "$(in_client ss -Htln src 127.0.0.1:7)" ]
}
wait_until 'nobody listens' listens
refused 1 '^load: 127\.0\.0\.1:7 has taken no byte in the measured time\.$' \
    --target 127.0.0.1:7 --workload upload --warmup 1 --duration 0.2
kill "$idle_pid"

# Told to end long before its time, when answers have come: what was measured is reported.
has_sent() {
    tail -n 1 "$work/server" | grep -Eq ' out [1-9][0-9]+ bytes'
}
for name in kernel headrace; do
    for rate in '' '--rate 5000'; do
        stack=()
        [ $name = kernel ] || stack=("${own[@]}")
        server_start --stats 0.05
        # shellcheck disable=SC2086 # two words
        ip netns exec "$client_ns" "$LOAD" "${stack[@]}" --target "$server_address:7" \
            --warmup 0 --duration 60 --verify $rate \
            --json "$work/load.json" >"$work/load" 2>&1 &
        load_pid=$!
        wait_until 'no answer was sent' has_sent
        kill -TERM "$load_pid"
        wait "$load_pid" || fail "told to end: status $?: $(cat "$work/load")"
        server_stop
        holds "$good" '0 < load["seconds"] < 60' \
            'not load["rate"] or abs(load["requests"] + load["unanswered"] - 5000 * load["seconds"]) <= 1'
    done
done
ip netns exec "$client_ns" "$LOAD" --target 10.77.0.99:7 --warmup 60 >"$work/load" 2>&1 &
load_pid=$!
heeds() { # SIGTERM is 15, bit 14
    grep -Eq '^SigCgt:.*[4-7c-f][0-9a-f]{3}$' "/proc/$load_pid/status"
}
wait_until 'it does not heed signals' heeds
kill -TERM "$load_pid"
status=0
wait "$load_pid" || status=$?
{ [ $status = 1 ] && grep -q '^load: It was told to end before there was anything measured\.$' \
    "$work/load"; } || fail "told to end while it warms up: status $status: $(cat "$work/load")"
