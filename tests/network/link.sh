#!/usr/bin/env bash
# Goal:   over a line that is slow, long and lossy every byte arrives, and the line does
#         what it was told.
# Method: tests/link between two veth pairs, the kernel's client, echo_server. The counters
#         of all three are compared. Wrong calls of link are sentences.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../link/line.sh"

see='See link --help\.'
ends=(--left a --right b)
refused() {
    ends_with 2 "^link: $1 $see\$" "$LINK" "${@:2}"
}
refused '--left was not given: an interface for each end\.'
refused '--right was not given: an interface for each end\.' --left a
refused "'--fast' is not an option\." "${ends[@]}" --fast
refused "'stray' is not an option\." "${ends[@]}" stray
refused '--rate lacks its value\.' "${ends[@]}" --rate
for value in 0 200.1 x 10, ,10 10,x 1e1 -1 ''; do
    refused "--rate takes 0\.1 to 200 Mbit/s, not '$value'\." "${ends[@]}" --rate "$value"
done
refused "--delay takes 0 to 300 ms, not '301'\." "${ends[@]}" --delay 301
refused "--queue takes 1514 to 16000000 bytes, not '100'\." "${ends[@]}" --queue 100
refused "--mark takes 0 to 16000000 bytes, not '1k'\." "${ends[@]}" --mark 1k
refused "--loss takes 0 to 100 percent, not '101'\." "${ends[@]}" --loss 101
refused "--seed takes 0 to 4294967295, not '-1'\." "${ends[@]}" --seed -1
ends_with 1 '^link: there is no interface nowhere0: ' "$LINK" --left nowhere0 --right b
ends_with 0 '^usage: link --left IF --right IF' "$LINK" --help

line_make

# transfer OPTIONS OF LOAD... : a client whose every byte is compared, and the server's report.
transfer() {
    server_start --json "$work/server.json" "${serve[@]}"
    in_client timeout 60 "$LOAD" --target "$server_address:7" --verify --warmup 0 --duration 2 \
        --json "$work/load.json" "$@" || fail "the client ended with $?: load $*"
    server_stop
    line_stop
    holds 'load["errors"] == 0' 'load["bytes_verified"] >= load["bytes_in"] > 0' \
        'link["refused"] == 0'
}

# Lost at random, in both directions.
line_start --rate 50 --delay 5 --loss 1
serve=()
transfer --size 16384 --depth 4
holds 'link["right"]["lost"] > 0' 'link["left"]["lost"] > 0' 'server["retransmissions"] > 0' \
    'link["right"]["marked"] == link["left"]["marked"] == 0'

# A short queue: what it drops is sent again. No more waits than it holds.
line_start --rate 100,10 --delay 5 --queue 100000,9000
serve=(--service chargen)
transfer --workload download
holds 'link["left"]["dropped_by_queue"] > 0' 'link["right"]["dropped_by_queue"] == 0' \
    'link["left"]["queue_bytes_largest"] <= 9000' 'server["retransmissions"] > 0' \
    'link["left"]["lost"] == link["right"]["lost"] == 0'
