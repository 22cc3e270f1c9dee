#!/usr/bin/env bash
# Goal:   a flood of SYNs from addresses where nobody is keeps nobody else out.
# Method: a raw sender floods echo_server, more than its half-open queue takes and less than a
#         server under sanitizers can answer; the kernel's clients connect meanwhile, with
#         timestamps and without, and compare every byte. At the end cookies were sent and came
#         back.
. "$(dirname "$0")/lib.sh"

flood_pid=
trap '[ -z "$flood_pid" ] || kill $flood_pid 2>/dev/null || true; network_remove' EXIT

queue_is_full() {
    local now
    now=$(sed -n 's/^connections \([0-9]*\) .*/\1/p' "$work/server" | tail -1)
    [ "${now:-0}" -ge 4096 ]
}

network_make 1
mac=$(ip -n "$server_ns" -br link show dev "$server_if" | awk '{ print $3 }')
server_start --gateway "$client_address" --stats 0.1 --json "$work/server.json"
ip netns exec "$client_ns" "$here/flood.py" "$client_if" "$mac" "$server_address" 7 30000 &
flood_pid=$!
wait_until 'the half-open queue was not full' queue_is_full
for timestamps in 1 0; do
    in_client sysctl -qw net.ipv4.tcp_timestamps=$timestamps
    for run in '--connections 1 --bytes 1000000' '--connections 100 --bytes 20000'; do
        # shellcheck disable=SC2086 # the words of a run are arguments
        in_client timeout 100 "$MATRIX_CLIENT" "$server_address" 7 --chunks random $run ||
            fail "client $run, timestamps $timestamps"
    done
done
kill -0 "$flood_pid" || fail 'the flood has ended'
kill "$flood_pid"
wait "$flood_pid" 2>/dev/null || true
flood_pid=
server_stop
holds 'server["syn_cookies_sent"] > 1000' 'server["syn_cookies_accepted"] >= 150' \
    'server["syn_cookies_failed"] == 0' 'server["accepted"] >= 202'
