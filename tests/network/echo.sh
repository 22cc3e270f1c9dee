#!/usr/bin/env bash
# Goal:   kernel clients get every byte back from echo_server.
# Method: native and generic mode, one worker and two, one byte to 8 MiB, one
#         connection to 500 at once, slow readers and writers, resets in the middle;
#         after each run the server has no connection and no data frame left, and it
#         answers ping throughout.
. "$(dirname "$0")/lib.sh"

client() {
    in_client python3 "$here/echo_client.py" "$server_address" 7 "$@" ||
        fail "client $* ($mode, $queues queues)"
}

# After the last connection has ended the statistics say that nothing is held.
check_empty() {
    python3 - "$work/stats.json" <<'P' || fail "something is left ($mode, $queues queues)"
import json, sys
for worker in json.load(open(sys.argv[1]))["workers"]:
    held = {name: worker[name] for name in ("connections", "frames_data", "dropped_no_frame")}
    if any(held.values()):
        sys.exit(f"left: {held}")
P
}

for queues in 1 2; do
    network_make $queues
    for mode in native generic; do
        server_start --mode $mode --json "$work/stats.json"
        client --bytes 1
        client --bytes 8388608
        client --connections 500 --bytes 4000
        client --connections 20 --bytes 300000 --pace slow-reader
        client --connections 20 --bytes 50000 --pace slow-writer
        client --connections 50 --bytes 100000 --close abrupt
        in_client ping -q -c 3 -i 0.2 -W 2 "$server_address" >/dev/null || fail 'no answer to ping'
        server_stop
        check_empty
        printf 'passed: %s, %s queue(s)\n' "$mode" "$queues"
    done
    ip netns del "$server_ns"
    ip netns del "$client_ns"
done
