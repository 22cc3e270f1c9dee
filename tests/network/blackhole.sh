#!/usr/bin/env bash
# Goal:   everything arrives although the path drops larger packets in both directions and says
#         nothing; the server finds out by itself what passes (RFC 4821).
# Method: a bridge between the kernel's client and echo_server, at whose ends nft drops by
#         length: neither sees it at home, and no ICMP comes of it. The kernel probes for itself.
# Shows: RFC 4821 7.7a.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../link/line.sh"

line_make
in_client sysctl -qw net.ipv4.tcp_mtu_probing=1
ip -n "$line_ns" link add middle type bridge
for end in "$left_if" "$right_if"; do
    ip -n "$line_ns" link set "$end" master middle
done
ip -n "$line_ns" link set middle up
ip netns exec "$line_ns" nft -f - <<N
table netdev hole {
    counter to_server { }
    counter to_client { }
    chain left {
        type filter hook ingress device $left_if priority 0;
        ip length > 1300 counter name to_server drop
    }
    chain right {
        type filter hook ingress device $right_if priority 0;
        ip length > 1300 counter name to_client drop
    }
}
N
server_start --json "$work/server.json"
for run in '--connections 1 --bytes 4194304' '--connections 20 --bytes 100000' \
    '--connections 50 --bytes 3000'; do
    # shellcheck disable=SC2086 # the words of a run are arguments
    in_client timeout 120 python3 "$here/echo_client.py" "$server_address" 7 $run ||
        fail "client $run"
done
server_stop
# It did drop, both ways.
for way in to_server to_client; do
    ip netns exec "$line_ns" nft list counter netdev hole "$way" | grep -q 'packets [1-9]' ||
        fail "nothing was dropped $way: the test shows nothing"
done
holds 'server["black_holes"] > 0' 'server["mtu_probes"] > server["mtu_probes_lost"] > 0'
