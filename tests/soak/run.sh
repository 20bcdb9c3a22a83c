#!/bin/sh
# run.sh - everything at once against one server, for a long time: does memory stay, does all come
# home, is every byte right? `./dev soak` builds what it needs and runs it.
set -u

usage='./dev soak [--minutes M] [--connections N] [--backend auto|uring|epoll] [--seed S]
                  [--fault NAME]'
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
faults='lua files byte order lost'
minutes=20 seed='' connections=300 backend=auto fault=''

die() { # STATUS MESSAGE
    printf 'soak: %s\n' "$2" >&2
    exit "$1"
}

while [ $# -gt 0 ]; do
    flag=$1
    case $flag in
    --help | -h) printf '%s\nFaults, to see it fail: %s\n' "$usage" "$faults" && exit ;;
    --*=*) value=${flag#*=} flag=${flag%%=*} ;;
    --*) if [ $# -gt 1 ]; then value=$2 && shift; else value=''; fi ;;
    *) die 2 "what is $flag? $usage" ;;
    esac
    shift
    case $flag in
    --minutes) minutes=$value ;;
    --seed) seed=$value ;;
    --connections) connections=$value ;;
    --backend) backend=$value ;;
    --fault) fault=$value ;;
    *) die 2 "no such flag: $flag; $usage" ;;
    esac
    [ -n "$value" ] || die 2 "$flag needs a value; $usage"
done
case $minutes in *[!0-9.]* | *.*.* | .) die 2 "--minutes cannot be $minutes: 20, or 0.5" ;; esac
case $connections in *[!0-9]*) die 2 "--connections cannot be $connections: a number" ;; esac
case $seed in *[!0-9]*) die 2 "--seed cannot be $seed: a number" ;; esac
case $backend in
auto | uring | epoll) ;;
*) die 2 "--backend cannot be $backend: auto, uring or epoll" ;;
esac
case " $faults " in *" ${fault:-lua} "*) ;; *) die 2 "--fault cannot be $fault: $faults" ;; esac
[ -n "$seed" ] || seed=$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')

made=$MOONPORT_SOAK_OUT/soak-$seed
log=$made.log server='' status=0
port=$((20000 + $$ % 10000)) # below those that systems give to clients
trap '[ -z "$server" ] || kill "$server"; rm -rf "$made.scripts"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
rm -rf "$made".* && mkdir -p "$made.scripts" && cp "$here"/server/*.lua "$made.scripts" || exit 3

judge() { # FINE WORDS...
    word=ok
    if [ "$1" -ne 0 ]; then word=FAILED status=1; fi
    shift
    printf '%-7s %s\n' "$word" "$*" >>"$made.verdict"
}

echo "seed $seed: $minutes minutes, $connections connections, $backend"
listen=127.0.0.1:$port admin=127.0.0.1:$((port + 1))
# A broadcast to all takes a block for each: as many must be free when receiving pauses, or those
# are closed who did nothing.
SOAK_FAULT=$fault \
    "$MOONPORT_PROGRAM" serve "$made.scripts" --listen "$listen" --admin "$admin" \
    --admin-token soak-soak-soak-soak --max-connections "$connections" \
    --blocks $((10 * connections)) --backend "$backend" \
    >"$log" 2>&1 &
server=$!
for try in 1 2 3 4 5 6 7 8 9 10; do
    grep -q 'listening\|serving' "$log" && break
    kill -0 "$server" 2>/dev/null || break
    sleep "0.$try"
done
backend=$(sed -n 's/.* backend \([a-z]*\) .*/\1/p' "$log")
kill -0 "$server" 2>/dev/null || { cat "$log" >&2; server=''; die 3 'the server did not start'; }

"$MOONPORT_SOAK" "$listen" --admin "$admin" --pid "$server" --scripts "$made.scripts" \
    --table "$made.csv" --verdict "$made.verdict" --minutes "$minutes" \
    --connections "$connections" --seed "$seed"
client=$?
[ "$client" -le 1 ] || { tail -n 20 "$log" >&2; exit "$client"; }
status=$client

kill "$server" 2>/dev/null
wait "$server"
ended=$?
server=''
judge "$ended" "the server ended with status $ended when it was told to stop"
bugs=$(grep -c 'this is a bug' "$log")
judge "$bugs" "its log speaks of bugs $bugs times"

word='ALL IS WELL'
[ "$status" -eq 0 ] || word=FAILED
gnuplot -e "table='$made.csv'; picture='$made.svg'; verdict='$word'" \
    -e "about='$minutes min, $connections connections, $backend, seed $seed'" \
    "$here/plot.gp" || status=3

cat "$made.verdict"
echo "$word: $made.svg shows it; figures in $made.csv, the server's log in $log"
exit "$status"
