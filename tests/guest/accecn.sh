#!/usr/bin/env bash
# Goal:   accurate ECN (RFC 9768) with Linux, in both roles: it is agreed on, each side takes the
#         marks that the other tells of for what they are, and both senders heed them before
#         anything is lost. A server that is told to agree to classic ECN alone does so.
# Method: an emulated machine whose kernel has it; in it a kernel client and echo_server, then a
#         kernel server and load over our stack, between them a line that marks (tests/link).
#         What the line has marked, what we count and what the kernel tells are compared, every
#         byte of text too. Nothing is measured.
. "$(dirname "$0")/machine.sh"

flavour=cloud-amd64 qemu=qemu-system-x86_64 queues=1
kernel=10.77.0.2 ours=10.77.0.1
bytes=1000000
end_s=60

# Only the way to see that the machine is up.
nic_options() {
    tap_queues=$queues
    nic=(-netdev "$tap_options" -device virtio-net-pci,netdev=nic,romfile=)
}

nic_setup() {
    :
}

# Segments as TCP sends them: nothing is merged or cut on the way, checksums are whole.
plain() {
    guest_must "ip netns exec $1 ethtool -K $2 tx off tso off gso off gro off >/dev/null"
    guest_must "ip -n $1 link set $2 up"
}

# Three namespaces: kernel -- veth -- line -- veth -- ours.
make_line() {
    guest_must 'for name in kernel line ours; do ip netns add $name || exit; done'
    guest_must 'ip link add k netns kernel type veth peer name left netns line'
    guest_must 'ip link add o netns ours type veth peer name right netns line'
    plain kernel k
    plain line left
    plain line right
    plain ours o
    guest_must "ip -n kernel address add $kernel/24 dev k"
    guest_must 'ip netns exec kernel sysctl -q -w net.ipv4.tcp_ecn=3'
}

# start NAME NAMESPACE COMMAND: goes on in the guest; what it says is in /tmp/NAME
start() {
    guest_must "rm -f /tmp/$1.status; { ip netns exec $2 sh -c 'echo \$\$ >/tmp/$1.pid; exec $3' \
>/tmp/$1 2>&1; echo \$? >/tmp/$1.status; } &"
}

has_ended() {
    guest "[ -e /tmp/$1.status ]"
}

is_ready() {
    guest "grep -q ^ready /tmp/$1" && return
    ! has_ended "$1" || fail "$1 ended before it was ready: $(guest_file "/tmp/$1")"
    return 1
}

ended() {
    wait_until "$1 did not end" $end_s has_ended "$1"
    [ "$(guest_file "/tmp/$1.status")" = 0 ] || fail "$1 ended badly: $(guest_file "/tmp/$1")"
}

stop() {
    guest_must "kill -TERM \$(cat /tmp/$1.pid)"
    ended "$1"
}

# take NAME...: the reports, for holds
take() {
    for name in "$@"; do
        guest_file "/tmp/$name.json" >"$work/$name.json"
    done
}

holds() {
    "$here/../network/holds.py" "$work" "$@" || fail "not so: $*"
}

# What an IP counter of the kernel's end says.
ip_count() {
    guest_must 'ip netns exec kernel cat /proc/net/netstat' |
        awk -v name="$1" '/^IpExt:/ && !named { named = split($0, names); next }
            /^IpExt:/ { for (i in names) if (names[i] == name) print $i }'
}

# The kernel's end and the line have one core, and ours the other. Two that send for a connection
# overtake each other, and of an ACK behind later text we count no mark: it is not acceptable.
#
# line_start RATES: to the right, where we are, and to the left. A sender's first ten segments
# are more than waits unmarked, and who answers at half the rate has a queue of its own.
line_start() {
    start link line "taskset 1 /bin/link --left left --right right --rate $1 --delay 5 --queue 1000000 --mark 6000 \
--json /tmp/link.json"
    wait_until 'the line was not ready' 30 is_ready link
    ce_before=$(ip_count InCEPkts)
}

# What the kernel has received with CE is what the line has marked, after any run.
line_stop() {
    stop link
    take link
    holds "link['left']['marked'] == $(($(ip_count InCEPkts) - ce_before))" \
        'link["right"]["dropped_by_queue"] == link["left"]["dropped_by_queue"] == 0'
}

# served ECN WHAT SERVICE: a client of the kernel.
served() {
    line_start 20,10
    start server ours "echo_server --interface o --address $ours/24 --cores 1 --service $3 --ecn $1 \
--time-wait 1 --json /tmp/server.json"
    wait_until 'the server was not ready' 30 is_ready server
    start kernel kernel "taskset 1 ecn_peer $2 $ours 7 $bytes /tmp/kernel.json"
    ended kernel
    stop server
    take kernel server
    line_stop
    say "$2, $1: $(tr -d '\n' <"$work/kernel.json")"
}

# Ours asks. Its time ends in the midst of requests, so that what is under way is lost.
asked() {
    line_start 10,20
    start kernel kernel "taskset 1 ecn_peer serve $kernel 7 /tmp/kernel.json"
    start load ours "load --stack headrace --interface o --address $ours/24 --cores 1 --target $kernel:7 \
--ecn accurate --size 65536 --depth 8 --verify --warmup 0 --duration 1 --time-wait 1 --json /tmp/load.json"
    ended load
    ended kernel
    take kernel load
    line_stop
    say "asked: $(tr -d '\n' <"$work/kernel.json")"
}

accurate=('kernel["mode"] == 2' 'kernel["option_seen"] == 2' 'kernel["fail_mode"] == 0')

# We tell: of all marks, and of all bytes. What the kernel may have counted beyond stands in
# README.md: another round of ACE, and a FIN.
told=('server["ce_in"] == link["right"]["marked"] > 0'
    'kernel["delivered_ce"] >= server["ce_in"] and (kernel["delivered_ce"] - server["ce_in"]) % 8 == 0'
    'kernel["delivered_ce_bytes"] > 0'
    'kernel["delivered_e0_bytes"] + kernel["delivered_ce_bytes"] - kernel["sent"] in (0, 1)')

# We are told. After its own FIN the kernel does not count.
heeded=('server["ecn_reductions"] > 0' 'link["left"]["marked"] >= kernel["received_ce"] > 0')

machine_assemble
machine_start
make_line
served accurate download chargen
holds "${accurate[@]}" 'server["ecn_accurate"] == 1' "${heeded[@]}"
served accurate upload discard
holds "${accurate[@]}" 'server["ecn_accurate"] == 1' "server['data_in'] == $bytes" "${told[@]}"
served accurate echo echo
holds "${accurate[@]}" 'server["ecn_accurate"] == 1' "${told[@]}" "${heeded[@]}" \
    'kernel["received_ce"] == link["left"]["marked"]' \
    'kernel["received_e0_bytes"] + kernel["received_ce_bytes"] == kernel["received"]'
served classic download chargen
holds 'kernel["mode"] == 1' 'server["ecn_classic"] == 1' 'server["ecn_accurate"] == 0' "${heeded[@]}"
asked
holds "${accurate[@]}" 'load["stats"]["ecn_accurate"] == 1' 'load["errors"] == 0' \
    'load["bytes_verified"] >= load["bytes_in"] > 0' 'load["stats"]["ecn_reductions"] > 0' \
    '0 < load["stats"]["ce_in"] <= link["right"]["marked"]' 'kernel["received_ce"] > 0' \
    'kernel["delivered_ce"] > 0' 'kernel["delivered_ce_bytes"] > 0'
say 'all done'
