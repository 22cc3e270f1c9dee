#!/usr/bin/env bash
# Goal:   bench/compare measures who stands in a cell, says what it found in the terminal,
#         as JSON and as a page that needs nothing else, refuses what is wrong, and leaves
#         nothing behind, also when it is interrupted.
# Method: its shortest run, with our server and two of the kernel's; then one that is ended.
. "$(dirname "$0")/lib.sh"

compare=$here/../../bench/compare
ours() {
    ip netns list | grep -c "^hrv$1" || true
}

HEADRACE_BENCH=$(dirname "$ECHO_SERVER") "$compare" --rounds 1 --seconds 0.2 --warmup 0.1 \
    --servers headrace,epoll,io_uring --clients kernel --sections latency,connect,bulk,loss,idle \
    --json "$work/found.json" --html "$work/found.html" >"$work/text" 2>"$work/log" ||
    fail "$(cat "$work/log" "$work/text")"
grep -q '^latency at one in flight (µs, p50)$' "$work/text" || fail "$(cat "$work/text")"
python3 - "$work" <<'P' || fail 'the report'
import json, sys, xml.etree.ElementTree as tree
found = json.load(open(sys.argv[1] + "/found.json"))
page = open(sys.argv[1] + "/found.html").read()
names = {(row["section"], row["workload"]) for row in found["rows"]}
assert names == {("latency", "echo"), ("connect", "connect"), ("bulk", "upload"),
                 ("bulk", "download"), ("idle", "idle")}, names
for row in found["rows"]:
    assert set(row["servers"]) == {"headrace", "epoll", "io_uring"} and not row["failed"], row
    for server in row["servers"].values():
        assert len(server["samples"]) == found["rounds"] == 1 and server["errors"] == 0
        assert server["median"] > 0 or row["section"] == "idle"
assert "http" not in page and "<script" not in page
for chart in page.split("<svg")[1:]:
    tree.fromstring("<svg" + chart.split("</svg>")[0] + "</svg>")
P

for wrong in '--rounds 0' '--sections all' '--servers nginx' '--cores 1' '--seconds x'; do
    status=0
    # shellcheck disable=SC2086 # two words
    "$compare" $wrong >"$work/text" 2>&1 || status=$?
    [ $status = 2 ] || fail "$wrong: status $status"
done
status=0
"$compare" --json /nowhere/f >"$work/text" 2>&1 || status=$?
{ [ $status = 1 ] && grep -q "^compare: '/nowhere/f' can't be written: " "$work/text"; } ||
    fail "status $status: $(cat "$work/text")"

HEADRACE_BENCH=$(dirname "$ECHO_SERVER") "$compare" --servers headrace --clients kernel \
    --sections echo >"$work/text" 2>&1 &
pid=$!
begun() { [ "$(ours "$pid")" = 2 ]; }
wait_until 'its namespaces' begun
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ $status = 130 ] || fail "interrupted: status $status: $(cat "$work/text")"
[ "$(ours "$pid")" = 0 ] || fail 'namespaces are left'
printf 'passed\n'
