#!/usr/bin/env bash
# Goal:   bench/compare measures who stands in a cell, says what it found in the terminal, as
#         bars, as JSON and as a page that needs nothing else, believes no client that did
#         not verify, refuses what is wrong, and leaves nothing behind, also when it is
#         interrupted. bench/quickstart, its short form, refuses what is wrong before it builds.
# Method: its shortest run, with our server and two of the kernel's; one of bars with the
#         ceiling; clients that are scripts and report what they are told to; one run that
#         is ended.
. "$(dirname "$0")/lib.sh"

compare=$here/../../bench/compare
HEADRACE_BENCH=$(dirname "$ECHO_SERVER")
export HEADRACE_BENCH
ours() {
    ip netns list | grep -c "^hrv$1" || true
}

"$compare" --rounds 1 --repeats 0 --seconds 0.2 --warmup 0.1 --verify \
    --servers headrace,epoll,io_uring --clients kernel --sections latency,connect,bulk,loss,idle \
    --json "$work/found.json" --html "$work/found.html" >"$work/text" 2>"$work/log" ||
    fail "$(cat "$work/log" "$work/text")"
grep -q '^latency at one in flight (µs, p50; less is better)$' "$work/text" || fail "$(cat "$work/text")"
grep -Eq "; headrace's p99 [0-9.]+ of kernel$" "$work/text" || fail "$(cat "$work/text")"
[ "$(grep -Ec "^      busy, server's core and client's: headrace [0-9]+% [0-9]+%, epoll " \
    "$work/text")" = 3 ] || fail "$(cat "$work/text")"
grep -Eq '0 measurements repeated .*, [0-9]+ of the [0-9]+ that count disturbed all the same; ' "$work/text" ||
    fail "$(cat "$work/text")"
grep -q '^echo_server: ready echo on ' "$work/text" || fail "$(cat "$work/text")"
python3 - "$work" <<'P' || fail 'the report'
import json, sys, xml.etree.ElementTree as tree
found = json.load(open(sys.argv[1] + "/found.json"))
page = open(sys.argv[1] + "/found.html").read()
names = {(row["section"], row["workload"]) for row in found["rows"]}
[latency] = [row for row in found["rows"] if row["section"] == "latency"]
late = {name: server["latency_us"]["p99"] for name, server in latency["servers"].items()}
least = min(late["epoll"], late["io_uring"])
assert abs(latency["ratios"]["p99_of_kernel"] - late["headrace"] / least) < 1e-9
assert latency["ratios"]["p99_of_ceiling"] is None
assert f"(p99 {latency['ratios']['p99_of_kernel']:.2f})" in page
assert names == {("latency", "echo"), ("connect", "connect"), ("bulk", "upload"),
                 ("bulk", "download"), ("idle", "idle")}, names
for row in found["rows"]:
    assert set(row["servers"]) == {"headrace", "epoll", "io_uring"} and not row["failed"], row
    for server in row["servers"].values():
        assert len(server["samples"]) == found["rounds"] == 1 and server["errors"] == 0
        assert server["median"] > 0 or row["section"] == "idle"
        assert (server["bytes_verified"] > 0) == (row["workload"] not in ("upload", "idle"))
assert "http" not in page and "<script" not in page
for chart in page.split("<svg")[1:]:
    tree.fromstring("<svg" + chart.split("</svg>")[0] + "</svg>")
P

# Bars, where the place has no blocks: plain, and all that they stand for.
LC_ALL=C "$compare" --rounds 1 --repeats 0 --seconds 0.2 --warmup 0.2 --verify --bars \
    --sections echo --connections 3 --servers reflector,headrace,epoll --clients headrace \
    --json "$work/found.json" >"$work/text" 2>"$work/log" || fail "$(cat "$work/log" "$work/text")"
python3 - "$work" <<'P' || fail "the bars: $(cat "$work/text")"
import json, re, sys
[row] = json.load(open(sys.argv[1] + "/found.json"))["rows"]
lines = open(sys.argv[1] + "/text").read().split("\n")
assert lines[0].startswith("ready echo on "), lines[0]
assert row["connections"] == 3 and all(len(line) <= 80 and line.isascii() for line in lines)
assert re.search(r"\n3 connections: headrace [\d.]+ of the ceiling, [\d.]+ times the kernel\n",
                 "\n".join(lines))
longest = max(found["median"] for found in row["servers"].values())
for server in ("reflector", "headrace", "epoll"):
    found = row["servers"][server]
    assert found["bytes_verified"] > 0
    [line] = [line for line in lines if line.startswith(f"  {server} ")]
    bar, value = re.fullmatch(r"  [\w-]+ +(#+) +([\d,]+) +[\d.,]+ +[\d.,]+", line).groups()
    assert value == f"{found['median']:,.0f}" and (len(bar) == 39) == (found["median"] == longest)
P
python3 - "$here/../../bench" <<'P' || fail 'how bars look'
import io, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from comparison import bars
plain = bars.look_of(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
assert not plain.unicode and not plain.colours and plain.width <= 80, plain
blocks = bars.Look(unicode=True, colours=True)
cases = ((0.5, 4, "██  "), (1, 4, "████"), (0.53125, 4, "██▏ "), (0, 4, "▏   "), (0.95, 2, "█▉"))
for share, width, wanted in cases:
    assert bars.bar(share, width, blocks) == wanted, (share, bars.bar(share, width, blocks))
assert bars.bar(0, 4, plain) == "#   " and bars.painted("epoll", "x", plain) == "x"
assert bars.painted("epoll", "x", blocks) == "\033[33mx\033[0m"
P

# A client that says of 640 bytes that it verified $verified.
mkdir "$work/bench"
ln -s "$KERNEL_ECHO" "$work/bench/kernel_echo"
cat >"$work/bench/load" <<'L'
#!/usr/bin/env bash
while [ "$1" != --json ]; do shift; done
printf '{"seconds": 1, "requests": '${requests:-10}', "bytes_in": 640, "bytes_verified": %u, "errors": 1200,
         "errors_of": {"connect": 0, "reset": 1200, "data": 0}}' "$verified" >"$2"
L
chmod +x "$work/bench/load"
pretend() {
    HEADRACE_BENCH=$work/bench verified=$1 "$compare" --rounds 1 --repeats 0 --sections echo \
        --servers epoll --clients kernel --connections 1,16 --verify "${@:2}" >"$work/text" 2>&1
}
pretend 640 || fail "$(cat "$work/text")"
grep -q '^All 1,280 bytes of the answers ' "$work/text" || fail "$(cat "$work/text")"
grep -q '; 2,400 errors of clients:$' "$work/text" || fail "$(cat "$work/text")"
grep -q '^  echo, 16 connections, client kernel, server epoll: 1,200 errors (reset 1,200)$' \
    "$work/text" || fail "$(cat "$work/text")"
status=0
pretend 639 || status=$?
{ [ $status = 1 ] && grep -q '^compare: of 640 bytes from epoll 639 were verified' "$work/text"; } ||
    fail "status $status: $(cat "$work/text")"
# One that was served nothing has no rate of 0: its cell has failed.
status=0
requests=0 pretend 640 || status=$?
{ [ $status = 1 ] && grep -q '^compare: epoll did nothing for a client of echo, 1 connection, in' \
    "$work/text"; } || fail "status $status: $(cat "$work/text")"

# No room for the one: it is said, and the other is written.
status=0
pretend 640 --json /dev/full --html "$work/page.html" || status=$?
{ [ $status = 1 ] && [ -s "$work/page.html" ] &&
    grep -q "^compare: '/dev/full' could not be written: No space left on device\.\$" "$work/text"; } ||
    fail "status $status: $(cat "$work/text")"

for wrong in '--rounds 0' '--sections all' '--servers nginx' '--cores 1' '--cores 0,0' \
    '--cores 0,65535' '--seconds x' '--connections 1,0' '--repeats -1' '--minutes 0'; do
    status=0
    # shellcheck disable=SC2086 # two words
    "$compare" $wrong >"$work/text" 2>&1 || status=$?
    [ $status = 2 ] || fail "$wrong: status $status"
done
for wrong in '--seconds 0' '--seconds 61' '--seconds' '--seconds 1 2' '--bars'; do
    status=0
    # shellcheck disable=SC2086 # two words
    "$here/../../bench/quickstart" $wrong >"$work/text" 2>&1 || status=$?
    { [ $status = 2 ] && grep -q '^usage: bench/quickstart' "$work/text"; } ||
        fail "quickstart $wrong: status $status"
done
"$here/../../bench/quickstart" --help | grep -q '^usage: ' || fail 'quickstart --help'
status=0
"$compare" --json /nowhere/f >"$work/text" 2>&1 || status=$?
{ [ $status = 1 ] && grep -q "^compare: '/nowhere/f' can't be written: " "$work/text"; } ||
    fail "status $status: $(cat "$work/text")"

"$compare" --servers headrace --clients kernel --sections echo >"$work/text" 2>&1 &
pid=$!
begun() { [ "$(ours "$pid")" = 2 ]; }
wait_until 'its namespaces' begun
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ $status = 130 ] || fail "interrupted: status $status: $(cat "$work/text")"
[ "$(ours "$pid")" = 0 ] || fail 'namespaces are left'
printf 'passed\n'
