# Two network namespaces joined by a veth pair: the server's end has no kernel address,
# the client's end is up with its own. Sourced by bench/quickstart and by the tests; the
# names are the caller's: $server_ns, $client_ns, $server_if, $client_if.
#
#   veth_make CLIENT_CIDR [QUEUES]
#   veth_unmake               also what was made by halves

veth_make() {
    local queues=${2:-1}
    ip netns add "$server_ns"
    ip netns add "$client_ns"
    ip link add "$server_if" numtxqueues "$queues" numrxqueues "$queues" netns "$server_ns" \
        type veth peer name "$client_if" numtxqueues "$queues" numrxqueues "$queues" \
        netns "$client_ns"
    # A kernel hands over packets with unfinished checksums unless it is told not to.
    ip netns exec "$client_ns" ethtool -K "$client_if" tx off >/dev/null
    ip -n "$client_ns" addr add "$1" dev "$client_if"
    ip -n "$server_ns" link set "$server_if" up
    ip -n "$client_ns" link set "$client_if" up
}

veth_unmake() {
    ip netns del "$server_ns" 2>/dev/null || true
    ip netns del "$client_ns" 2>/dev/null || true
}
