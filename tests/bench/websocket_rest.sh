# websocket_rest.sh - what `./dev bench websocket` measures besides messages, for websocket.sh to source: memory of
# WebSockets that rest, and how long others wait while thousands come.
# shellcheck shell=sh disable=SC2154,SC2034 # $host, $port, $work, $on_client, $absent and $status are websocket.sh's

# ---- memory at rest ----

# Each connection takes a descriptor of the client and one of the server, which need some more.
limit_held() {
    # shellcheck disable=SC3045 # what /bin/sh is anywhere knows it
    most_files=$(ulimit -H -n)
    held=20000
    [ "$most_files" != unlimited ] || return 0
    [ "$held" -gt $((most_files - 100)) ] || return 0
    held=$((most_files - 100))
    echo "20,000 are NOT MEASURED: no process may have more than $most_files descriptors here (ulimit -H -n);" \
        "$held are."
}

has_memory() { # KIBIBYTES
    free=$(sed -n 's/^MemAvailable: *\([0-9]*\) .*/\1/p' /proc/meminfo)
    [ "${free:-0}" -ge "$1" ]
}

# A fresh server for each: what earlier connections left behind would count.
hold() { # TITLE NAME CLIENT CLIENT'S-FLAGS [SERVER'S FLAG...]
    title=$1 name=$2 client=$3 flags=$4
    shift 4
    case $absent in *" $name "*) return ;; esac
    printf '\r%-40s' "$title" >&2
    server_launch "$name" echo "$work/$name.log" "$@"
    servers=/$server # websocket.sh ends them
    bytes_each=''
    # shellcheck disable=SC2086 # words
    if record "$name $title:" "$work/$name.log" $on_client "$MOONPORT_BENCH/bench-$client" "$host:$port" \
        --pid "$server" --connections "$held" $flags; then
        bytes_each=$(sed -E 's/.* bytes_(each|per_connection)=([0-9]*).*/\2/' "$work/line")
        printf '\r' >&2
        awk -v title="$title" -v each="$bytes_each" '{
            for (i = 1; i <= NF; i++) { at = index($i, "="); value[substr($i, 1, at - 1)] = substr($i, at + 1) }
            printf "%-40s %9d %12d %12.1f %9.1f\n", title, value["connections"], each, \
                value["rss_begin_bytes"] / 1048576, value["rss_end_bytes"] / 1048576
        }' "$work/line"
    fi
    servers_end
}

run_idle() {
    limit_held
    places=$((held + 100))
    printf '%-40s %9s %12s %12s %9s\n' 'At rest, each has said one message' held 'bytes each' 'MiB: none' 'then'
    hold 'bare C' bare websocket_hold ''
    hold 'floor: wslay' wslay websocket_hold ''
    hold 'Moonport, packets (no WebSockets)' lua hold '--size 200' --max-connections "$places" --framing length
    of_packets=$bytes_each
    hold 'Moonport' lua websocket_hold '' --max-connections "$places"
    of_websockets=$bytes_each
    hold 'Moonport, compress=true' lua websocket_hold '--compress yes' --max-connections "$places" \
        --framing websocket,compress=true
    if has_memory 2500000; then
        hold 'Moonport, compress=takeover' lua websocket_hold '--compress yes' --max-connections "$places" \
            --framing websocket,compress=takeover --memory 2G
    else
        echo 'Moonport, compress=takeover is NOT MEASURED: that takes 2.5 GB of memory, which is not free here'
    fi
    hold 'ws' ws websocket_hold ''
    hold 'uWebSockets (Bun)' uws websocket_hold ''
    echo
    [ -z "$of_packets" ] || [ -z "$of_websockets" ] ||
        echo "A WebSocket of Moonport's takes $((of_websockets - of_packets)) bytes more than its other connections."
    echo 'Bytes each: the growth of resident memory for each connection, all told; what the kernel keeps for sockets is not in it.'
}

# ---- a storm ----

turns() { # p50|p99|max
    MOONPORT_TOKEN=$token "$MOONPORT_PROGRAM" stats --admin "$host:$((port + 1))" |
        awk -v name="turn.$1" '$1 == name { print 1e6 * $2 }'
}

# The echo has the client's processor whenever it wants it: the storm is less urgent. Both programs end by themselves.
storm() { # TITLE STORM(yes|no) BACKEND
    token=websocket-websocket
    server_launch lua echo "$work/lua.log" --admin "$host:$((port + 3))" --admin-token "$token" --backend "$3"
    servers=/$server gale=''
    if [ "$2" = yes ]; then
        # shellcheck disable=SC2086 # words
        {
            sleep 0.5
            exec nice -n 19 $on_client "$MOONPORT_BENCH/bench-websocket_storm" "$host:$port" --seconds "$((seconds + 2))"
        } >"$work/storm" 2>&1 &
        gale=$!
        sleep 1
    fi
    # shellcheck disable=SC2086 # words
    record "storm $1" "$work/lua.log" $on_client "$MOONPORT_BENCH/bench-websocket_load" "$host:$port" \
        --pid "$server" --seconds "$seconds" &&
        echo "$(cat "$work/line") turn_p50=$(turns p50) turn_p99=$(turns p99) turn_max=$(turns max)" \
            >"$work/line"
    if [ -n "$gale" ] && ! wait "$gale"; then
        status=1
        cat "$work/storm" >&2
    fi
    [ -z "$gale" ] || cat "$work/storm" >>"$work/line"
    tr '\n' ' ' <"$work/line" | awk -v title="$1" '{
        for (i = 1; i <= NF; i++) { at = index($i, "="); value[substr($i, 1, at - 1)] = substr($i, at + 1) }
        printf "%-22s %12d %9.0f %9.0f %9.0f %9.0f %9.0f %9.0f\n", title, value["handshakes_per_second"], \
            value["p50_us"], value["p99_us"], value["max_us"], value["turn_p50"], value["turn_p99"], value["turn_max"]
    }'
    servers_end
}

run_storm() {
    seconds=${seconds:-5} seconds=${seconds%.*}
    [ "${seconds:-0}" -gt 0 ] || seconds=1
    printf '%-22s %12s %29s %29s\n' 'One echo of 20 B' 'handshakes/s' 'echo us: p50, p99, max' 'a turn us: p50, p99, max'
    for backend in epoll uring; do
        storm "alone, $backend" no "$backend"
        storm "in a storm, $backend" yes "$backend"
    done
    echo
    echo 'A turn: what the worker does between two waits. The storm has 64 clients on their way at any time, on the processor'
    echo 'of the echo, but less urgent.'
}
