#!/usr/bin/env bash
# Goal:   correctness does not depend on where packets land: a flow whose packets move
#         to another worker's queue goes on, and is not reset.
# Method: two queues and workers; while clients run, the kernel's choice of the queue
#         (XPS) is turned from one to the other all the time. Every byte is compared,
#         packets have crossed, nobody was reset.
. "$(dirname "$0")/lib.sh"
turner_pid=

# steer CORES_OF_QUEUE_0 CORES_OF_QUEUE_1, as masks.
steer() {
    echo "$1" >"/sys/class/net/$client_if/queues/tx-0/xps_cpus"
    echo "$2" >"/sys/class/net/$client_if/queues/tx-1/xps_cpus"
}

turn_queues() {
    local all
    all=$(printf '%x' $(((1 << $(nproc)) - 1)))
    # Bounded, should nobody end it.
    for _ in $(seq 3000); do
        steer "$all" 0
        sleep 0.01
        steer 0 "$all"
        sleep 0.01
    done
}

network_make 2
export -f steer turn_queues
export client_if
for mode in native generic; do
    server_start --mode $mode --json "$work/stats.json"
    ip netns exec "$client_ns" bash -c turn_queues &
    turner_pid=$!
    trap 'kill $turner_pid 2>/dev/null || true; network_remove' EXIT
    for run in '--connections 1 --bytes 8388608' '--connections 50 --bytes 400000' \
        '--connections 30 --bytes 50000 --pace slow-writer'; do
        # shellcheck disable=SC2086 # the words of a run are arguments
        in_client python3 "$here/echo_client.py" "$server_address" 7 $run || fail "client $run ($mode)"
    done
    kill "$turner_pid"
    wait "$turner_pid" 2>/dev/null || true
    server_stop
    python3 - "$work/stats.json" $mode <<'P' || fail "the numbers are wrong ($mode)"
import json, sys
workers = json.load(open(sys.argv[1]))["workers"]
total = {name: sum(worker[name] for worker in workers) for name in workers[0] if name != "worker"}
print(f"{sys.argv[2]}: {total['crossed']} of {total['rx_packets']} packets crossed, {total['crossed_dropped']} dropped")
# Everything in generic mode comes in by queue 0 (see datapath/xdp/README.md).
assert total["crossed"] > 0 or sys.argv[2] == "generic", "nothing crossed"
# A worker that is not run does not keep up: what is dropped is sent again.
for name in ("directory_full", "resets_in", "connections", "frames_data"):
    assert total[name] == 0, f"{name} is {total[name]}"
P
done

# A queue that nobody serves is told of: what lands there reaches no owner.
server_start --queues 0
for _ in $(seq 100); do
    grep -q "Queue 1 of $server_if has no worker" "$work/server" && break
    sleep 0.05
done
grep -q "Queue 1 of $server_if has no worker" "$work/server" || fail 'nothing was said of queue 1'
server_stop
