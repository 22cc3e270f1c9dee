# For the network tests in shell: two namespaces joined by a veth pair, the
# server's end without a kernel address, everything removed on the way out.
#
#   network_make QUEUES     makes them; $server_ns, $client_ns, $server_if, $client_if
#   veth_unmake             removes them, also what was made by halves
#   server_start ARGS...    echo_server in its namespace; waits for its ready line
#   server_stop             ends it, and checks that it ended well
#   in_client COMMAND...    runs in the client's namespace
#   wait_until WHAT COMMAND   until the command succeeds; fails with WHAT after 5 seconds
#   holds EXPRESSION...     of what programs wrote into $work/*.json; the names: holds.py
#   ends_with STATUS PATTERN COMMAND...   and says what the pattern matches, a line of it
set -eu

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
server_ns=hrs$$ client_ns=hrc$$ server_if=hrs$$ client_if=hrc$$
server_address=10.77.0.1 client_address=10.77.0.2
server_pid=
work=$(mktemp -d)

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    [ -s "$work/server" ] && sed 's/^/  server: /' "$work/server" | tail -20 >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail 'this test makes network namespaces: run it as root'
for tool in ip ethtool nft python3 ping; do
    command -v "$tool" >/dev/null || fail "$tool is not installed: see tests/packages.txt"
done

network_make() {
    local queues=$1
    ip netns add "$server_ns"
    ip netns add "$client_ns"
    ip link add "$server_if" numtxqueues "$queues" numrxqueues "$queues" netns "$server_ns" \
        type veth peer name "$client_if" numtxqueues "$queues" numrxqueues "$queues" \
        netns "$client_ns"
    # A kernel hands over packets with unfinished checksums unless it is told not to.
    ip netns exec "$client_ns" ethtool -K "$client_if" tx off >/dev/null
    ip -n "$client_ns" addr add "$client_address/24" dev "$client_if"
    ip -n "$server_ns" link set "$server_if" up
    ip -n "$client_ns" link set "$client_if" up
}

veth_unmake() {
    ip netns del "$server_ns" 2>/dev/null || true
    ip netns del "$client_ns" 2>/dev/null || true
}

network_remove() {
    [ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null || true
    veth_unmake
    rm -rf "$work"
}
trap network_remove EXIT
trap 'exit 130' INT TERM

in_client() {
    ip netns exec "$client_ns" "$@"
}

server_start() {
    : >"$work/server"
    ip netns exec "$server_ns" "$ECHO_SERVER" --interface "$server_if" \
        --address "$server_address/24" --time-wait 1 "$@" >"$work/server" 2>&1 &
    server_pid=$!
    wait_ready
}

# What is waited for is an event, but a pipe would tie its life to this shell's.
wait_until() {
    local what=$1
    shift
    for _ in $(seq 100); do
        ! "$@" || return 0
        sleep 0.05
    done
    fail "$what within 5 seconds"
}

is_ready() {
    grep -q '^ready' "$work/server" && return
    kill -0 "$server_pid" 2>/dev/null || fail 'the server ended before it was ready'
    return 1
}

wait_ready() {
    wait_until 'the server was not ready' is_ready
}

server_stop() {
    local status=0
    kill -INT "$server_pid"
    wait "$server_pid" || status=$?
    server_pid=
    [ "$status" = 0 ] || fail "the server ended with $status"
}

holds() {
    "$here/holds.py" "$work" "$@" || fail "not so: $*"
}

# Its output is left in $work/out, and in $work/err what it says of errors.
ends_with() {
    local status=0 wanted=$1 pattern=$2
    shift 2
    timeout 20 "$@" >"$work/out" 2>"$work/err" || status=$?
    if [ "$status" != "$wanted" ] || ! cat "$work/out" "$work/err" | grep -Eq "$pattern"; then
        fail "status $status, wanted $wanted and '$pattern' from $*: $(cat "$work/out" "$work/err")"
    fi
}
