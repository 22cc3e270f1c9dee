#!/usr/bin/env bash
# Goal:   connections that workers open reach a kernel server, whatever queue its
#         answers come back on, and each worker has its own slice of the ports.
# Method: a client by the public API, one worker and two, against an echo server in
#         Python; every byte compared. With two queues the kernel spreads its answers
#         by a hash of its own, so about half of them must cross.
. "$(dirname "$0")/lib.sh"
echo_pid=

echo_start() {
    ip netns exec "$client_ns" python3 - "$client_address" >"$work/echo" 2>&1 <<'P' &
import asyncio, sys

async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(serve, sys.argv[1], 9007, backlog=1024)
    print("listening", flush=True)
    await server.serve_forever()

asyncio.run(main())
P
    echo_pid=$!
    trap 'kill $echo_pid 2>/dev/null || true; network_remove' EXIT
    for _ in $(seq 200); do
        grep -q listening "$work/echo" && return
        sleep 0.05
    done
    fail 'the echo server did not start'
}

for queues in 1 2; do
    network_make $queues
    echo_start
    timeout 100 ip netns exec "$server_ns" "$OUTGOING" "$server_if" "$server_address/24" \
        "$client_address" 9007 200 100000 | tee "$work/out"
    [ "${PIPESTATUS[0]}" = 0 ] || fail "$queues queue(s)"
    grep -q "^workers $queues connections 200 failed 0" "$work/out" || fail "$queues queue(s)"
    if [ "$queues" = 2 ]; then
        ! grep -q 'crossed 0 of' "$work/out" || fail 'nothing crossed'
    fi
    kill "$echo_pid"
    wait "$echo_pid" 2>/dev/null || true
    ip netns del "$server_ns"
    ip netns del "$client_ns"
done
