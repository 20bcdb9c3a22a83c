#!/bin/sh
# jobs.sh - what jobs and calls cost, beside node's worker threads, libuv's pool of threads, and luv on it.
# `./dev bench jobs [--rounds N]` builds what it needs and runs it; README.md says what is measured.
#
# Programs take turns in each round, and are started anew for it: each warms up before it measures.
# Everything runs first on one processor, then on all: where threads sleep on processors of their own,
# most of the time is what it takes to wake those.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
usage='./dev bench jobs [--rounds N]'
port=$((20000 + $$ % 10000)) # below those that systems give to clients
rounds=11 count=3000 server='' status=0

die() { # STATUS MESSAGE
    printf 'bench: %s\n' "$2" >&2
    exit "$1"
}

case ${1-} in --help | -h) echo "$usage" && exit ;; esac
[ $# -ne 2 ] || [ "$1" != --rounds ] || { rounds=$2 && shift 2; }
[ $# -eq 0 ] || die 2 "$usage"
case $rounds in '' | *[!0-9]* | 0*) die 2 "--rounds cannot be $rounds: a number, 1 or more" ;; esac
[ -n "${MOONPORT_BENCH-}" ] || die 2 'which programs? Run it as ./dev bench jobs'

work=$(mktemp -d) || exit 3
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
: >"$work/all"

# ---- who takes part ----

peers=''
# shellcheck disable=SC2046 # words
if cc -O2 -std=gnu11 -D_GNU_SOURCE -I"$here" "$here/servers/jobs.c" -o "$work/uv" \
    $(pkg-config --cflags --libs libuv 2>/dev/null) 2>"$work/log"; then
    peers="$peers uv"
else
    echo 'libuv is LEFT OUT: apt install libuv1-dev'
fi
if lua5.4 -e 'require "luv"' 2>/dev/null; then
    peers="$peers luv"
else
    echo 'luv is LEFT OUT: apt install lua5.4 lua-luv'
fi
if command -v node >/dev/null; then
    peers="$peers node"
else
    echo 'node is LEFT OUT: apt install nodejs'
fi

# ---- one measurement ----

record() { # WHO CASE COMMAND...
    who=$1 case=$2
    shift 2
    if timeout 60 "$@" >"$work/line" 2>"$work/complaint"; then
        sed "s/^/$place $who $case /" "$work/line" >>"$work/all"
    else
        status=1
        printf 'bench: %s, %s: FAILED\n' "$case" "$who" >&2
        cat "$work/complaint" "$work/log" >&2
    fi
}

# shellcheck disable=SC2086 # words, or none
peer() { # NAME CASE COUNT
    case $1 in
    uv) record uv "$2" $on "$work/uv" "$2" "$3" ;;
    luv) record luv "$2" $on lua5.4 "$here/servers/jobs.lua" "$2" "$3" ;;
    node) record node "$2" $on node "$here/servers/jobs.js" "$2" "$3" ;;
    esac
}

start() { # WORKERS
    port=$((port + 1))
    $on "$MOONPORT_PROGRAM" serve "$here/servers/jobs" --listen "127.0.0.1:$port" --framing line \
        --workers "$1" --admin false --reload signal >"$work/log" 2>&1 &
    server=$!
}

stop() {
    kill "$server" 2>/dev/null
    wait "$server"
    server=''
}

ask() { # CASE COUNT
    record moonport "$1" "$MOONPORT_BENCH/bench-jobs" "127.0.0.1:$port" ask "$1 $2"
}

# ---- the plan ----

run_round() {
    start 2
    for case in job call self channel; do ask "$case" "$count"; done
    ask signal $((count / 10))
    stop
    for name in $peers; do peer "$name" job "$count"; done
    case $peers in *node*) peer node call "$count" ;; esac
}

run_long_round() {
    start 1
    ask many 1000
    for how in block job; do
        record "$how" stall "$MOONPORT_BENCH/bench-jobs" "127.0.0.1:$port" stall "$how"
    done
    stop
    for name in $peers; do peer "$name" many 1000; done
}

for place in one all; do
    on=''
    [ $place = all ] || on='taskset -c 0'
    for round in $(seq "$rounds"); do
        printf '\r%s: round %s of %s ' "$place" "$round" "$rounds" >&2
        run_round
    done
done
for round in $(seq $(((rounds + 3) / 4))); do
    printf '\rlong round %s ' "$round" >&2
    run_long_round
done
echo >&2

echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(nproc) processors;" \
    "Linux $(uname -r); $("$MOONPORT_PROGRAM" --version)"
awk -f "$here/jobs.awk" "$work/all"
exit "$status"
