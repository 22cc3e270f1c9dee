# What is checked of zero-copy on a NIC, whichever it is; virtio.sh and igb.sh say in what
# machine. Beyond what machine.sh asks for:
#
#   $turner   a command that makes flows change their queue all the time, in the guest
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

helpers=()
# The ports of the client whose flows are turned.
turned_port=40000 turned_ports=64

end_helpers() {
    for pid in ${helpers[@]+"${helpers[@]}"}; do
        end "$pid"
    done
    helpers=()
}
trap 'end_helpers; machine_remove' EXIT

server_is_ready() {
    guest 'grep -q ^ready /tmp/server' && return
    guest '[ ! -e /tmp/status ]' || fail 'the server ended before it was ready'
    return 1
}

# server_start MODE
server_start() {
    guest_must "rm -f /tmp/status; { sh -c 'echo \$\$ >/tmp/pid; exec echo_server --interface eth0 \
--address $stack_address/24 --mode $1 --time-wait 1 --stats 0.1 --json /tmp/json' \
>/tmp/server 2>&1; echo \$? >/tmp/status; } &"
    wait_until 'the server was not ready' 60 server_is_ready
}

is_answering() {
    outside ping -q -c 10 -i 0.3 -W 5 "$stack_address" >"$work/ping"
}

server_has_ended() {
    guest '[ -e /tmp/status ]'
}

server_stop() {
    guest_must 'kill -TERM $(cat /tmp/pid)'
    wait_until 'the server did not end' 60 server_has_ended
    [ "$(guest_file /tmp/status)" = 0 ] || fail "the server ended with $(guest_file /tmp/status)"
}

# statistic NAME: of what the server printed last: accepted, rx, in, ...
statistic() {
    guest 'grep ^connections /tmp/server | tail -n 1' | sed -n "s/.*\b$1 \([0-9]*\)\b.*/\1/p"
}

# client ADDRESS ARGS...: the kernel's client, which compares every byte that comes back.
client() {
    local address=$1
    shift
    outside timeout --foreground 200 "$MATRIX_CLIENT" "$address" 7 "$@" || fail "client of $address $*"
}

load_start() {
    # Not through a function: then the pid would be that of a shell, and the load outlive it.
    ip netns exec "$outside_ns" "$LOAD" --stack kernel --target "$stack_address:7" \
        --connections 20 --size 1000 --duration 200 --verify >"$work/load" 2>&1 &
    helpers+=($!)
    wait_until 'there was no load' 30 is_beyond in 0
}

# is_beyond STATISTIC NUMBER
is_beyond() {
    local now
    now=$(statistic "$1")
    [ "${now:-0}" -gt "$2" ]
}

datagrams() {
    outside "$here/datagrams.py" "$@"
}

# refused INTERFACE WHY: zero-copy on it is refused with the sentence that begins with its name.
refused() {
    local said status=0
    said=$(guest "timeout 30 echo_server --interface $1 --address $stack_address/24 --mode zerocopy") || status=$?
    [ "$status" = 1 ] || fail "on $1 it ended with $status: $said"
    [ "$said" = "echo_server: $1 refused $2" ] || fail "on $1 it said: $said"
    say "refused on $1, with its sentence"
}

# Some boots give a NIC out of which nothing comes after attaching, whatever program
# attaches (README.md): that boot is not what is tested. A second one is not forgiven.
machine_and_server_start() {
    machine_start
    server_start zerocopy
    is_answering && return
    echo 'NO ANSWER came out of the NIC, the machine is booted a second time. It said:'
    guest 'tail -n 1 /tmp/server; ss --xdp -e; grep -e virtio -e eth0 /proc/interrupts' || true
    machine_stop
    machine_start
    server_start zerocopy
    is_answering || fail "no answer came out of the NIC twice: $(tail -2 "$work/ping")"
}

# What the guest's kernel says of each socket, which has registered the region for itself.
check_zero_copy() {
    local queue
    guest_file /tmp/server | grep ^ready
    guest_must 'ss --xdp -e' | grep -o 'umem([^)]*)' >"$work/umems"
    for ((queue = 0; queue < queues; queue++)); do
        guest "grep -q '^ready.* queue $queue zerocopy on core' /tmp/server" ||
            fail "the ready line has no zero-copy for queue $queue"
        grep -q "qid:$queue,zc:1,refs:1)" "$work/umems" ||
            fail "the kernel knows of no zero-copy on queue $queue: $(cat "$work/umems")"
    done
    [ "$(grep -o 'id:[0-9]*,size:' "$work/umems" | sort -u | wc -l)" = "$queues" ] ||
        fail "the sockets share a registration: $(cat "$work/umems")"
    [ "$(grep -o ',size:[0-9]*' "$work/umems" | sort -u | wc -l)" = 1 ] ||
        fail "the sockets have registered different regions: $(cat "$work/umems")"
    say "zero-copy, one region for all sockets, by the account of the guest's kernel"
}

check_bytes() {
    client "$stack_address" --connections 1 --bytes 67108864
    say '64 MiB in both directions'
    client "$stack_address" --connections 200 --bytes 335545 --chunks random
    say 'the same over 200 connections'
}

check_beside() {
    local before
    guest_must "kernel_echo --address $kernel_address >/dev/null 2>&1 & echo \$! >/tmp/kernel_echo"
    load_start
    outside ping -q -c 100 -i 0.02 -W 10 "$kernel_address" >"$work/ping" || fail "pings were lost: $(cat "$work/ping")"
    client "$kernel_address" --connections 20 --bytes 20000
    before=$(statistic in)
    wait_until 'the load had stopped' 30 is_beyond in "$before"
    end_helpers
    guest_must 'kill $(cat /tmp/kernel_echo)'
    say "the kernel beside it: $(tail -1 "$work/ping")"
}

# rx_full: packets that the guest's kernel has dropped because an RX ring was full.
rx_full() {
    guest_must 'ss --xdp -e' | sed -n 's/.*rx queue full:\([0-9]*\).*/\1/p' | awk '{ sum += $1 } END { print sum }'
}

# What the server does not take the guest's kernel must drop for it: RX is smaller than
# what is lent, or frames for the kernel's own packets would run out.
check_stall() {
    local before dropped flooded
    guest_must "answerer $kernel_address 9 >/dev/null 2>&1 & echo \$! >/tmp/answerer"
    datagrams returned "$kernel_address" 9 >/dev/null
    guest_must 'kill -STOP $(cat /tmp/pid)'
    before=$(rx_full)
    flooded=$(datagrams flood "$stack_address" 9 "$kernel_address") || fail 'the kernel was silent'
    dropped=$(($(rx_full) - before))
    guest_must 'kill -CONT $(cat /tmp/pid)'
    [ "$dropped" -gt $((flooded / 2)) ] || fail "of $flooded the kernel dropped $dropped: was RX ever full?"
    client "$stack_address" --connections 20 --bytes 20000
    guest_must 'kill $(cat /tmp/answerer)'
    say "stopped for 5 s under $flooded packets, of which the kernel dropped $dropped; serves again"
}

# The next server finds zero-copy by itself.
check_kill() {
    local took
    guest_must "ip route add local $stack_address/32 dev eth0"
    guest_must "answerer $stack_address 9 >/dev/null 2>&1 & echo \$! >/tmp/answerer"
    load_start
    datagrams silent "$stack_address" 9
    guest_must 'kill -KILL $(cat /tmp/pid)'
    took=$(datagrams returned "$stack_address" 9) || fail 'the kernel did not get the NIC back'
    outside ping -q -c 3 -i 0.2 -W 10 "$kernel_address" >/dev/null || fail 'the kernel does not answer pings'
    end_helpers
    guest_must 'kill $(cat /tmp/answerer)'
    guest_must "ip route del local $stack_address/32 dev eth0"
    server_start auto
    check_zero_copy
    client "$stack_address" --connections 200 --bytes 65536
    say "killed: the kernel has it after $took ms, a new server serves"
}

# Flows change their queue all the time: a packet that came in by one socket is sent again,
# in place, by the other, which has registered the same region.
check_crossing() {
    outside sysctl -q -w net.ipv4.ip_local_port_range="$turned_port $((turned_port + turned_ports - 1))"
    guest_must "{ $turner; } >/tmp/turner 2>&1 & echo \$! >/tmp/turner.pid"
    client "$stack_address" --connections 50 --bytes 400000
    guest 'kill $(cat /tmp/turner.pid)' || fail "flows were not turned: $(guest_file /tmp/turner)"
    say 'flows that change their queue all the time'
}

# What the server says of itself at its end: its mode, and of each worker that it worked.
check_statistics() {
    guest_file /tmp/json >"$work/json"
    python3 - "$work/json" "$queues" <<'P' || fail "the statistics are wrong: $(cat "$work/json")"
import json, sys
statistics = json.load(open(sys.argv[1]))
workers = statistics["workers"]
assert statistics["mode"] == "zerocopy", "the mode"
assert len(workers) == int(sys.argv[2]), "how many workers"
for worker in workers:
    assert worker["accepted"] > 0, "a worker without connections"
    # Frames may still be the NIC's: virtio_net completes the last ones when it sends again.
    assert worker["connections"] == 0, "something is left"
crossed = sum(worker["crossed"] for worker in workers)
print(f"{crossed} of {sum(worker['rx_packets'] for worker in workers)} packets crossed")
assert crossed > 0 or len(workers) == 1, "nothing crossed"
P
}

# Everything, with one queue and with two. The NIC has check_refused, of what its driver refuses.
check_all() {
    machine_assemble
    for queues in 1 2; do
        machine_and_server_start
        check_zero_copy
        check_bytes
        check_beside
        check_stall
        check_kill
        [ "$queues" = 1 ] || check_crossing
        server_stop
        check_statistics
        [ "$queues" != 1 ] || check_refused
        machine_stop
    done
    say 'all done'
}
