#!/bin/sh
# websocket.sh - Moonport's WebSockets beside a floor in C, npm's ws and uWebSockets: what a message costs, what one costs
# that rests, and how long others wait while thousands come. `./dev bench websocket` builds what it needs and runs it;
# README.md says what is measured.
#
# A server has one worker, on the first processor; the client has the second. All servers of a case are started once. The
# client goes round, and begins with another one in each round. What counts is the ratio to the floor of the same round.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
# shellcheck disable=SC2034 # websocket_servers.sh
root=$(CDPATH='' cd -- "$here/../.." && pwd) || exit 3
usage='./dev bench websocket [--rounds N] [--seconds S] [--only REGEX] | --idle | --storm'
what=speed rounds='' seconds='' only=.

die() { # STATUS MESSAGE
    printf 'bench: %s\n' "$2" >&2
    exit "$1"
}

help() {
    cat <<END
$usage

                  what a message costs each server, in turns: two minutes
  --rounds N      how many turns each server has in a case: 11
  --seconds S     how long a turn takes: 0.2
  --only REGEX    only cases that match: echo20x32 echo20x1 echo1K echo64K broadcast
  --idle          memory of 20,000 WebSockets that rest, compressed ones too
  --storm         how long an echo takes while thousands of WebSockets come and go each second
END
}

while [ $# -gt 0 ]; do
    flag=$1 value=${2-}
    case $flag in
    --help | -h) help && exit ;;
    --idle | --storm) what=${flag#--} && shift && continue ;;
    --rounds) rounds=$value ;;
    --seconds) seconds=$value ;;
    --only) only=$value ;;
    *) die 2 "what is $flag? $usage" ;;
    esac
    [ -n "$value" ] || die 2 "$flag needs a value; $usage"
    shift 2
done
[ -n "${MOONPORT_BENCH-}" ] || die 2 'which programs? Run it as ./dev bench websocket'
case $rounds in *[!0-9]* | 0*) die 2 "--rounds cannot be $rounds: a number, 1 or more" ;; esac
case $seconds in *[!0-9.]* | *.*.* | .) die 2 "--seconds cannot be $seconds: 0.2, or 1" ;; esac
printf x | grep -Eq -e "$only|x" 2>/dev/null || die 2 "--only cannot be $only: it is no regex"

server_core=0 client_core=$(($(nproc) > 1))
# shellcheck disable=SC2034 # websocket_servers.sh
on_server="taskset -c $server_core" on_client="taskset -c $client_core"
# shellcheck disable=SC2034 # machine.sh
awake=''
host=127.0.0.1 servers='' absent=' ' status=0
server_names='' port='' server='' # websocket_servers.sh

work=$(mktemp -d) || exit 3
trap 'servers_end; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
: >"$work/said"

# shellcheck source=/dev/null # beside this: what the machine is, the servers, what rests and who comes
for part in machine websocket_servers websocket_rest; do . "$here/$part.sh"; done

servers_end() {
    for each in $servers; do server_end "${each##*/}"; done
    servers=''
}

# Runs a client, and keeps the line it says behind WORDS; without it a server has failed, and its log is shown.
record() { # WORDS LOG COMMAND...
    words=$1 log=$2
    shift 2
    if timeout 300 "$@" >"$work/line" 2>"$work/complaint"; then
        sed "s/^/$words /" "$work/line" >>"$work/said"
    else
        status=1
        printf 'bench: %s: FAILED\n' "$words" >&2
        cat "$work/complaint" "$log" >&2
        return 1
    fi
}

# ---- the cases ----

# A line each: its name, how servers work (echo, broadcast), the client and flags for it.
plan() {
    echo echo20x32 echo load --connections 50 --pipeline 32 --size 20
    echo echo20x1 echo load --connections 1 --pipeline 1 --size 20
    echo echo1K echo load --connections 50 --pipeline 4 --size 1024
    echo echo64K echo load --connections 10 --pipeline 2 --size 65536
    echo broadcast broadcast fanout --receivers 1000 --size 20
}

run_case() {
    servers=''
    for name in $server_names; do
        case $absent in *" $name "*) continue ;; esac
        server_launch "$name" "$mode" "$work/$name.log"
        servers="$servers $name/$port/$server"
    done
    for round in $(seq "$rounds"); do
        printf '\r%s: round %s of %s ' "$case" "$round" "$rounds" >&2
        for each in $servers; do
            IFS=/ read -r name its_port pid <<END
$each
END
            # shellcheck disable=SC2086 # words
            record "$case $name $round" "$work/$name.log" $on_client "$MOONPORT_BENCH/bench-websocket_$client" \
                "$host:$its_port" --pid "$pid" --seconds "$seconds" $flags
        done
        # shellcheck disable=SC2086 # words
        servers=$(rotate $servers)
    done
    servers_end
    echo >&2
}

# The same words, another one first.
rotate() { # WORD...
    first=$1
    shift
    echo "$@" "$first"
}

run_speed() {
    rounds=${rounds:-11} seconds=${seconds:-0.2}
    plan | awk -v only="$only" '$1 ~ only' >"$work/plan"
    [ -s "$work/plan" ] || die 2 "no case matches --only $only: see ./dev bench websocket --help"
    while read -r case mode client flags <&3; do run_case; done 3<"$work/plan"
    awk -f "$here/rounds.awk" -f "$here/websocket.awk" "$work/said"
}

machine_describe
machine_look_around
[ "$client_core" -gt 0 ] || echo 'WARNING: one processor only: the client takes its time from the server.'
servers_obtain
servers_introduce
echo
case $what in
speed) run_speed ;;
idle) run_idle ;;
storm) run_storm ;;
esac
exit "$status"
