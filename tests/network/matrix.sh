#!/usr/bin/env bash
# usage: matrix.sh [--full]
#
# Goal:   kernel clients get every byte back from echo_server, whoever they are, however
#         much they send, in whatever pieces and pace, and whoever ends.
# Method: the rows of matrix_rows.py: a set that covers all pairs of factors, or all rows
#         with --full (HEADRACE_TEST_FULL=1), which takes two hours. In each row a server of
#         its own answers ping as well; when the clients have ended it has seen as many
#         connections and bytes as were sent, and nothing is left of them.
. "$(dirname "$0")/lib.sh"

[ "${1:-}" != --full ] || HEADRACE_TEST_FULL=1

# A row takes 1 to 8 seconds on an idle machine; more than this is a hang.
row_seconds_max=100

run_client() {
    local options=(--bytes "$bytes" --connections "$connections" --chunks "$chunks" --end "$end"
        --pace "$pace")
    case $client in
    c) set -- "$MATRIX_CLIENT" ;;
    python) set -- python3 "$here/echo_client.py" ;;
    *) set -- python3 "$here/tool_client.py" --tool "$client" ;;
    esac
    in_client timeout "$row_seconds_max" "$@" "$server_address" 7 "${options[@]}"
}

# What the server counted against what was sent.
check_server() {
    python3 - "$work/stats.json" "$@" <<'P'
import json, sys
numbers, connections, end, mode = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
workers = json.load(open(sys.argv[1]))["workers"]
total = {name: sum(worker[name] for worker in workers) for name in workers[0]}
wrong = [f"{name} is {total[name]}" for name in
         ("connections", "frames_data", "dropped_checksum") if total[name]]
if total["accepted"] != connections:
    wrong.append(f"{total['accepted']} connections of {connections} were accepted")
tail = min(numbers, 1000) if end == "server" else 0
if end != "reset" and total["data_in"] != connections * (numbers + tail):
    wrong.append(f"{total['data_in']} bytes came")
if mode == "native" and connections >= 100 and not all(worker["accepted"] for worker in workers):
    wrong.append("a worker had nothing to do")
print(f"{total['retransmissions']} sent again, {total['dropped_no_frame']} refused for want of frames")
sys.exit("; ".join(wrong) or 0)
P
}

run_row() {
    local start=${EPOCHREALTIME/./} row="$*" limit=()
    read -r client bytes connections chunks end pace mode queues <<<"$row"
    [ "$end" != server ] || limit=(--close-after "$bytes")
    server_start --mode "$mode" --json "$work/stats.json" "${limit[@]}"
    in_client ping -q -c 3 -i 0.2 -W 10 "$server_address" >/dev/null &
    local pinger=$!
    run_client >"$work/client" 2>&1 || fail "$row: $(tail -5 "$work/client")"
    wait $pinger || fail "$row: no answer to ping"
    server_stop
    check_server "$bytes" "$connections" "$end" "$mode" >"$work/check" 2>&1 ||
        fail "$row: $(cat "$work/check")"
    printf '%5d ms  %-58s %s, %s\n' $(((${EPOCHREALTIME/./} - start) / 1000)) "$row" \
        "$(cat "$work/client")" "$(cat "$work/check")"
}

rows=$("$here/matrix_rows.py" ${HEADRACE_TEST_FULL:+--full}) || fail 'the rows'
made=0
while read -r row; do
    if [ "${row##* }" != "$made" ]; then
        [ "$made" = 0 ] || veth_unmake
        made=${row##* }
        network_make "$made"
        # With 2,000 connections a row the ports of the client would run out.
        in_client sysctl -qw net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range='1024 65000'
    fi
    run_row "$row" </dev/null
done <<<"$rows"
printf '%d rows passed\n' "$(wc -l <<<"$rows")"
