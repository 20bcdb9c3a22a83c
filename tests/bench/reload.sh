#!/bin/sh
# reload.sh - how long clients wait while scripts are loaded anew, on each backend: for an echo of a
# few lines, and for one that comes with a thousand functions. Every second load fails at its end.
# `./dev bench reload` builds what it needs and runs it; its arguments go to the client: --reloads 500.
#
# The server has one worker, and with its other threads the first core; the client has the second.
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

mkdir "$work/small" "$work/large" || exit 3
cat >"$work/small/main.lua" <<'END'
function on_receive(conn, packet) conn:send(packet) end
server.state.loads = (server.state.loads or 0) + 1
if server.state.loads % 2 == 0 then error("on purpose") end
END
{ echo 'require "functions"'; cat "$work/small/main.lua"; } >"$work/large/main.lua"
awk 'BEGIN {
    print "local functions = {}"
    for (i = 1; i <= 1000; i++) {
        printf "functions[%d] = function(a, b)\n  local sum = {}\n", i
        printf "  for i = a, b do sum[#sum + 1] = (\"%%d of %d\"):format(i) end\n", i
        print "  return table.concat(sum, \", \")\nend"
    }
    print "return functions"
}' >"$work/large/functions.lua"

measure() { # BACKEND CASE CLIENT'S FLAGS...
    backend=$1 case=$2
    shift 2
    port=$((port + 2))
    listen=127.0.0.1:$port admin=127.0.0.1:$((port + 1))
    # shellcheck disable=SC2086 # words
    $on_server "$MOONPORT_PROGRAM" "$work/$case" --listen "$listen" --admin "$admin" \
        --admin-token reload-reload-reload --workers 1 \
        --backend "$backend" --reload signal >"$work/log" 2>&1 &
    server=$!
    # shellcheck disable=SC2086 # words
    if $on_client "$MOONPORT_RELOAD" "$listen" --admin "$admin" "$@" >"$work/lines"; then
        sed "s/^/$case $backend /" "$work/lines" >>"$work/all"
    else
        status=1
        cat "$work/log" >&2
    fi
    kill "$server" 2>/dev/null
    wait "$server"
    server=''
}

for backend in uring epoll; do
    for case in small large; do measure "$backend" "$case" "$@"; done
done

[ "$cores" -gt 1 ] || echo 'One core only: the client takes its time from the server.'
[ -s "$work/all" ] && awk '
    {
        for (i = 3; i <= NF; i++) {
            at = index($i, "=")
            if (at > 0) value[substr($i, 1, at - 1)] = substr($i, at + 1)
        }
    }
    $3 != "with" && $3 != "without" {
        if (!told++) {
            printf "%d reloads, %d of them refused; then as long without. ", \
                value["loaded"] + value["refused"], value["refused"]
            printf "%d connections, a packet of %d bytes on its way on each.\n", \
                value["connections"], value["size"]
            print "Microseconds between two answers that one connection gets:"
            printf "%-6s %-8s %-8s %9s %9s %9s %9s\n", "script", "backend", "reloads", "p50", \
                "p99.9", "longest", "seconds"
        }
        next
    }
    {
        printf "%-6s %-8s %-8s %9.0f %9.0f %9.0f %9.1f\n", $1, $2, $3, value["p50_us"], \
            value["p999_us"], value["longest_us"], value["seconds"]
    }' "$work/all"
exit "$status"
