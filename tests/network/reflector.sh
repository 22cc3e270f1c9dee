#!/usr/bin/env bash
# Goal:   reflector sends back every byte, its driver counts right, goes on after losses, and
#         both end when they are told, or their interface is removed; wrong calls are one
#         sentence.
# Method: a kernel client in Python compares what comes back, in native and generic mode and
#         on two queues; then both ends are reflectors, every byte verified, and the counts
#         of the two compared; a server that is stopped for a while stands for losses.
. "$(dirname "$0")/lib.sh"

driver_address=10.77.0.3
interface=(--interface "$client_if")

reflector_start() {
    ip netns exec "$server_ns" "$REFLECTOR" --interface "$server_if" \
        --address "$server_address/24" --json "$work/server.json" "$@" >"$work/server" 2>&1 &
    server_pid=$!
    wait_ready
}

kernel_client() {
    in_client timeout 60 python3 - "$server_address" <<'P' || fail "the kernel's client: $1"
import random, socket, sys
rand = random.Random(1)
back = 0
for number in range(20):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect((sys.argv[1], 7))
        for size in (0, 1, 17, 18, 19, 64, 1000, 1471, 1472, rand.randrange(1473)):
            data = rand.randbytes(size)
            sock.send(data)
            if sock.recv(2000) != data:
                sys.exit(f"{size} bytes came back wrong")
            back += 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(10)
    sock.connect((sys.argv[1], 8))
    try:
        sock.send(b"to nobody")
        sock.recv(100)
        sys.exit("another port answers")
    except ConnectionRefusedError:
        pass
print(back, "datagrams came back")
P
    in_client ping -q -c 2 -i 0.2 -W 5 "$server_address" >/dev/null || fail "$1: no answer to ping"
}

drive() {
    in_client timeout 60 "$REFLECTOR" --interface "$client_if" --address 10.79.0.3/24 --address "$driver_address/24" \
        --drive "$server_address:7" --duration 0.3 --warmup 0.05 --json "$work/driver.json" "$@" \
        >"$work/driver" 2>&1 || fail "drive $*: $(cat "$work/driver")"
}

network_make 2
for run in '--mode native --busy' '--mode generic --sleep --queues 0' '--batch 1'; do
    # shellcheck disable=SC2086 # the words of a run are arguments
    reflector_start $run
    kernel_client "$run"
    server_stop
    holds 'server["reflected"] == 200 and server["counted"] == 0'
done
veth_unmake
network_make 1

reflector_start --busy
grep -Eq "^ready reflecting on $server_address/24 port 7, 1 worker: queue 0 native on core [0-9]+ \
\($server_if refused zero-copy mode on queue 0: Operation not supported\.\)$" \
    "$work/server" || fail 'the ready line'
for run in '--busy' '--in-flight 16 --size 1 --busy' '--in-flight 64 --size 1472' \
    '--in-flight 2048 --receive-frames 4096 --batch 1' '--sleep --in-flight 4 --size 1000'; do
    # shellcheck disable=SC2086
    drive --verify $run
    holds 'driver["requests"] > 0 and driver["errors"] == 0' \
        '0 < driver["latency_ns"]["min"] <= driver["latency_ns"]["p50"] <= driver["latency_ns"]["p99"]' \
        'driver["bytes_verified"] >= driver["requests"] * driver["size"]' \
        'driver["port"]["tx_packets"] >= driver["requests"]'
    grep -q ' round trips/s; latency us: p50 ' "$work/driver" || fail 'what is printed'
    grep -q "^ready driving $server_address:7 from 10\.79\.0\.3/24 $driver_address/24 port 7, 1 worker: " \
        "$work/driver" || fail 'the ready line of a driver'
done
server_stop
holds 'server["reflected"] > driver["requests"] and server["counted"] == 0'

# Nothing comes back for a while: it is sent again, and goes on.
reflector_start
: >"$work/driver.json"
in_client timeout 60 "$REFLECTOR" --interface "$client_if" --address "$driver_address/24" \
    --drive "$server_address:7" --duration 1 --warmup 0 --in-flight 8 --verify \
    --json "$work/driver.json" >"$work/driver" 2>&1 &
driver_pid=$!
is_driving() {
    grep -q '^ready' "$work/driver"
}
wait_until 'the driver was not ready' is_driving
kill -STOP "$server_pid"
sleep 0.5 # what is tested is that time passes without an answer
kill -CONT "$server_pid"
wait "$driver_pid" || fail "the driver: $(cat "$work/driver")"
server_stop
holds 'driver["lost"] > 0 and driver["late"] > 0 and driver["requests"] > 0' \
    'driver["errors"] == 0'

reflector_start --one-way --verify --busy
for size in 40 1472; do
    drive --one-way --verify --busy --size "$size"
    holds '0 < driver["received"] <= driver["sent"] and driver["errors"] == 0' \
        'driver["lost"] == driver["sent"] - driver["received"]' \
        'driver["bytes_in"] == driver["bytes_out"] == driver["received"] * '"$size"
done
# One that writes no pattern is told so of its own datagrams, and not of others'.
in_client timeout 60 "$REFLECTOR" "${interface[@]}" --address "$driver_address/24" --busy \
    --drive "$server_address:7" --duration 0.1 --one-way >"$work/driver" 2>&1 &&
    fail "wrong bytes are not told of: $(cat "$work/driver")"
grep -Eq ' wrong [1-9]' "$work/driver" || fail "wrong bytes are not counted: $(cat "$work/driver")"
drive --one-way --verify --busy
holds 'driver["received"] > 0 and driver["errors"] == 0'
server_stop
holds 'server["counted"] >= driver["received"] and server["wrong"] > 0'

# refused STATUS SENTENCE ARGUMENT...: the sentence is the last line.
refused() {
    ends_with "$1" "^reflector: $2\$" ip netns exec "$client_ns" "$REFLECTOR" "${@:3}"
    [ "$(wc -l <"$work/err")" = 1 ] || fail "more than a sentence from ${*:3}: $(cat "$work/err")"
}
see='See reflector --help\.'
good=("${interface[@]}" --address "$driver_address/24" --duration 0.1)
refused 2 "No interface was given: --interface IF\. $see"
refused 2 "No address was given: --address CIDR\. $see" "${interface[@]}"
refused 2 "--address takes an IPv4 address and its prefix, as 192\.0\.2\.1/24, not 'fd00::1/64'\. $see" --address fd00::1/64
refused 2 "--address takes an IPv4 .*, not '10\.0\.0\.1'\. $see" --address 10.0.0.1
for target in 10.77.0.1 10.77.0.1:0 10.77.0.1:x '[fd00::1]:7' :7 ''; do
    refused 2 "--drive takes IP:PORT, as 192\.0\.2\.1:7, not '${target//[/\\[}'\. $see" "${good[@]}" --drive "$target"
done
refused 2 "--drive takes an address on the link of '10\.77\.0\.3/24'\. $see" "${good[@]}" --drive 10.78.0.1:7
refused 2 "With --drive there is one queue and one core\. $see" "${good[@]}" --drive 10.77.0.1:7 --queues 0,1
refused 2 "--size takes a number from 1 to 3772, not '0'\. $see" "${good[@]}" --size 0
refused 2 "--in-flight takes a number from 1 to 32768, not '32769'\. $see" \
    "${good[@]}" --in-flight 32769
refused 2 "More than half of --receive-frames can't be in flight: the rest is lost\. $see" \
    "${good[@]}" --in-flight 1025
refused 2 "--receive-frames takes 2048, 4096, \.\.\. 65536, not '3000'\. $see" \
    "${good[@]}" --receive-frames 3000
refused 2 "--batch takes a number from 1 to 64, not '65'\. $see" "${good[@]}" --batch 65
refused 2 "--port takes a number from 1 to 65535, not '0'\. $see" "${good[@]}" --port 0
refused 2 "'fast' is no mode: auto, zerocopy, native or generic\. $see" "${good[@]}" --mode fast
refused 2 "'stray' is not an option\. $see" "${good[@]}" stray
refused 2 "--drive lacks its value\. $see" "${good[@]}" --drive
refused 2 "--size 1473 is too large for $client_if: 1472 at the most\." "${good[@]}" --drive 10.77.0.1:7 --size 1473
refused 1 "Core 999 is not one that this process may use: .*" "${good[@]}" --cores 999
refused 1 "Queue 0 is named twice: name it once\." "${good[@]}" --queues 0,0
refused 1 "'/nowhere/f' can't be written: No such file or directory\." "${good[@]}" --json /nowhere/f
refused 1 "$client_if .*10\.77\.0\.2.*|.*10\.77\.0\.2.*" "${interface[@]}" --address 10.77.0.2/24
# Nobody there; somebody who does something else.
refused 1 'The target does not answer ARP: is a reflector there\?' "${good[@]}" --drive 10.77.0.99:7
reflector_start
refused 1 "The target does not say what it has counted: is a 'reflector --one-way' there\?" \
    "${good[@]}" --drive 10.77.0.1:7 --one-way
refused 1 "Not one answer came: is a reflector on that port, and not 'reflector --one-way'\?" \
    "${good[@]}" --drive 10.77.0.1:9
server_stop
"$REFLECTOR" --help | grep -q '^usage: reflector ' || fail 'no help'

# The interface goes, and with it that of the other end: both end with a sentence.
ends_cut_off() {
    local status=0
    wait "$1" || status=$?
    [ $status = 1 ] || fail "without its interface the $4 ended with $status"
    [ "$(cat "$2")" = "reflector: $3 has been removed: nothing can be sent or received there any \
more." ] || fail "without its interface the $4 said: $(cat "$2")"
}
for how in '' '--one-way'; do
    # shellcheck disable=SC2086
    ip netns exec "$server_ns" timeout 60 "$REFLECTOR" --interface "$server_if" --sleep \
        --address "$server_address/24" $how >"$work/server" 2>"$work/server.err" &
    server_pid=$!
    wait_ready
    # shellcheck disable=SC2086
    in_client timeout 60 "$REFLECTOR" "${interface[@]}" --address "$driver_address/24" --busy \
        --drive "$server_address:7" --duration 50 $how >"$work/driver" 2>"$work/driver.err" &
    driver_pid=$!
    wait_until 'the driver was not ready' is_driving
    ip -n "$server_ns" link del "$server_if"
    ends_cut_off "$server_pid" "$work/server.err" "$server_if" server
    server_pid=
    ends_cut_off "$driver_pid" "$work/driver.err" "$client_if" driver
    grep -q '^reflected ' "$work/server" || fail 'a server that is cut off tells no numbers'
    veth_unmake
    [ -n "$how" ] || network_make 1
done
