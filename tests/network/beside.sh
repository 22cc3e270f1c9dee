#!/usr/bin/env bash
# Goal:   the kernel's own address on the same interface works as if nobody else were
#         there, while the stack is under load.
# Method: native and generic mode; load on the stack's address, every byte compared; beside
#         it pings to the kernel's address, all of them answered, and connections to an
#         echo server of the kernel, every byte compared. The load has gone on throughout,
#         and none of it was wrong.
. "$(dirname "$0")/lib.sh"

kernel_address=10.77.0.3
pings=200 loaders=50
load_pid= kernel_pid=

end_both() {
    for pid in $load_pid $kernel_pid; do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    load_pid= kernel_pid=
}
trap 'end_both; network_remove' EXIT

# Bytes that the stack has echoed until now.
echoed() {
    sed -n 's/^connections .* in \([0-9]*\) out .*/\1/p' "$work/server" | tail -1
}

under_load() {
    local now
    now=$(echoed)
    [ "${now:-0}" -gt "$1" ]
}

network_make 1
ip -n "$server_ns" addr add "$kernel_address/24" dev "$server_if"
for mode in native generic; do
    server_start --mode $mode --stats 0.1
    ip netns exec "$server_ns" "$KERNEL_ECHO" --address "$kernel_address" >"$work/kernel" 2>&1 &
    kernel_pid=$!
    ip netns exec "$client_ns" "$LOAD" --stack kernel --target "$server_address:7" --connections $loaders \
        --size 1000 --duration 100 --verify >"$work/load" 2>&1 &
    load_pid=$!
    wait_until 'there was no load' under_load 0

    in_client ping -q -c $pings -i 0.01 -W 5 "$kernel_address" >"$work/ping" &
    ping_pid=$!
    for run in '--connections 1 --bytes 8388608' '--connections 50 --bytes 50000'; do
        # shellcheck disable=SC2086 # the words of a run are arguments
        in_client timeout 60 "$MATRIX_CLIENT" "$kernel_address" 7 --chunks random $run ||
            fail "client of the kernel's server $run ($mode)"
    done
    wait $ping_pid || fail "pings were lost ($mode): $(cat "$work/ping")"
    grep -q "$pings packets transmitted, $pings received" "$work/ping" ||
        fail "pings were lost ($mode): $(cat "$work/ping")"

    # It ends by itself at a wrong byte, and opens a connection again that was reset.
    wait_until 'the load had stopped' under_load "$(echoed)"
    kill -0 $load_pid || fail "the load has ended ($mode): $(cat "$work/load")"
    grep -q "^connections $loaders accepted $loaders " <(tail -1 "$work/server") ||
        fail "the load lost connections ($mode)"
    end_both
    server_stop
    printf '%s: %s; %s bytes through the stack meanwhile\n' $mode "$(tail -1 "$work/ping")" "$(echoed)"
done
