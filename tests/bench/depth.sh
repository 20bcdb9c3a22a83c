#!/bin/sh
# depth.sh - does posting several receives a connection pay? The scripted echo on I/O
# completion ports, with 1, 2, 4 and 8 of them. `./dev --target=windows bench` builds what it
# needs and runs it.
#
# Under Wine it tells processor time of the server's process, and how many receives were late; not
# what Windows' kernel takes, nor latency. Depths take turns, three rounds of them.
set -u

rounds=3
port=$((20000 + $$ % 10000))
server=''

work=$(mktemp -d) || exit 3
trap '[ -z "$server" ] || kill -INT "$server"; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cat >"$work/main.lua" <<'END'
function on_receive(conn, packet) conn:send(packet) end
function on_stop()
  local stats = server.stats()
  server.log("info", "late %d of %d bytes", stats.receives_late, stats.bytes_received)
end
END

measure() { # DEPTH CASE CLIENT'S FLAGS...
    depth=$1 case=$2
    shift 2
    port=$((port + 1))
    # shellcheck disable=SC2086 # words
    $MOONPORT_LAUNCHER "$MOONPORT_PROGRAM" "$work" --listen "127.0.0.1:$port" --workers 1 \
        --recv-depth "$depth" >"$work/log" 2>&1 &
    server=$!
    while ! grep -q 'listening on' "$work/log" && kill -0 "$server"; do sleep 0.1; done
    "$MOONPORT_LOAD" "127.0.0.1:$port" --pid "$server" "$@" >"$work/line" || exit 1
    kill -INT "$server"
    wait "$server"
    server=''
    late=$(tr -d '\r' <"$work/log" | sed -n 's/.*late \([0-9]*\) of \([0-9]*\) .*/\1 \2/p')
    echo "$round: $case depth=$depth late/bytes=$late $(head -n 1 "$work/line")"
}

for round in $(seq $rounds); do
    for depth in 1 2 4 8; do
        measure "$depth" 64B --connections 50 --pipeline 32 --size 64 "$@"
        measure "$depth" 16KiB --connections 50 --pipeline 4 --size 16384 "$@"
    done
done
