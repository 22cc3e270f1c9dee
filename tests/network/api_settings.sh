#!/usr/bin/env bash
# Goal:   what an application sets of a connection, and is told of it, is so towards the kernel's
#         TCP: options that are off, keepalives that it answers, urgent data both ways with its
#         idea of the pointer, a cork, an ACK at once, a close that does not linger, the user
#         timeout, troubles.
# Method: a program by the public header alone opens a connection for each to a peer in Python
#         that checks its half.
# Shows: RFC 9293 MUST-21, MUST-30, MUST-62
. "$(dirname "$0")/lib.sh"
peer_pid=
trap '[ -z "$peer_pid" ] || kill $peer_pid 2>/dev/null || true; network_remove' EXIT

network_make 1
mkfifo "$work/end"
ip netns exec "$client_ns" "$here/api_settings.py" "$client_address" \
    >"$work/peer" 2>&1 <"$work/end" &
peer_pid=$!
exec 9>"$work/end"
wait_until 'the peer was not ready' grep -q '^ready' "$work/peer"
timeout 100 ip netns exec "$server_ns" "$API_SETTINGS" "$server_if" "$server_address/24" \
    "$client_address" 9007 || fail "the calls; the peer says: $(cat "$work/peer")"
exec 9>&-
wait "$peer_pid" || fail "the peer: $(cat "$work/peer")"
peer_pid=
