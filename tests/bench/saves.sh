#!/bin/sh
# saves.sh - how soon the old code is back after a save with a bug, on each backend: 20 saves under 100
# connections that go on talking, none of which may be closed. `./dev bench saves` builds what it needs
# and runs it; its arguments go to the client: --saves 100.
#
# The server has two workers, and with its other threads the first core; the client has the second.
set -u

cores=$(nproc)
on_server='taskset -c 0'
on_client="taskset -c $((cores > 1))"
port=$((20000 + $$ % 10000)) # below those that systems give to clients
server='' status=0

work=$(mktemp -d) || exit 3
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

measure() { # BACKEND CLIENT'S FLAGS...
    backend=$1
    shift
    port=$((port + 1))
    mkdir "$work/$backend" || exit 3
    echo 'function on_receive(conn) conn:send(tostring(server.generation)) end' \
        >"$work/$backend/main.lua"
    # shellcheck disable=SC2086 # words
    $on_server "$MOONPORT_PROGRAM" "$work/$backend" --listen "127.0.0.1:$port" --framing line \
        --admin false --workers 2 --backend "$backend" >"$work/log" 2>&1 &
    server=$!
    # shellcheck disable=SC2086 # words
    if $on_client "$MOONPORT_BENCH/bench-saves" "127.0.0.1:$port" --directory "$work/$backend" \
        "$@" >"$work/line"; then
        sed "s/^/$backend /" "$work/line" >>"$work/all"
    else
        status=1
        cat "$work/log" >&2
    fi
    kill "$server" 2>/dev/null
    wait "$server"
    server=''
}

for backend in uring epoll; do measure "$backend" "$@"; done

[ "$cores" -gt 1 ] || echo 'One core only: the client takes its time from the server.'
[ -s "$work/all" ] && awk '
    {
        for (i = 2; i <= NF; i++) {
            at = index($i, "=")
            value[substr($i, 1, at - 1)] = substr($i, at + 1)
        }
    }
    !told++ {
        printf "%d saves with a bug under %d connections. ", value["saves"], value["connections"]
        print "Milliseconds from a save until the old code has"
        print "answered all of them; connections that were closed; and packets without an answer:"
        printf "%-8s %8s %8s %8s %8s %8s\n", "backend", "least", "median", "most", "closed", "lost"
    }
    {
        printf "%-8s %8.0f %8.0f %8.0f %8d %8d\n", $1, value["least_ms"], value["median_ms"], \
            value["most_ms"], value["closed"], value["lost"]
    }' "$work/all"
exit "$status"
