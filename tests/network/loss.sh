#!/usr/bin/env bash
# Goal:   everything arrives, and nobody hangs, when 3% of the packets are lost each
#         way.
# Method: nft drops at random in the client's namespace, in both directions; the server has
#         sent again what was lost.
. "$(dirname "$0")/lib.sh"

network_make 1
in_client nft -f - <<'N'
table inet loss {
    chain in {
        type filter hook input priority 0;
        ip protocol tcp numgen random mod 100 < 3 drop
    }
    chain out {
        type filter hook output priority 0;
        ip protocol tcp numgen random mod 100 < 3 drop
    }
}
N
server_start --json "$work/server.json"
for run in '--connections 1 --bytes 1048576' '--connections 50 --bytes 50000' \
    '--connections 200 --bytes 1000'; do
    # shellcheck disable=SC2086 # the words of a run are arguments
    in_client timeout 120 python3 "$here/echo_client.py" "$server_address" 7 $run ||
        fail "client $run"
done
server_stop
holds 'server["retransmissions"] > 0'
