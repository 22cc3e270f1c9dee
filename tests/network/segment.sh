#!/usr/bin/env bash
# Goal:   another process reads the numbers of a running stack without asking it, and
#         of one that was killed; what the dead leave goes with the next start.
# Method: a reader that knows only the documented layout compares what it finds by
#         name with what a client did, and with a flood while the server was stopped;
#         then the server is killed and started anew.
. "$(dirname "$0")/lib.sh"

# read_segment PID alive|dead BYTES_IN [EXPRESSION]: what must come true of the numbers.
read_segment() {
    python3 - "/run/headrace/$1.$server_if" "$2" "$3" "${4:-True}" <<'P' || fail "the segment of a $2 server"
import fcntl, mmap, os, stat, struct, sys, time

path, state, bytes_in, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
file = open(path, "r+b")
assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600, "mode"
lock = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))
assert (struct.unpack("hhqqi4x", lock)[0] != fcntl.F_UNLCK) == (state == "alive"), "lock"
memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
magic, version, header, workers, stats, name_bytes, names_at, rows_at, row_bytes, started, pid = \
    struct.unpack_from("=Q8I2Q", memory)
assert magic.to_bytes(8, sys.byteorder) == b"headrace" and version == 1, "mark"
assert f"/{pid}." in path and abs(time.time() - started / 1e9) < 600, "pid, time"
names = [memory[names_at + i * name_bytes:][:name_bytes].rstrip(b"\0").decode() for i in range(stats)]

def total(name):
    at, sum = names.index(name), 0
    for worker in range(workers):
        row = rows_at + worker * row_bytes
        sequence, core, *values = struct.unpack_from(f"=2Q{stats}Q", memory, row)
        sum += values[at]
    return sum

# The worker publishes within a second of its last turn, but not in the same moment.
until = time.time() + 10
while not (total("data_in") == bytes_in and eval(wanted)) and time.time() < until:
    time.sleep(0.01)
assert total("data_in") == bytes_in, f"data_in is {total('data_in')}, not {bytes_in}"
assert eval(wanted), wanted
assert total("accepted") > 0 and total("rx_packets") > 0
P
}

network_make 1
server_start
stack_pid=$(pgrep -P "$server_pid" || echo "$server_pid")
in_client python3 "$here/echo_client.py" "$server_address" 7 --connections 4 --bytes 25000 ||
    fail 'the client'
read_segment "$stack_pid" alive 100000 'total("rx_ring_full") == 0'
# RX has 1,024 entries: what else comes while nobody takes it is lost, and counted.
kill -STOP "$stack_pid"
in_client python3 -c '
import socket, sys
flood = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3000):
    flood.sendto(b"x" * 64, (sys.argv[1], 9))' "$server_address"
kill -CONT "$stack_pid"
read_segment "$stack_pid" alive 100000 '1000 < total("rx_ring_full") < 3000'
kill -KILL "$stack_pid"
wait "$server_pid" 2>/dev/null || true
read_segment "$stack_pid" dead 100000
server_start
[ ! -e "/run/headrace/$stack_pid.$server_if" ] || fail 'what the dead left is still there'
stack_pid=$(pgrep -P "$server_pid" || echo "$server_pid")
[ -e "/run/headrace/$stack_pid.$server_if" ] || fail 'the new server has no segment'
server_stop
[ ! -e "/run/headrace/$stack_pid.$server_if" ] || fail 'a server that ended left its segment'
printf 'passed\n'
