#!/usr/bin/env bash
# Goal:   over a line that is slow, long and lossy every byte arrives; with ECN, classic and
#         accurate, senders on both sides heed marks before anything is dropped; the line does
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

# Marks instead of drops. A queue that is marked from 20 kB on fills, and drops from 50 kB on,
# when the sender takes no notice: that is what happens without ECN. `tcp_ecn` 1 of
# the kernel asks for what RFC 3168 has, 3 for RFC 9768, which Linux 6.18 has not yet: there
# only our own client shows that, and guest/accecn has a kernel that speaks it.
marked() {
    local ecn=$1 sysctl=$2 service=$3 way=$4
    shift 4
    in_client sysctl -qw net.ipv4.tcp_ecn="$sysctl"
    line_start --rate 20 --delay 5 --queue "$queue" --mark 20000
    serve=(--service "$service" --ecn "$ecn" --syn-cookies "$cookies" --congestion "$congestion")
    transfer "$@"
    holds 'link["right"]["lost"] == link["left"]["lost"] == 0' "link['$way']['packets'] > 1000"
}

# InCEPkts of the client's kernel.
kernel_ce() {
    in_client nstat -asz IpExtInCEPkts | awk '/InCEPkts/ {print $2}'
}

queue=50000
cookies=when-full
congestion=cubic
marked off 1 chargen left --workload download
holds 'link["left"]["marked"] == 0' 'link["left"]["dropped_by_queue"] > 0'
queue=300000
kinds=('classic 1' 'accurate 1')
if in_client sysctl -qw net.ipv4.tcp_ecn=3 2>"$work/err"; then
    kinds+=('accurate 3' 'classic 3')
else
    echo 'This kernel has no accurate ECN.'
fi
for kind in "${kinds[@]}"; do
    before=$(kernel_ce)
    # shellcheck disable=SC2086 # two words
    marked $kind chargen left --workload download
    holds 'link["left"]["marked"] > 0' 'link["left"]["dropped_by_queue"] == 0' \
        'server["retransmissions"] == 0 and server["timeouts"] == 0' \
        'server["ecn_reductions"] > 0'
    [ "$(($(kernel_ce) - before))" -gt 0 ] || fail "the kernel saw no mark: $kind"
    # shellcheck disable=SC2086
    marked $kind echo right --size 65536 --depth 8
    holds 'link["right"]["marked"] > 0' 'link["right"]["dropped_by_queue"] == 0' \
        'link["left"]["dropped_by_queue"] == 0'
done
for ecn in classic accurate; do
    marked $ecn 1 chargen left --workload download --stack headrace --interface "$client_if" \
        --address 10.77.0.4/24 --ecn $ecn
    holds "server['ecn_$ecn'] > 0" \
        'link["left"]["marked"] > 0' 'link["left"]["dropped_by_queue"] == 0' \
        'server["retransmissions"] == 0 and server["timeouts"] == 0' \
        'server["ecn_reductions"] > 0'
done
# DCTCP, our own at both ends, and each end as the sender: what would overflow the queue is held
# at its marks.
congestion=dctcp
own=(--stack headrace --interface "$client_if" --address 10.77.0.4/24 --ecn classic
    --congestion dctcp)
marked classic 1 chargen left --workload download "${own[@]}"
holds 'link["left"]["marked"] > 0' 'link["left"]["dropped_by_queue"] == 0' \
    'server["retransmissions"] == 0 and server["timeouts"] == 0' 'server["ecn_reductions"] > 0'
marked classic 1 echo right --size 65536 --depth 8 "${own[@]}"
holds 'link["right"]["marked"] > 0' 'link["right"]["dropped_by_queue"] == 0' \
    'link["left"]["dropped_by_queue"] == 0'
congestion=cubic
# And what a SYN cookie agrees to, after which nothing was kept.
cookies=always
for kind in "${kinds[@]}"; do
    # shellcheck disable=SC2086 # two words
    marked $kind chargen left --workload download
    holds 'server["syn_cookies_accepted"] > 0' 'link["left"]["marked"] > 0' \
        'link["left"]["dropped_by_queue"] == 0' 'server["retransmissions"] == 0' \
        'server["ecn_reductions"] > 0'
done
