#!/usr/bin/env bash
# Goal:   what we send is well formed, and nothing is sent twice without a reason.
# Method: a capture at the client's end, read by tshark: no wrong checksum, nothing
#         malformed, no reset, and fewer than one retransmission of ours in 10,000
#         segments on a link that loses nothing.
# Shows: RFC 9293 MUST-2, MUST-68.
. "$(dirname "$0")/lib.sh"
for tool in tcpdump tshark; do
    command -v "$tool" >/dev/null || fail "$tool is not installed: see tests/packages.txt"
done
capture_pid=

# The capture is in another namespace, and nobody else's: by its pid.
capture_start() {
    ip netns exec "$client_ns" tcpdump -i "$client_if" -U -B 262144 \
        -w "$work/capture" 2>"$work/tcpdump" &
    capture_pid=$!
    trap 'kill -TERM $capture_pid 2>/dev/null || true; network_remove' EXIT
    for _ in $(seq 200); do
        grep -q 'listening on' "$work/tcpdump" && return
        sleep 0.05
    done
    fail 'tcpdump did not start'
}

# A ping marks the end: what was before it is in the file when it is.
capture_stop() {
    in_client ping -q -c 1 -s 1234 "$server_address" >/dev/null || fail 'no answer to ping'
    for _ in $(seq 200); do
        [ -n "$(tcpdump -r "$work/capture" 'icmp and greater 1234' 2>/dev/null)" ] && break
        sleep 0.1
    done
    kill -TERM "$capture_pid" # SIGINT is ignored behind a "&"
    wait "$capture_pid" || true
    grep -q '^0 packets dropped by kernel' "$work/tcpdump" ||
        fail "the capture is not complete: $(tail -1 "$work/tcpdump")"
}

# count FILTER: packets of the capture that it matches.
count() {
    tshark -r "$work/capture" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -Y "$1" \
        -T fields -e frame.number 2>/dev/null | wc -l
}

# first FILTER: the first of them, whole.
first() {
    tshark -r "$work/capture" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -Y "$1" \
        -V -x 2>/dev/null | sed -n 1,120p
}

# Packets that either end of the link has dropped so far.
link_dropped() {
    {
        ip -n "$server_ns" -j -s link show "$server_if"
        ip -n "$client_ns" -j -s link show "$client_if"
    } | python3 -c 'import re, sys
print(sum(int(n) for n in re.findall(r"\"dropped\":(\d+)", sys.stdin.read())))'
}

# Few windows at once: more than the rings of the link hold would be lost. On a busy
# machine they may be all the same, and then the run says nothing of ours.
run_clients() {
    local before after
    before=$(link_dropped)
    for run in '--connections 4 --bytes 4194304' '--connections 100 --bytes 2000'; do
        # shellcheck disable=SC2086 # the words of a run are arguments
        in_client python3 "$here/echo_client.py" "$server_address" 7 $run || fail "client $run"
    done
    after=$(link_dropped)
    [ "$before" = "$after" ]
}

network_make 1
server_start
for attempt in 1 2 3 4 5; do
    capture_start
    run_clients && lost= || lost=yes
    capture_stop
    [ -n "$lost" ] || break
    printf 'attempt %s: the link lost packets\n' "$attempt"
done
server_stop
[ -z "$lost" ] || fail 'the link lost packets in every attempt'

segments=$(count "tcp && ip.src == $server_address")
[ "$segments" -gt 10000 ] || fail "only $segments segments of the server were captured"
# Only of ours: one in 65,536 of the kernel's ACKs has the checksum 0xffff, which is as
# right as 0 (RFC 1071) and which tshark takes for wrong.
for filter in "ip.checksum.status == 0 && ip.src == $server_address" \
    "tcp.checksum.status == 0 && ip.src == $server_address" '_ws.malformed' \
    'tcp.flags.reset == 1'; do
    bad=$(count "$filter")
    [ "$bad" = 0 ] || fail "$bad packets: $filter: $(first "$filter")"
done
again=$(count "tcp.analysis.retransmission && ip.src == $server_address")
[ $((again * 10000)) -lt "$segments" ] || fail "$again of $segments segments were sent again"
printf '%s segments of the server, %s sent again\n' "$segments" "$again"
