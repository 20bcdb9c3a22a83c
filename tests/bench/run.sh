#!/bin/sh
# run.sh - Moonport beside the least that its work costs, and beside others that do that work.
# `./dev bench` builds what it needs and runs it; README.md says what is measured.
#
# A server has one worker, on the first processor; the client has the second. All servers of a case are
# started once and stay. The client goes round, a tenth of a second with each, and begins with another
# one in each round. What counts is the ratio to the floor of the same round: whatever else the machine
# does meets all of them.
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

  --quick         a minute instead of six: fewer cases and rounds, fewer connections held
  --rounds N      how many turns each server has in a case: 25, or 7 with --quick
  --seconds S     how long a turn takes: 0.1
                  (Lines of growth and memory at rest have rounds and seconds of their own.)
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
    rounds=${rounds:-7} held=2000
fi
rounds=${rounds:-25} seconds=${seconds:-0.1}
case $rounds in *[!0-9]* | 0*) die 2 "--rounds cannot be $rounds: a number, 1 or more" ;; esac
case $seconds in *[!0-9.]* | *.*.* | .) die 2 "--seconds cannot be $seconds: 0.1, or 1" ;; esac
printf x | grep -Eq -e "$only|x" 2>/dev/null || die 2 "--only cannot be $only: it is no regex"

server_core=0 client_core=$(($(nproc) > 1))
# shellcheck disable=SC2034 # servers.sh
on_server="taskset -c $server_core" on_client="taskset -c $client_core"
# shellcheck disable=SC2034 # machine.sh
awake=''
out=$MOONPORT_BENCH_OUT csv=$MOONPORT_BENCH_OUT/figures.csv
host=127.0.0.1 servers='' absent=' ' others='' status=0

work=$(mktemp -d) || exit 3
trap 'servers_stop; machine_may_rest; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$out" || exit 3

# ---- one measurement ----

record() { # STATE [CLIENT'S LINE]
    printf '%s %s\n' "$round,$case,$step,$name,$backend,$1" "${2-}" >>"$work/said"
}

fall_out() { # NAME/BACKEND/PORT/PID
    status=1
    printf 'bench: %s, %s: FAILED. What the client says, and the server:\n' \
        "$where" "$(server_title "$name" "$backend")" >&2
    cat "$work/complaint" "$(server_log "$name" "$backend")" >&2
    record failed
    server_stop "$1"
    # shellcheck disable=SC2086 # words
    taking_part=$(without "$name/$backend" $taking_part)
}

take_turn() { # NAME/BACKEND/PORT/PID
    IFS=/ read -r name backend its_port pid <<END
$1
END
    # shellcheck disable=SC2086 # words
    if timeout 60 $on_client "$MOONPORT_BENCH/bench-$client" "$host:$its_port" --pid "$pid" \
        --seconds "$turn_seconds" $flags >"$work/line" 2>"$work/complaint"; then
        read -r line <"$work/line"
        record ok "$line"
    else
        fall_out "$1"
    fi
}

# ---- the plan ----

wanted() { # NAME/BACKEND
    [ -z "$only" ] || printf '%s %s\n' "$case" "$1" | grep -Eq -e "$only"
}

any_is_wanted() { # NAME/BACKEND...
    for flavour; do wanted "$flavour" && return; done
    return 1
}

# Leaves in $taking_part who is wanted, here, and able to; the floor is wanted with anybody.
choose() { # NAME/BACKEND...
    taking_part='' round=1 # which those that cannot are recorded in
    any_is_wanted "$@" || return
    for flavour; do
        name=${flavour%/*} backend=${flavour#*/}
        case $absent in *" $name "*) continue ;; esac
        [ "$name" = floor ] || wanted "$flavour" || continue
        if [ -n "$(server_cannot "$name" "$mode")" ]; then
            record cannot
        else
            taking_part="$taking_part $flavour"
        fi
    done
}

# A turn of each that runs. Memory at rest is that of a new server, started for its turn: what earlier
# connections left behind would count.
run_round() {
    if [ "$client" = hold ]; then
        for flavour in $taking_part; do
            server_start "$flavour"
            take_turn "${servers# }"
            servers_stop
        done
    else
        for each in $servers; do take_turn "$each"; done
    fi
}

run_rounds() {
    [ "$case" != 1x1awake ] || machine_stay_awake
    [ "$client" = hold ] || for flavour in $taking_part; do server_start "$flavour"; done
    for round in $(seq "$case_rounds"); do
        [ -n "$taking_part" ] || break
        machine_begin
        run_round
        machine_end
        echo "others $others" >>"$work/said"
        # shellcheck disable=SC2086 # words
        taking_part=$(rotate $taking_part) servers=$(rotate $servers)
    done
    servers_stop
    machine_may_rest
}

# The same words, another one first.
rotate() { # [WORD...]
    [ $# -gt 0 ] || return
    first=$1
    shift
    echo "$@" "$first"
}

run_case() {
    where="$case ${step#0}" where=${where% }
    : >"$work/said"
    # shellcheck disable=SC2046 # words
    choose $(plan_servers "$case" "$step")
    [ -z "$taking_part" ] || printf '%s, %s times %s s:%s\n' "$where" "$case_rounds" "$turn_seconds" \
        "$taking_part" >&2
    run_rounds
    awk -v keys="$figures" -f "$here/figures.awk" "$work/said" >>"$csv"
}

run_plan() {
    # shellcheck disable=SC2034 # servers.sh: $most
    while read -r case step mode client case_rounds turn_seconds most flags <&3; do
        run_case
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
            >"$work/gnuplot.log" 2>&1; then
            echo "The chart: $out/chart.svg"
        else
            cat "$work/gnuplot.log" >&2
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
run_plan
[ "$(wc -l <"$csv")" -gt 1 ] || die 2 "nothing matches --only $only: see $usage --help"
tell
exit "$status"
