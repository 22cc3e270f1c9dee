#!/usr/bin/env bash
# Goal:   what becomes of the interface and of the workers is told, and survived.
# Method: the link goes down and up again under a connection, which goes on; the worker's
#         thread is stopped until that is told; the interface is removed, and the server
#         ends with a sentence.
. "$(dirname "$0")/lib.sh"

# wait_for TEXT: a line of the server's, within 20 seconds.
wait_for() {
    for _ in $(seq 400); do
        grep -q "$1" "$work/server" && return
        sleep 0.05
    done
    fail "the server did not say: $1"
}

network_make 1
server_start
in_client python3 "$here/echo_client.py" "$server_address" 7 --connections 1 --bytes 200000 \
    --pace slow-writer >"$work/client" 2>&1 &
client_pid=$!
ip -n "$server_ns" link set "$server_if" down
wait_for "$server_if is down"
ip -n "$server_ns" link set "$server_if" up
wait_for "$server_if is up again"
wait "$client_pid" || fail "the client: $(cat "$work/client")"

# A thread can't be stopped alone, but a debugger's attach does.
stack_pid=$(pgrep -P "$server_pid" || echo "$server_pid")
python3 - "$stack_pid" "$work/server" <<'P' || fail 'the worker could not be stopped'
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
libc.ptrace.argtypes = [ctypes.c_long] * 4
for task in os.listdir(f"/proc/{sys.argv[1]}/task"):
    name = open(f"/proc/{sys.argv[1]}/task/{task}/comm").read().strip()
    if name == "hr-worker-0":
        tid = int(task)
for request in PTRACE_SEIZE, PTRACE_INTERRUPT:
    if libc.ptrace(request, tid, 0, 0) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(tid, 0x40000000)  # __WALL
for _ in range(400):
    if "has not turned" in open(sys.argv[2]).read():
        break
    time.sleep(0.05)
libc.ptrace(PTRACE_DETACH, tid, 0, 0)
P
wait_for 'has not turned'
wait_for 'turns again'
in_client python3 "$here/echo_client.py" "$server_address" 7 --bytes 1000 || fail 'after the stall'

ip -n "$server_ns" link del "$server_if"
wait_for 'has been removed'
status=0
wait "$server_pid" || status=$?
server_pid=
[ "$status" = 1 ] || fail "the server ended with $status"
printf 'passed\n'
