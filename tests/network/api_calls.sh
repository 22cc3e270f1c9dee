#!/usr/bin/env bash
# Goal:   the calls of the public API do what their docstrings say: retain and release,
#         pause and resume, a reserved place, half close, abort, a refusal, no route; ids
#         that go stale; timers that are neither early nor called when stopped.
# Method: a program by the public header alone opens a connection for each to an echo
#         server of the kernel, with one worker and with two; at the end no frame is held.
. "$(dirname "$0")/lib.sh"
echo_pid=
trap '[ -z "$echo_pid" ] || kill $echo_pid 2>/dev/null || true; network_remove' EXIT

for queues in 1 2; do
    network_make $queues
    ip netns exec "$client_ns" "$KERNEL_ECHO" --address "$client_address" --port 9007 \
        >"$work/echo" 2>&1 &
    echo_pid=$!
    wait_until 'the echo server was not ready' grep -q '^ready' "$work/echo"
    timeout 100 ip netns exec "$server_ns" "$API_CALLS" "$server_if" "$server_address/24" \
        "$client_address" 9007 || fail "$queues queue(s)"
    kill "$echo_pid"
    wait "$echo_pid" || fail 'the echo server'
    echo_pid=
    veth_unmake
done
