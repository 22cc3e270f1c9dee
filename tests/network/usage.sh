#!/usr/bin/env bash
# Goal:   every wrong call of echo_server (status 2) and every start that can't be
#         (status 1) is one sentence that says what is wrong and what to do, and nothing is
#         attached or held after it.
# Method: each is brought about, and the whole sentence compared; nothing else is printed.
#         At last a server starts on the interface on which all these have failed.
#
# Offloads on receive that break AF_XDP can't be had here: veth's are harmless and exempt,
# macvlan's LRO stays off. network/test_xdp_errors takes a veth for a NIC to show that one.
. "$(dirname "$0")/lib.sh"

see='See echo_server --help\.'
cases=0

# refused STATUS SENTENCE COMMAND...: the sentence is a regular expression for all of it.
refused() {
    local status=0 wanted=$1 sentence="^echo_server: $2\$"
    shift 2
    ip netns exec "$server_ns" timeout 20 "$@" >"$work/out" 2>"$work/err" || status=$?
    if [ "$status" != "$wanted" ] || [ -s "$work/out" ] || [ "$(wc -l <"$work/err")" != 1 ] ||
        ! grep -Eq "$sentence" "$work/err"; then
        cat "$work/out" "$work/err" >&2
        fail "status $status, wanted $wanted and '$sentence' from: $*"
    fi
    [ -n "$stranger" ] || ! ip -n "$server_ns" -d link show dev "$server_if" | grep -q xdp ||
        fail "a program was left attached by: $*"
    cases=$((cases + 1))
}
stranger=

network_make 2
interface=(--interface "$server_if")
good=("$ECHO_SERVER" "${interface[@]}" --address "$server_address/24" --duration 0.1)
kernels=10.77.0.9

# Wrong calls. OPTION SENTENCE VALUE...
wrong_values() {
    local option=$1 sentence=$2
    shift 2
    for value in "$@"; do
        refused 2 "${sentence//VALUE/"'${value//+/\\+}'"} $see" "${good[@]}" "$option" "$value"
    done
}
refused 2 "No interface was given: --interface IF\. $see" "$ECHO_SERVER"
refused 2 "No interface was given: --interface IF\. $see" "$ECHO_SERVER" --address 10.77.0.1/24
refused 2 "No address was given: --address CIDR\. $see" "$ECHO_SERVER" "${interface[@]}"
refused 2 "'--quick' is not an option\. $see" "${good[@]}" --quick
refused 2 "'-x' is not an option\. $see" "${good[@]}" -x
refused 2 "'stray' is not an option\. $see" "${good[@]}" stray
for option in busy fast-open fast-open-no-cookie pacing no-sack no-timestamps no-window-scale; do
    refused 2 "'--$option=1' is not an option\. $see" "${good[@]}" --$option=1
done
for option in interface address gateway port service close-after congestion ecn queues cores mode \
    receive-frames time-wait keepalive user-timeout dscp duration stats json mtu-probing \
    send-buffer receive-buffer syn-cookies ack-segments ack-hold; do
    refused 2 "--$option lacks its value\. $see" "${good[@]}" "--$option"
done
wrong_values --port '--port takes a number from 1 to 65535, not VALUE\.' 0 65536 -1 +7 seven 7x ''
wrong_values --mode 'VALUE is no mode: auto, zerocopy, native or generic\.' fast Native ''
wrong_values --service 'VALUE is no service: echo, discard or chargen\.' http ''
wrong_values --congestion 'VALUE is no congestion control: cubic, newreno, dctcp or bbr\.' vegas Cubic ''
wrong_values --ecn 'VALUE is no ECN: off, classic or accurate\.' on Classic ''
wrong_values --keepalive '--keepalive takes 1 to 32767 seconds, not VALUE\.' 0 32768 1.5 ''
wrong_values --user-timeout '--user-timeout takes 1 to 86400 seconds, not VALUE\.' 0 86401 -1 ''
wrong_values --dscp '--dscp takes a number from 0 to 63, not VALUE\.' 64 -1 EF ''
wrong_values --mtu-probing 'VALUE is no MTU probing: off, after-black-hole or always\.' on Off ''
wrong_values --send-buffer '--send-buffer takes 4096 to 1073741824 bytes, not VALUE\.' \
    4095 1073741825 1m ''
wrong_values --receive-buffer '--receive-buffer takes 4096 to 1073741824 bytes, not VALUE\.' \
    4095 1073741825 -1 ''
wrong_values --syn-cookies 'VALUE is no use of SYN cookies: never, when-full or always\.' on ''
wrong_values --queues '--queues takes numbers, as 0 or 0,1, not VALUE\.' x 0, 0,,1 -1 65536 ''
wrong_values --cores '--cores takes numbers, as 0 or 0,1, not VALUE\.' x 0-1 0,, 65536 ''
wrong_values --duration '--duration takes seconds, as 0.5 or 60, not VALUE\.' 0 -1 1s nan ''
wrong_values --stats '--stats takes seconds, as 0.5 or 60, not VALUE\.' 0 -1 1s inf ''
wrong_values --receive-frames '--receive-frames takes 2048, 4096, \.\.\. 65536, not VALUE\.' \
    0 1024 3000 131072
wrong_values --ack-segments '--ack-segments takes a number from 1 to 256, not VALUE\.' 0 257 x
wrong_values --ack-hold '--ack-hold takes 0 to 40000 microseconds, not VALUE\.' 40001 -1 ''
wrong_values --time-wait '--time-wait takes 1 to 240 seconds, not VALUE\.' 0 241 1.5
wrong_values --close-after '--close-after takes 1 to 4294967295, not VALUE\.' 0 4294967296 1k
refused 2 "--close-after is for echo, not for discard\. $see" \
    "${good[@]}" --close-after 1 --service discard
many=()
for host in $(seq 2 17); do
    many+=(--address "10.77.0.$host/24")
done
refused 2 "'10\.77\.0\.17/24' is one too many: at most 16 can be given\. $see" \
    "${good[@]}" "${many[@]}"

# Addresses that are wrong wherever they are tried.
for address in x 10.77.0.5 10.77.0.5/33 10.77.0/24 0.0.0.0/0 127.0.0.1/8 224.0.0.1/4 \
    255.255.255.255/32; do
    refused 2 "'$address' is no address of a host: give ADDRESS/LENGTH, as in 192\.0\.2\.1/24\." \
        "$ECHO_SERVER" "${interface[@]}" --address "$address"
done
refused 2 "'10\.77\.0\.0/24' is the first address of its network: give one of a host\." \
    "$ECHO_SERVER" "${interface[@]}" --address 10.77.0.0/24
refused 2 "'10\.77\.0\.255/24' is the broadcast address of its network: give one of a host\." \
    "$ECHO_SERVER" "${interface[@]}" --address 10.77.0.255/24
refused 2 "'$server_address/24' is given twice: give it once\." \
    "${good[@]}" --address "$server_address/24"
refused 2 "'x' is no address of a gateway: give one as in 192\.0\.2\.254\." "${good[@]}" --gateway x
for gateway in 10.78.0.1 10.77.0.1 10.77.0.255 224.0.0.1 fd77::1; do
    refused 2 "'$gateway' can't be the gateway: give the address of another host in the network \
of an own address\." "${good[@]}" --gateway $gateway
done
refused 2 "'10\.77\.0\.8' is a second gateway of its family: give one\." \
    "${good[@]}" --gateway 10.77.0.7 --gateway 10.77.0.8

# Starts that can't be, here.
refused 1 "'fd77::9/64' is an IPv6 address, and neighbour discovery is not built yet: give an IPv4 \
address\." "$ECHO_SERVER" "${interface[@]}" --address fd77::9/64
refused 1 "There is no interface 'nowhere0' in this network namespace: 'ip link' lists those that \
exist\." "$ECHO_SERVER" --interface nowhere0 --address 10.77.0.1/24
refused 1 "There is no interface 'a-name-longer-than-any': a name has at most 15 letters; 'ip link' \
lists those that exist\." "$ECHO_SERVER" --interface a-name-longer-than-any --address 10.77.0.1/24
refused 1 "lo is not an Ethernet interface: use one that has a MAC address; local clients of this \
machine can't be served\." "$ECHO_SERVER" --interface lo --address 10.77.0.1/24
refused 1 "$server_if has no queue 2: its queues are 0 to 1; 'ethtool -L' may give it more\." \
    "${good[@]}" --queues 0,2
refused 1 "Queue 1 is named twice: name it once\." "${good[@]}" --queues 1,1
refused 1 "1 cores are named for 2 workers: name one for each queue\." "${good[@]}" --cores 0
refused 1 "Core 65535 is not one that this process may use: see 'taskset -p \\$\\$'\." \
    "${good[@]}" --cores 0,65535
refused 1 "$server_if refused zero-copy mode on queue 0: Operation not supported; use --mode native \
or generic with this driver\." "${good[@]}" --mode zerocopy
refused 1 "'/nowhere/f' can't be written: No such file or directory; give --json a file in a \
directory where you may write\." "${good[@]}" --json /nowhere/f

ip -n "$server_ns" link set "$server_if" down
refused 1 "The interface $server_if is down: bring it up with 'ip link set $server_if up'\." \
    "${good[@]}"
ip -n "$server_ns" link set "$server_if" up
for at in "$server_if" lo; do
    ip -n "$server_ns" addr add $kernels/24 dev "$at"
    refused 1 "The address $kernels is the kernel's already, on $at: choose a free one of the same \
network, or remove it with 'ip address del'\." "${good[@]}" --address $kernels/24
    ip -n "$server_ns" addr del $kernels/24 dev "$at"
done

# Privileges one after the other; with those of the last sentence it starts.
only() {
    printf 'setpriv --inh-caps=-all --bounding-set=-all%s' "$1"
}
# shellcheck disable=SC2046 # the words are arguments
refused 1 "Not enough privilege for an AF_XDP socket: run as root, or with the capabilities \
CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON and CAP_IPC_LOCK\." $(only '') "${good[@]}"
pinned="The kernel can't pin 128 MiB of frames for a socket: raise ulimit -l \(RLIMIT_MEMLOCK\), \
grant CAP_IPC_LOCK, or use fewer frames or queues\."
# shellcheck disable=SC2046
refused 1 "$pinned" prlimit --memlock=8388608 $(only ,+net_raw) "${good[@]}"
program="Not enough privilege to load an XDP program: run as root, or with the capabilities \
CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_NET_RAW\."
for capabilities in '' ,+bpf ,+bpf,+net_admin ,+net_admin,+perfmon; do
    # shellcheck disable=SC2046
    refused 1 "$program" $(only ",+net_raw,+ipc_lock$capabilities") "${good[@]}"
done
# shellcheck disable=SC2046
in_server="ip netns exec $server_ns $(only ,+net_raw,+ipc_lock,+bpf,+net_admin,+perfmon)"
$in_server "${good[@]}" >"$work/out" 2>&1 || fail "the capabilities do not suffice: $(cat "$work/out")"

# AddressSanitizer itself needs more address space than this.
if ! grep -q __asan_init "$ECHO_SERVER"; then
    refused 1 "No memory for 32768 frames of 4096 bytes \(128 MiB\): Cannot allocate memory; use \
fewer frames or queues, or free some memory\." prlimit --as=100000000 "${good[@]}"
fi
refused 1 "The XDP program needs more open files than this process may have: raise ulimit -n\." \
    prlimit --nofile=8 "${good[@]}"

# Somebody else was here first.
printf '__attribute__((section("xdp"), used)) int stranger(void *ctx) { return 2; }\n' |
    clang -target bpf -O2 -g -c -x c - -o "$work/stranger.o"
for hook in xdp xdpgeneric; do
    stranger=$hook
    ip -n "$server_ns" link set dev "$server_if" $hook obj "$work/stranger.o" sec xdp
    refused 1 "$server_if has someone else's XDP program attached \('stranger', id [0-9]+\): stop \
the program that did it, or detach it with 'ip link set dev $server_if $hook off'\." "${good[@]}"
    # What the sentence says to do.
    ip -n "$server_ns" link set dev "$server_if" $hook off
done
server_start
refused 1 "Queue 1 of $server_if is held by another AF_XDP socket: stop the program that has it, or \
use another queue\." "${good[@]}" --queues 1
server_stop
stranger=

# All that is free again; and the final numbers have no room.
for asked in --help --version; do
    "$ECHO_SERVER" $asked >"$work/out" 2>"$work/err" || fail "$asked"
    [ -s "$work/out" ] && [ ! -s "$work/err" ] || fail "$asked prints nothing, or an error"
done
# Who leaves the choice of the mode to us is told what was tried, and given no advice.
place="queue 0 native on core [0-9]+, queue 1 native on core [0-9]+"
for mode in auto native; do
    reason=
    [ $mode = native ] ||
        reason=" \\($server_if refused zero-copy mode on queue 0: Operation not supported\\.\\)"
    ip netns exec "$server_ns" "${good[@]}" --mode $mode >"$work/out" 2>"$work/err" || fail "$mode"
    grep -Eq "^ready echo on $server_address/24 port 7, 2 workers: $place$reason$" "$work/out" ||
        fail "mode $mode: $(cat "$work/out")"
done
# All programs are of one version, also those that see nothing of the library.
version=$("$ECHO_SERVER" --version)
for program in "$LOAD" "$KERNEL_ECHO" "$REFLECTOR"; do
    "$program" --version >"$work/out" 2>"$work/err" || fail "$program --version"
    [ "$(cat "$work/out" "$work/err")" = "${program##*/} ${version#echo_server }" ] ||
        fail "$program --version: $(cat "$work/out" "$work/err")"
done
# What is set of TCP is taken.
ip netns exec "$server_ns" "${good[@]}" --fast-open --pacing --mtu-probing always \
    --send-buffer 65536 --receive-buffer 65536 --no-sack --no-timestamps --no-window-scale \
    --keepalive 60 --user-timeout 60 --dscp 8 --syn-cookies always >"$work/out" 2>"$work/err" ||
    fail "options of TCP: $(cat "$work/err")"
ip netns exec "$server_ns" "${good[@]}" --json /dev/full >"$work/out" 2>"$work/err" &&
    fail 'numbers that could not be written are no success'
grep -q "^ready .* 2 workers" "$work/out" || fail "no server starts any more: $(cat "$work/err")"
grep -q "^echo_server: '/dev/full' could not be written: No space left on device\.$" "$work/err" ||
    fail "$(cat "$work/err")"
# Without a standard output what is printed must not end up in the file of that number.
ip netns exec "$server_ns" "${good[@]}" --json "$work/json" >&- 2>"$work/err" ||
    fail "without standard output: $(cat "$work/err")"
python3 -m json.tool "$work/json" >/dev/null || fail 'more than numbers is in the file of --json'
# However much is to be printed, a signal is heard: 124 says that the first one was enough.
status=0
ip netns exec "$server_ns" timeout -k 5 1 "$ECHO_SERVER" "${interface[@]}" \
    --address "$server_address/24" --stats 0.000001 >/dev/null 2>"$work/err" || status=$?
[ "$status" = 124 ] || fail "printing all the time it ended with $status: $(cat "$work/err")"
printf '%d refusals\n' $cases
