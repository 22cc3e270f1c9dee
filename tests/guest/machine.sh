# An emulated machine whose NIC has zero-copy, on a tap in a namespace of its own; what it
# made goes with it. The machine is told what to do over a serial line.
#
#   machine_assemble          kernel and archive of files, in the build folder
#   machine_start             boots it, a second time when the first fails, and says so
#   machine_stop
#   guest LINE                runs a line of shell in it: its output, its status
#   guest_must LINE           the same, and fails when the line does
#   guest_file NAME           the contents of a file of the guest
#   outside COMMAND...        runs beyond the NIC: the kernel's TCP of this machine
#   wait_until WHAT SECONDS COMMAND   until the command succeeds; fails with WHAT
#
# Which machine it is says whoever includes this:
#
#   $queues, $qemu, $flavour  queues of the NIC; the emulator's command; the kernel's flavour
#   nic_options               sets nic, its options (the tap's are $tap_options), and
#                             tap_queues
#   nic_setup                 what the NIC needs before its first server, told to the guest
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
outside_ns=hrg$$ tap=hrg$$
outside_address=10.88.0.2 kernel_address=10.88.0.3 stack_address=10.88.0.1
tap_options="tap,id=nic,ifname=$tap,script=no,downscript=no"
boot_s=90 command_s=60
machine_pid= guest_is_up=
work=$(mktemp -d)

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    if [ -n "$guest_is_up" ]; then
        guest_is_up= # it is asked once: it may be what failed
        (command_s=10 && guest 'tail -n 20 /tmp/server; dmesg | tail -n 20') | sed 's/^/  guest: /' >&2 || true
    fi
    [ ! -s "$work/console" ] || tail -20 "$work/console" | tr -d '\r' | sed 's/^/  console: /' >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail 'this test makes a network namespace and a tap: run it as root'
for tool in qemu-system-x86_64 busybox ip ss ethtool ping python3; do
    command -v "$tool" >/dev/null || fail "$tool is not installed: see tests/packages.txt"
done
[ -c /dev/net/tun ] || fail 'there is no /dev/net/tun: the guest has its NIC on a tap'

outside() {
    ip netns exec "$outside_ns" "$@"
}

# A pid of which nothing is left is not an error.
end() {
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

machine_stop() {
    [ -z "$machine_pid" ] || end "$machine_pid"
    machine_pid= guest_is_up=
    ip netns del "$outside_ns" 2>/dev/null || true
}

machine_remove() {
    machine_stop
    rm -rf "$work"
}
trap machine_remove EXIT
trap 'exit 130' INT TERM

wait_until() {
    local what=$1 seconds=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "$what within $seconds seconds"
        sleep 0.1
    done
}

# next_line SECONDS: of what the guest says, into $line. False when nothing comes, or when
# the machine has ended. What was read of a line until read gave up is kept.
next_line() {
    local part end=$((SECONDS + $1))
    line=
    while [ $SECONDS -lt $end ] && kill -0 "$machine_pid" 2>/dev/null; do
        if IFS= read -r -t 1 part <&"$from_guest"; then
            line+=$part
            return
        fi
        line+=$part
    done
    return 1
}

guest() {
    local line
    printf '%s\n' "$1" >&"$to_guest"
    while next_line "$command_s"; do
        case $line in
        'guest-status '*) return "${line#guest-status }" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done
    fail "the guest has ended, or was silent for $command_s seconds: $1"
}

guest_must() {
    guest "$1" || fail "in the guest, status $?: $1"
}

guest_file() {
    guest_must "cat $1"
}

make_tap() {
    local several=
    [ "$tap_queues" = 1 ] || several=multi_queue
    ip netns add "$outside_ns"
    ip -n "$outside_ns" tuntap add dev "$tap" mode tap $several
    ip -n "$outside_ns" address add "$outside_address/24" dev "$tap"
    # bbr takes the losses of a slow receiver for the path's rate, and goes on at that.
    outside sysctl -q -w net.ipv4.tcp_congestion_control=reno
    ip -n "$outside_ns" link set lo up
    ip -n "$outside_ns" link set "$tap" up
}

# What these options are for stands in README.md.
run_qemu() {
    # It must not outlive this shell, however that ends.
    exec setpriv --pdeathsig KILL ip netns exec "$outside_ns" "$qemu" -nodefaults -display none -no-reboot \
        -machine q35 -accel tcg,thread=single -cpu qemu64,+rdrand -smp 2 -m 512 \
        -kernel "$GUEST/kernel-$flavour/vmlinuz" -initrd "$GUEST/initramfs-$flavour" \
        -append "console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0 ipv6.disable=1 \
rdinit=/init guest.address=$kernel_address/24" \
        -serial "file:$work/console" -chardev "pipe,id=line,path=$work/line" -serial chardev:line "${nic[@]}"
}

# True when the guest runs commands and its kernel's address answers.
boot() {
    local line
    rm -f "$work/line.in" "$work/line.out" "$work/console"
    mkfifo "$work/line.in" "$work/line.out"
    # Both ways each, so that opening waits for nobody.
    exec {to_guest}<>"$work/line.in" {from_guest}<>"$work/line.out"
    nic_options
    make_tap
    run_qemu </dev/null >"$work/qemu" 2>&1 &
    machine_pid=$!
    until [[ ${line-} == guest-up* ]]; do
        next_line $boot_s || return 1
    done
    echo "$line"
    nic_setup || return 1
    outside ping -q -c 3 -i 0.2 -W 5 "$kernel_address" >/dev/null || return 1
    guest_is_up=yes
}

say() {
    printf '%4d s: %s\n' $SECONDS "$*"
}

machine_assemble() {
    local kernel=$GUEST/kernel-$flavour
    mkdir -p "$GUEST"
    "$here/kernel" "$kernel" "$flavour"
    "$here/initramfs" "$GUEST/initramfs-$flavour" "$kernel/modules" "$(command -v busybox)" "$here/init" \
        "$ECHO_SERVER" "$LOAD" "$LINK" "$KERNEL_ECHO" "$ANSWERER" "$TURNER" "$ECN_PEER" ip ss ethtool
    say "the guest is assembled, Linux $(cat "$kernel/release")"
}

machine_start() {
    if ! boot; then
        echo "the guest did not come up, a second try follows: $(cat "$work/qemu")"
        tail -5 "$work/console" || true
        machine_stop
        boot || fail "the guest did not come up twice: $(cat "$work/qemu")"
    fi
}
