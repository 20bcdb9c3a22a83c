#!/bin/sh
# run.sh - what scripting costs: scripts/echo beside the same server in C (echo.c), on each backend.
# `./dev bench` builds what it needs and runs it; its arguments go to the client: --seconds 5.
#
# A server has one worker, on the first core; the client has the second. The servers take turns, so
# that whatever else the machine does meets all of them, and the table shows medians.
set -u

rounds=3
cores=$(nproc)
on_server='taskset -c 0'
on_client="taskset -c $((cores > 1))"
port=$((20000 + $$ % 10000)) # below those that systems give to clients
server='' broken='' status=0

work=$(mktemp -d) || exit 3
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

measure() { # ROUND CASE SERVER BACKEND CLIENT'S FLAGS...
    round=$1 case=$2 kind=$3 backend=$4
    shift 4
    case $broken in *" $kind $backend "*) return ;; esac
    port=$((port + 1))
    listen=127.0.0.1:$port log=$work/log
    printf 'round %s: %s, %s, %s ...\n' "$round" "$case" "$backend" "$kind" >&2
    # shellcheck disable=SC2086 # words
    if [ "$kind" = C ]; then
        $on_server "$MOONPORT_ECHO" "$listen" workers 1 backend "$backend" >"$log" 2>&1 &
    else
        $on_server "$MOONPORT_PROGRAM" serve "$MOONPORT_SCRIPTS/echo" --listen "$listen" \
            --workers 1 --backend "$backend" >"$log" 2>&1 &
    fi
    server=$!
    # shellcheck disable=SC2086 # words
    if $on_client "$MOONPORT_LOAD" "$listen" --size 64 --pid "$server" "$@" >"$work/line"; then
        echo "case=$case backend=$backend server=$kind $(head -n 1 "$work/line")" >>"$work/lines"
    else
        broken="$broken $kind $backend " status=1
        cat "$log" >&2
    fi
    kill "$server" 2>/dev/null
    wait "$server"
    server=''
}

for round in $(seq $rounds); do
    for backend in uring epoll; do
        for kind in C Lua; do
            measure "$round" 50x32 "$kind" "$backend" --connections 50 --pipeline 32 "$@"
            measure "$round" 1x1 "$kind" "$backend" --connections 1 --pipeline 1 "$@"
        done
    done
done

[ "$cores" -gt 1 ] || echo 'One core only: the client takes its time from the server.'
[ -s "$work/lines" ] && awk '
    function median(values,    list, count, i, j, swap) {
        count = split(values, list, " ")
        for (i = 2; i <= count; i++)
            for (j = i; j > 1 && list[j - 1] + 0 > list[j] + 0; j--) {
                swap = list[j]; list[j] = list[j - 1]; list[j - 1] = swap
            }
        return count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
    }
    function figures(row, name,    i) { # and keeps the medians
        for (i = 1; i <= 4; i++) middle[row, i] = median(seen[row, keys[i]])
        printf "%-8s %12.0f %12.3f %9.1f %9.1f\n", name, middle[row, 1], middle[row, 2], \
            middle[row, 3], middle[row, 4]
    }
    function part(a, b) { return b > 0 ? sprintf("%.2f", a / b) : "-" }
    BEGIN { split("packets_per_second cpu_us_per_packet p50_us p99_us", keys, " ") }
    {
        for (i = 1; i <= NF; i++) {
            at = index($i, "=")
            value[substr($i, 1, at - 1)] = substr($i, at + 1)
        }
        group = sprintf("%-6s %-7s", value["case"], value["backend"])
        row = group value["server"]
        if (!(group in known)) groups[++group_count] = group
        known[group] = known[row] = 1
        for (i = 1; i <= 4; i++) seen[row, keys[i]] = seen[row, keys[i]] " " value[keys[i]]
    }
    END {
        printf "Packets of %d bytes; 50x32: on 50 connections, 32 on their way on each.\n", \
            value["size"]
        printf "%-6s %-7s %-8s %12s %12s %9s %9s\n", "case", "backend", "server", "packets/s", \
            "CPU us/pkt", "p50 us", "p99 us"
        for (g = 1; g <= group_count; g++) {
            c = groups[g] "C"
            lua = groups[g] "Lua"
            if (c in known) { printf "%s ", groups[g]; figures(c, "C") }
            if (lua in known) { printf "%s ", groups[g]; figures(lua, "Lua") }
            if (!(c in known) || !(lua in known)) continue
            printf "%s %-8s", groups[g], "Lua / C"
            for (i = 1; i <= 4; i++)
                printf(i < 3 ? " %12s" : " %9s", part(middle[lua, i], middle[c, i]))
            printf "\n"
        }
    }' "$work/lines"
exit "$status"
