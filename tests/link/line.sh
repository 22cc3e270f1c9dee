# For tests over the emulated line, in place of network/lib.sh, which it brings along:
# client -- veth -- link -- veth -- server, link in a namespace of its own.
#
#   line_make             makes the namespaces
#   line_start ARGS...    the line, with the options of link: --rate to --seed
#   line_stop             ends it; its counters are then in $work/link.json
#   in_server COMMAND...  runs in the server's namespace
. "$(dirname "${BASH_SOURCE[0]}")/../network/lib.sh"

line_ns=hrl$$ left_if=hra$$ right_if=hrb$$
line_pid=

in_server() {
    ip netns exec "$server_ns" "$@"
}

# Segments as TCP sends them: nothing is merged or cut on the way, checksums are whole.
plain() {
    ip netns exec "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
    ip -n "$1" link set "$2" up
}

line_make() {
    for name in "$server_ns" "$client_ns" "$line_ns"; do
        ip netns add "$name"
    done
    # Nothing but what is forwarded: no neighbour discovery, no group queries.
    ip netns exec "$line_ns" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
    in_client sysctl -qw net.ipv6.conf.default.disable_ipv6=1
    in_server sysctl -qw net.ipv6.conf.default.disable_ipv6=1
    ip link add "$client_if" netns "$client_ns" type veth peer name "$left_if" netns "$line_ns"
    ip link add "$server_if" netns "$server_ns" type veth peer name "$right_if" netns "$line_ns"
    ip -n "$client_ns" addr add "$client_address/24" dev "$client_if"
    plain "$client_ns" "$client_if"
    plain "$server_ns" "$server_if"
    plain "$line_ns" "$left_if"
    plain "$line_ns" "$right_if"
}

line_remove() {
    [ -z "$line_pid" ] || kill -KILL "$line_pid" 2>/dev/null || true
    ip netns del "$line_ns" 2>/dev/null || true
    network_remove
}
trap line_remove EXIT

line_is_ready() {
    grep -q '^ready' "$work/link" && return
    kill -0 "$line_pid" 2>/dev/null || fail "the line did not begin: $(cat "$work/link")"
    return 1
}

line_start() {
    : >"$work/link"
    ip netns exec "$line_ns" "$LINK" --left "$left_if" --right "$right_if" \
        --json "$work/link.json" "$@" >"$work/link" 2>&1 &
    line_pid=$!
    wait_until 'the line was not ready' line_is_ready
}

line_stop() {
    local status=0
    kill -TERM "$line_pid"
    wait "$line_pid" || status=$?
    line_pid=
    [ "$status" = 0 ] || fail "the line ended with $status: $(cat "$work/link")"
}
