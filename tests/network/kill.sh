#!/usr/bin/env bash
# Goal:   after kill -9 in the middle of load everything on the interface is the kernel's
#         within 100 ms, also with a forked child alive, and a restart serves at once.
# Method: a socket of the server's kernel answers datagrams to the same address, as soon
#         as it gets them: a local route gives the kernel the address without showing it.
#         The client's end sends one a millisecond, kills, and takes the time. Of three
#         kills one must be within the 100 ms, since the machine may be busy with others;
#         after each the kernel answers, and a new server echoes every byte.
. "$(dirname "$0")/lib.sh"

limit_ms=100
helpers=()

end_helpers() {
    [ ${#helpers[@]} -gt 0 ] || return 0
    kill -KILL "${helpers[@]}" 2>/dev/null || true
    # The shell would report each death.
    wait "${helpers[@]}" 2>/dev/null || true
    helpers=()
}
trap 'end_helpers; network_remove' EXIT

# The kernel of the server's end answers datagrams to the address.
answer_datagrams() {
    ip -n "$server_ns" route add local "$server_address/32" dev "$server_if"
    ip -n "$server_ns" route add "$client_address/32" dev "$server_if"
    ip netns exec "$server_ns" python3 - "$server_address" >"$work/kernel" 2>&1 <<'P' &
import socket, sys
answerer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
answerer.bind((sys.argv[1], 9))
print("ready", flush=True)
while True:
    answerer.sendto(*answerer.recvfrom(100))
P
    helpers+=($!)
    wait_until 'the answerer was not ready' grep -q ready "$work/kernel"
}

established() {
    [ "$(in_client ss -Htn state established "dst $server_address" | wc -l)" -ge 20 ]
}

# start_victim WITH_CHILD MODE
start_victim() {
    if [ "$1" = alone ]; then
        server_start --mode "$2"
        return
    fi
    ip netns exec "$server_ns" "$FORKED" "$server_if" "$server_address/24" 7 "$2" \
        >"$work/server" 2>&1 &
    server_pid=$!
    wait_ready
    helpers+=("$(sed 's/.*child //' "$work/server")")
}

# The milliseconds stand in $took.
kill_under_load() {
    ip netns exec "$client_ns" "$LOAD" --stack kernel --target "$server_address:7" --connections 20 --size 1000 \
        --duration 60 --verify >/dev/null 2>&1 &
    helpers+=($!)
    wait_until 'there was no load' established
    took=$(in_client "$here/kill_watch.py" "$server_pid" "$server_address" 9) ||
        fail 'the interface was not given back'
    wait "$server_pid" 2>/dev/null || true
    server_pid=
}

# kill_once WITH_CHILD MODE
kill_once() {
    answer_datagrams
    start_victim "$1" "$2"
    kill_under_load
    local start=${EPOCHREALTIME/./}
    server_start --mode "$2"
    printf '%s, %s: the kernel has it after %d ms, a new server serves %d ms later\n' \
        "$1" "$2" "$took" $(((${EPOCHREALTIME/./} - start) / 1000))
    in_client timeout 60 "$MATRIX_CLIENT" "$server_address" 7 --connections 20 --bytes 65536 ||
        fail 'the new server does not serve'
    end_helpers
    server_stop
    ip -n "$server_ns" route flush table local dev "$server_if"
    ip -n "$server_ns" route flush dev "$server_if"
}

network_make 1
for mode in native generic; do
    for with_child in alone 'with a child'; do
        for try in 1 2 3; do
            kill_once "$with_child" $mode
            [ "$took" -gt $limit_ms ] || break
        done
        [ "$took" -le $limit_ms ] || fail "$try kills, and none within $limit_ms ms"
    done
done
