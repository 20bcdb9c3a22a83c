#!/bin/sh
# tls.sh - Moonport's TLS beside a floor in C, haproxy, nginx and node: what a message and a handshake cost, what memory a
# connection takes that rests, whether workers get into each other's way, and how long others wait while a thousand shake
# hands. `./dev bench tls` builds what it needs and runs it; README.md says what is measured.
#
# A server has one worker, on the first processor; the client has the second. All servers of a case are started once. The
# client goes round, and begins with another one in each round. What counts is the ratio to the floor of the same round.
# Where the system allows it, all of them run before other programs: a server that has to wait for its processor finds
# more to do at once when it gets it, and looks cheaper.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
usage='./dev bench tls [--rounds N] [--seconds S] [--only REGEX] | --idle | --workers | --storm'
what=speed rounds='' seconds='' only=.

die() { # STATUS MESSAGE
    printf 'bench: %s\n' "$2" >&2
    exit "$1"
}

help() {
    cat <<END
$usage

                  what a message and a handshake cost each server, in turns: four minutes
  --rounds N      how many turns each server has in a case: 11
  --seconds S     how long a turn takes: 0.2
  --only REGEX    only cases that match: $(plan | cut -d ' ' -f 1 | tr '\n' ' ')
  --idle          memory of connections that rest, and of those that have said nothing yet
  --workers       two workers beside two processes
  --storm         how long 50 others wait while 1000 clients shake hands at once
END
}

# A line each: its name, whether its servers are plain or have TLS, the client and flags for it.
plan() {
    echo echo64x32 tls load --connections 50 --pipeline 32 --size 60 --ahead 26000
    echo echo64x1 tls load --connections 50 --pipeline 1 --size 60
    echo echo16K tls load --connections 8 --pipeline 1 --size 16380
    echo full1.3 tls shake --version 1.3
    echo resumed1.3 tls shake --version 1.3 --resume yes
    echo full1.2 tls shake --version 1.2
    echo resumed1.2 tls shake --version 1.2 --resume yes
    echo visit plain shake --version none
}

while [ $# -gt 0 ]; do
    flag=$1 value=${2-}
    case $flag in
    --help | -h) help && exit ;;
    --idle | --workers | --storm) what=${flag#--} && shift && continue ;;
    --rounds) rounds=$value ;;
    --seconds) seconds=$value ;;
    --only) only=$value ;;
    *) die 2 "what is $flag? $usage" ;;
    esac
    [ -n "$value" ] || die 2 "$flag needs a value; $usage"
    shift 2
done
[ -n "${MOONPORT_BENCH-}" ] || die 2 'which programs? Run it as ./dev bench tls'
case $rounds in *[!0-9]* | 0*) die 2 "--rounds cannot be $rounds: a number, 1 or more" ;; esac
case $seconds in *[!0-9.]* | *.*.* | .) die 2 "--seconds cannot be $seconds: 0.2, or 1" ;; esac
printf x | grep -Eq -e "$only|x" 2>/dev/null || die 2 "--only cannot be $only: it is no regex"

first='' # what begins a command that is to run before others
! chrt --rr 1 true 2>/dev/null || first='chrt --rr 1'
server_core=0 client_core=$(($(nproc) > 1))
# shellcheck disable=SC2034 # tls_servers.sh
on_server="$first taskset -c $server_core" on_client="$first taskset -c $client_core"
# shellcheck disable=SC2034 # machine.sh
awake=''
host=127.0.0.1 servers='' absent=' ' status=0
server_names='' port='' server='' behind='' # tls_servers.sh

work=$(mktemp -d) || exit 3
trap 'servers_end; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
: >"$work/said"

# shellcheck source=/dev/null # beside this: what the machine is, the servers, what rests and who comes
for part in machine tls_servers tls_rest; do . "$here/$part.sh"; done

servers_end() {
    for each in $servers $behind; do server_end "${each##*/}"; done
    servers='' behind=''
}

# Runs a client, and keeps the line it says behind WORDS; without it a server has failed, and its log is shown.
record() { # WORDS LOG COMMAND...
    words=$1 log=$2
    shift 2
    if timeout 300 "$@" >"$work/lines" 2>"$work/complaint"; then
        head -n 1 "$work/lines" >"$work/line"
        sed "s|^|$words |" "$work/line" >>"$work/said"
    else
        status=1
        printf '\nbench: %s: FAILED\n' "$words" >&2
        cat "$work/complaint" "$log" >&2
        return 1
    fi
}

# ---- the cases ----

run_case() {
    servers=''
    for name in $server_names; do
        case $absent in *" $name "*) continue ;; esac
        server_can "$name" "$security" || continue
        server_launch "$name" "$security" "$work/$name.log"
        servers="$servers $name/$port/$server"
    done
    for round in $(seq "$rounds"); do
        printf '\r%s: round %s of %s ' "$case" "$round" "$rounds" >&2
        for each in $servers; do
            IFS=/ read -r name its_port pid <<END
$each
END
            # shellcheck disable=SC2086 # words
            record "$case $name $round" "$work/$name.log" $on_client "$MOONPORT_BENCH/bench-tls_$client" \
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
    before=$1
    shift
    echo "$@" "$before"
}

run_speed() {
    rounds=${rounds:-11} seconds=${seconds:-0.2}
    plan | awk -v only="$only" '$1 ~ only' >"$work/plan"
    [ -s "$work/plan" ] || die 2 "no case matches --only $only: see ./dev bench tls --help"
    while read -r case security client flags <&3; do run_case; done 3<"$work/plan"
    awk -f "$here/rounds.awk" -f "$here/tls.awk" "$work/said"
}

machine_describe
machine_look_around
[ "$client_core" -gt 0 ] || echo 'WARNING: one processor only: the client takes its time from the server.'
[ -n "$first" ] || echo 'WARNING: this user may not run programs before others: believe no ratio of a busy machine.'
certificate_make
servers_obtain
servers_introduce
echo
case $what in
speed) run_speed ;;
idle) run_idle ;;
workers) run_workers ;;
storm) run_storm ;;
esac
exit "$status"
