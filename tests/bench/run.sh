#!/bin/sh
# run.sh - Moonport beside the least that its work costs, and beside others that do that work.
# `./dev bench` builds what it needs and runs it; README.md says what is measured.
#
# A server has one worker, on the first processor; the client has the second. Within each case the
# servers take turns, another one begins in each round, and what counts is the ratio to the floor of
# the same run: whatever else the machine does meets all of them.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
server_names='' # servers.sh says
# shellcheck source=/dev/null # beside this: what the machine is, the servers, the cases
for part in machine servers plan; do . "$here/$part.sh"; done

usage='./dev bench [--quick] [--rounds N] [--seconds S] [--only REGEX]'
quick=no rounds='' seconds='' only='' held=20000
figures='per_second cpu_us p50_us p99_us rss_begin_bytes rss_end_bytes bytes_per_connection'
figures="$figures allocated_bytes_per_connection cpu_percent_at_rest connections pipeline size seconds"

die() { # STATUS MESSAGE
    printf 'bench: %s\n' "$2" >&2
    exit "$1"
}

help() {
    cat <<EOF
$usage

  --quick         a minute instead of ten: fewer cases, two rounds, fewer connections held
  --rounds N      how often everything is measured: 7, or 2 with --quick
  --seconds S     how long each measurement takes: 0.5, or 0.35 with --quick
  --only REGEX    only what matches "CASE SERVER/BACKEND", for example '^50x32 ' or 'fanout.*node';
                  the floor of these cases is measured as well

Cases: $(plan | cut -d ' ' -f 1 | uniq | tr '\n' ' ')
Servers: $server_names
EOF
}

while [ $# -gt 0 ]; do
    flag=$1
    case $flag in
    --help | -h) help && exit ;;
    --quick) quick=yes && shift && continue ;;
    --*=*) value=${flag#*=} flag=${flag%%=*} ;;
    --*) if [ $# -gt 1 ]; then value=$2 && shift; else value=''; fi ;;
    *) die 2 "what is $flag? $usage" ;;
    esac
    shift
    case $flag in
    --rounds) rounds=$value ;;
    --seconds) seconds=$value ;;
    --only) only=$value ;;
    *) die 2 "no such flag: $flag; $usage" ;;
    esac
    [ -n "$value" ] || die 2 "$flag needs a value; $usage"
done
[ -n "${MOONPORT_BENCH-}" ] || die 2 'which programs? Run it as ./dev bench'
if [ "$quick" = yes ]; then
    rounds=${rounds:-2} seconds=${seconds:-0.35}
else
    rounds=${rounds:-7} seconds=${seconds:-0.5}
fi
case $rounds in *[!0-9]* | 0) die 2 "--rounds cannot be $rounds: a number, 1 or more" ;; esac
case $seconds in *[!0-9.]* | *.*.* | .) die 2 "--seconds cannot be $seconds: 0.5, or 1" ;; esac
printf x | grep -Eq -e "$only|x" 2>/dev/null || die 2 "--only cannot be $only: it is no regex"

server_core=0 client_core=$(($(nproc) > 1))
# shellcheck disable=SC2034 # servers.sh
on_server="taskset -c $server_core" on_client="taskset -c $client_core"
out=$MOONPORT_BENCH_OUT csv=$MOONPORT_BENCH_OUT/figures.csv
host=127.0.0.1 port=$((20000 + $$ % 10000)) # below those that systems give to clients
server='' absent=' ' broken='' others='' status=0

work=$(mktemp -d) || exit 3
log=$work/log
trap '[ -z "$server" ] || kill -KILL "$server"; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$out" || exit 3

# ---- one measurement ----

record() { # STATE OTHERS,STOLEN [CLIENT'S LINE]
    printf '%s\n' "${3-}" | awk -v begin="$round,$case,$step,$name,$backend,$1" -v end="$2" \
        -v keys="$figures" '{
        for (i = 1; i <= NF; i++) {
            at = index($i, "=")
            key = substr($i, 1, at - 1)
            sub(/^[a-z]*_per_second/, "per_second", key)
            sub(/_per_(packet|delivery|firing)$/, "", key)
            value[key] = substr($i, at + 1)
        }
        count = split(keys, key_of, " ")
        printf "%s", begin
        for (i = 1; i <= count; i++) printf ",%s", value[key_of[i]]
        print "," end
    }' >>"$csv"
}

stop_server() {
    kill -KILL "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=''
}

fall_out() {
    broken="$broken $case/$step/$name/$backend "
    status=1
    printf 'bench: %s %s, %s: FAILED. What the client says, and the server:\n' \
        "$case" "$step" "$(server_title "$name" "$backend")" >&2
    cat "$work/complaint" "$log" >&2
    record failed "$others"
}

measure() { # CLIENT'S FLAGS...
    port=$((port < 30000 ? port + 1 : 20000))
    machine_begin
    export BENCH_TIMERS="$step"
    server_start "$name" "$backend" "$mode" "$host" "$port" $((most + 100))
    # shellcheck disable=SC2086 # words
    timeout 60 $on_client "$MOONPORT_BENCH/bench-$client" "$host:$port" --pid "$server" \
        --seconds "$seconds" "$@" >"$work/line" 2>"$work/complaint"
    failed=$?
    stop_server
    machine_end
    if [ $failed -eq 0 ]; then record ok "$others" "$(head -n 1 "$work/line")"; else fall_out; fi
}

# ---- the plan ----

wanted() { # FLAVOUR
    [ -z "$only" ] || printf '%s %s\n' "$case" "$1" | grep -Eq -e "$only"
}

case_is_wanted() {
    for flavour in $flavours; do wanted "$flavour" && return; done
    return 1
}

take_turn() { # CLIENT'S FLAGS...
    cannot=$(server_cannot "$name" "$mode")
    case $absent in *" $name "*) return ;; esac
    case $broken in *" $case/$step/$name/$backend "*) return ;; esac
    if [ -n "$cannot" ]; then record cannot 0,0; else measure "$@"; fi
}

run_case() { # CLIENT'S FLAGS...
    flavours=$(plan_servers "$case" "$step")
    case_is_wanted || return
    printf 'round %s of %s: %s %s\n' "$round" "$rounds" "$case" "${step#0}" >&2
    # shellcheck disable=SC2086 # words
    for flavour in $(rotate "$round" $flavours); do
        name=${flavour%/*} backend=${flavour#*/}
        if [ "$name" = floor ] || wanted "$flavour"; then take_turn "$@"; fi
    done
}

# The same words, another one first each time.
rotate() { # TIMES WORD...
    times_left=$(($1 % ($# - 1)))
    shift
    while [ $times_left -gt 0 ]; do
        first=$1 times_left=$((times_left - 1))
        shift
        set -- "$@" "$first"
    done
    echo "$@"
}

# Lines of growth and memory differ little from round to round, and take long.
is_due() { # WHEN
    case $1 in
    all) return 0 ;;
    few) [ $((round % 2)) -eq 1 ] ;;
    idle) [ "$round" -eq 1 ] || { [ "$quick" = no ] && [ "$round" -eq "$rounds" ]; } ;;
    esac
}

run_round() {
    while read -r case step mode client when most flags <&3; do
        # shellcheck disable=SC2086 # words
        if is_due "$when"; then run_case $flags; fi
    done 3<"$work/plan"
}

# ---- before and after ----

# Each connection takes a descriptor of the client and one of the server, which need some more.
limit_held() {
    # shellcheck disable=SC3045 # what /bin/sh is anywhere knows it
    most_files=$(ulimit -H -n)
    [ "$most_files" != unlimited ] || return 0
    [ "$held" -gt $((most_files - 100)) ] || return 0
    echo "No process may have more than $most_files descriptors here (ulimit -H -n): not $held" \
        "connections are held, but $((most_files - 100))."
    held=$((most_files - 100))
}

introduce() {
    machine_describe
    machine_look_around
    [ "$client_core" -gt 0 ] || echo 'WARNING: one processor only: the client takes its time from the server.'
    echo 'Every server has one processor and one thread that works, the client the other one; all cut the' \
        'same packets and'
    echo 'call a handler for each; every byte that comes back is checked.'
    for name in $server_names; do
        missing=$(server_missing "$name")
        if [ -z "$missing" ]; then
            printf '  %-13s %s (%s)\n' "$(server_title "$name" '')" "$(server_work "$name")" \
                "$(server_version "$name")"
        else
            printf '  %-13s LEFT OUT: there is no %s\n' "$(server_title "$name" '')" "$missing"
            absent="$absent$name "
        fi
    done
    limit_held
    echo
}

tell() {
    for name in $server_names; do
        for backend in '' uring epoll auto; do
            printf '%s,%s,%s\n' "$name" "$backend" "$(server_title "$name" "$backend")"
        done
    done >"$work/titles"
    awk -f "$here/medians.awk" "$csv" >"$out/medians.csv" &&
        awk -v titles="$work/titles" -f "$here/table.awk" "$out/medians.csv" &&
        awk -f "$here/growth.awk" "$out/medians.csv" &&
        awk -f "$here/busy.awk" "$csv" || exit 3
    draw
}

draw() {
    if command -v gnuplot >/dev/null; then
        # It warns of cases that were not measured.
        if gnuplot -e "medians='$out/medians.csv'; picture='$out/chart.svg'" "$here/plot.gp" \
            >"$log" 2>&1; then
            echo "The chart: $out/chart.svg"
        else
            cat "$log" >&2
            status=3
        fi
    else
        echo 'There is no chart: gnuplot is missing (apt install gnuplot-nox).'
    fi
    echo "All figures: $csv"
}

introduce
plan >"$work/plan"
# shellcheck disable=SC2086 # words
echo round case step server backend state $figures others_percent stolen_percent | tr ' ' ',' >"$csv"
for round in $(seq "$rounds"); do run_round; done
[ "$(wc -l <"$csv")" -gt 1 ] || die 2 "nothing matches --only $only: see $usage --help"
tell
exit "$status"
