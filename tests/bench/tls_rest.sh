# tls_rest.sh - what `./dev bench tls` measures besides messages and handshakes one after the other, for tls.sh to source:
# memory of connections that rest, two workers beside two processes, and how long others wait in a storm.
# shellcheck shell=sh disable=SC2154,SC2034 # $host, $port, $work, $first, $on_client, $absent and $status are tls.sh's

# ---- memory at rest ----

# A fresh server for each: what earlier connections left behind would count. Leaves $bytes_each.
hold() { # TITLE NAME SECURITY CLIENT'S-FLAGS [SETTING VALUE]...
    title=$1 name=$2 security=$3 flags=$4 bytes_each=''
    shift 4
    case $absent in *" $name "*) return ;; esac
    server_launch "$name" "$security" "$work/$name.log" "$@"
    servers=/$server # tls.sh ends them
    # shellcheck disable=SC2086 # words
    if record "$name $title:" "$work/$name.log" $on_client "$MOONPORT_BENCH/bench-tls_hold" "$host:$port" \
        --pid "$server" --connections "$held" $flags; then
        bytes_each=$(sed 's/.* bytes_each=\([0-9]*\).*/\1/' "$work/line")
        printf '%-28s %-22s %12d\n' "$(server_title "$name")" "$title" "$bytes_each"
    fi
    servers_end
}

# haproxy and nginx take two descriptors for each.
# shellcheck disable=SC3045 # what /bin/sh is anywhere knows it
limit_held() {
    held=5000
    ulimit -n "$(ulimit -H -n)"
    most_files=$(ulimit -n)
    [ "$most_files" != unlimited ] || return 0
    [ $((2 * held)) -gt $((most_files - 200)) ] || return 0
    held=$((most_files / 2 - 100))
    echo "5000 are NOT MEASURED: no process may have more than $most_files descriptors here (ulimit -H -n); $held are."
}

run_idle() {
    limit_held
    echo "At rest, $held of them; each has said one packet:"
    printf '%-28s %-22s %12s\n' '' '' 'bytes each'
    for name in floor c lua; do
        settings=''
        [ "$name" = floor ] || settings="max_connections $((held + 200))"
        # shellcheck disable=SC2086 # words
        for kind in plain 1.3 1.2 silent; do
            case $kind in
            plain) hold 'plain' "$name" plain '--version none' $settings && plain=$bytes_each ;;
            silent) hold 'TLS, nothing said' "$name" tls '--silent yes' $settings ;;
            *) hold "TLS $kind" "$name" tls "--version $kind" $settings ;;
            esac
            [ "$name/$kind" != c/1.3 ] || of_c=$((bytes_each - plain))
        done
    done
    for name in haproxy nginx node; do hold 'TLS 1.3' "$name" tls '--version 1.3'; done
    echo
    echo "In C on the engine a connection with TLS 1.3 takes $of_c bytes more than one without:" \
        "$([ "$of_c" -le 14500 ] && echo within || echo 'MORE THAN') 14.5 KB."
    echo 'Bytes each: the growth of resident memory for each connection, without what the kernel keeps for sockets.'
}

# ---- two workers, two processes ----

# The command that asks a server, for a shell.
question() { # PORT/PID FILE
    echo "$before $MOONPORT_BENCH/bench-tls_$client $host:${1%/*} --pid ${1#*/} --seconds $seconds $flags >$2 2>>$work/complaint"
}

# Two clients at the same time, started by one who does not have to wait for that. Each measures all that its server uses.
ask_both() { # KIND PORT/PID PORT/PID
    : >"$work/complaint"
    # shellcheck disable=SC2086 # words
    if timeout 60 $starter sh -c "$(question "$2" "$work/one") & $(question "$3" "$work/two"); them=\$?; wait \$! && exit \$them"; then
        sed -n "/cpu_us/s|^|$case $1 $round |p" "$work/one" "$work/two" >>"$work/said"
    else
        status=1
        printf '\nbench: %s, %s: FAILED\n' "$case" "$1" >&2
        cat "$work/complaint" "$work"/workers-*.log >&2
    fi
}

# All have both processors, but clients come first: they make work for both workers, and then wait.
run_workers() {
    rounds=${rounds:-11} seconds=${seconds:-0.5} before='' starter='' on_server="nice -n 10 taskset -c 0,1"
    [ -z "$first" ] || starter='chrt --rr 3' before='chrt --rr 2' on_server="$first taskset -c 0,1"
    [ "$(nproc)" -gt 1 ] || die 3 'two workers need two processors'
    plan | awk -v only="$only" '$1 !~ /^echo(64x1|16K)$/ && $1 ~ only' >"$work/plan"
    while read -r case security client flags <&3; do
        server_launch c "$security" "$work/workers-both.log" workers 2
        servers=/$server both=$port/$server
        server_launch c "$security" "$work/workers-first.log"
        servers="$servers /$server" alone=$port/$server
        server_launch c "$security" "$work/workers-second.log"
        servers="$servers /$server" other=$port/$server
        for round in $(seq "$rounds"); do
            printf '\r%s: round %s of %s ' "$case" "$round" "$rounds" >&2
            [ $((round % 2)) -eq 0 ] || ask_both workers "$both" "$both"
            ask_both processes "$alone" "$other"
            [ $((round % 2)) -eq 1 ] || ask_both workers "$both" "$both"
        done
        servers_end
        echo >&2
    done 3<"$work/plan"
    awk -f "$here/rounds.awk" -f "$here/tls_workers.awk" "$work/said"
}

# ---- a storm ----

turns() { # p50|p99|max
    MOONPORT_TOKEN=$token "$MOONPORT_PROGRAM" stats --admin "$host:$((port + 1))" |
        awk -v name="turn.$1" '$1 == name { print 1e6 * $2 }'
}

# The 50 have the client's processor whenever they want it: the storm is less urgent. Both programs end by themselves.
storm() { # TITLE STORM(yes|no) BACKEND [SETTING VALUE]...
    title=$1 blows=$2 backend=$3 token=storm-of-tls-storm gale=''
    shift 3
    server_launch lua tls "$work/lua.log" admin "$host:$((port + 3))" admin_token "$token" backend "$backend" "$@"
    servers=/$server
    if [ "$blows" = yes ]; then
        {
            sleep 1
            # shellcheck disable=SC2086 # words
            exec $behind_them taskset -c "$client_core" "$MOONPORT_BENCH/bench-tls_shake" "$host:$port" --flight 1000 \
                --at-once yes --seconds "$((seconds - 1))"
        } >"$work/storm" 2>&1 &
        gale=$!
    fi
    # shellcheck disable=SC2086 # words
    record "storm $title" "$work/lua.log" $before taskset -c "$client_core" "$MOONPORT_BENCH/bench-tls_load" "$host:$port" --connections 50 \
        --pipeline 64 --every 0.02 --seconds "$seconds" &&
        echo "$(cat "$work/line") turn_p50=$(turns p50) turn_p99=$(turns p99) turn_max=$(turns max)" >"$work/line"
    if [ -n "$gale" ] && ! wait "$gale"; then
        status=1
        cat "$work/storm" >&2
    fi
    [ -z "$gale" ] || cat "$work/storm" >>"$work/line"
    tr '\n' ' ' <"$work/line" | awk -v title="$title" '{
        for (i = 1; i <= NF; i++) { at = index($i, "="); value[substr($i, 1, at - 1)] = substr($i, at + 1) }
        printf "%-22s %6d %9.0f %9.0f %9.0f %9.0f %9.0f %9.0f %9.0f %9.0f\n", title, value["storms"], \
            value["wait_p50_us"], value["wait_max_us"], value["p50_us"], value["p99_us"], value["max_us"], \
            value["turn_p50"], value["turn_p99"], value["turn_max"]
    }'
    servers_end
}

run_storm() {
    seconds=${seconds:-8} seconds=${seconds%.*}
    [ "${seconds:-0}" -gt 2 ] || seconds=3
    before='' behind_them='nice -n 19'
    [ -z "$first" ] || before='chrt --rr 2' behind_them=$first
    printf '%-22s %6s %19s %29s %29s\n' 'microseconds' 'storms' 'a thousand: p50, max' 'of 50: p50, p99, max' 'a turn: p50, p99, max'
    for backend in epoll uring; do
        storm "alone, $backend" no "$backend"
        storm "in storms, $backend" yes "$backend"
    done
    echo
    echo 'A storm: 1000 clients that connect at the same time, shake hands, and are answered; their first messages were made'
    echo 'before. It is on the processor of the 50, but less urgent. Each of the 50 sends a packet 50 times a second. A turn:'
    echo 'what the worker does between two waits.'
}
