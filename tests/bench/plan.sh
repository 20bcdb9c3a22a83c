# plan.sh - the cases of the benchmark, for run.sh to source.
# shellcheck shell=sh disable=SC2154 # $quick, $rounds, $seconds and $held are run.sh's

# A case in a line: its name, its size if it is a step of a line of growth, else 0; how servers work
# (echo, broadcast, timers); the client; how many rounds of it, and how many seconds a turn of each
# server takes in one; connections; flags for the client.
plan() {
    if [ "$quick" = yes ]; then plan_quick; else plan_full; fi
}

plan_full() {
    plan_echo 50x32 50 32 64
    plan_echo 50x1 50 1 64
    plan_echo 1x32 1 32 64
    plan_echo 1x1 1 1 64
    plan_echo 1x1awake 1 1 64
    plan_echo 4KiB 50 4 4096
    plan_echo 20KB 50 4 20000
    plan_fanout fanout1 0 "$rounds" "$seconds" 200 1
    plan_fanout fanout8 0 "$rounds" "$seconds" 200 8
    plan_idle 2 0.5
    for n in 1 10 100 1000; do plan_load connections $n 9 0.2 $n 1 64; done
    plan_load connections 10000 3 1 10000 1 64 # a lap of so many takes some 150 ms
    for n in 16 256 4096 65536 1048576; do plan_load payload $n 9 0.2 4 2 $n; done
    for n in 10 100 1000; do plan_fanout receivers $n 9 0.2 $n 1; done
    plan_fanout receivers 10000 3 1 10000 1
    for n in 10 100 1000 10000 100000; do plan_timers $n 3 0.5; done
}

plan_quick() {
    plan_echo 50x32 50 32 64
    plan_echo 1x1 1 1 64
    plan_echo 4KiB 50 4 4096
    plan_fanout fanout1 0 "$rounds" "$seconds" 200 1
    plan_idle 1 0.35
    for n in 1 100; do plan_load connections $n 3 0.1 $n 1 64; done
    plan_load connections 10000 3 0.4 10000 1 64
    for n in 16 4096 1048576; do plan_load payload $n 3 0.1 4 2 $n; done
    for n in 10 1000; do plan_fanout receivers $n 3 0.1 $n 1; done
    for n in 100 10000; do plan_timers $n 1 0.35; done
}

plan_echo() { # CASE CONNECTIONS PIPELINE SIZE
    plan_load "$1" 0 "$rounds" "$seconds" "$2" "$3" "$4"
}

plan_load() { # CASE STEP ROUNDS SECONDS CONNECTIONS PIPELINE SIZE
    echo "$1 $2 echo load $3 $4 $5 --connections $5 --pipeline $6 --size $7"
}

plan_fanout() { # CASE STEP ROUNDS SECONDS RECEIVERS FLIGHT
    echo "$1 $2 broadcast fanout $3 $4 $5 --receivers $5 --flight $6 --size 64"
}

plan_idle() { # ROUNDS SECONDS
    echo "idle 0 echo hold $1 $2 $held --connections $held"
}

plan_timers() { # TIMERS ROUNDS SECONDS
    echo "timers $1 timers timers $2 $3 1 --timers $1"
}

# Who takes part, and with what backend: a word each.
plan_servers() { # CASE STEP
    case $1-$2 in
    timers-*) echo lua/auto floor/ ;;
    *-0) case $1 in
        fanout* | idle) echo lua/auto c/auto floor/ luv54/ luvjit/ node/ haproxy/ ;;
        *) echo lua/uring lua/epoll c/uring c/epoll floor/ luv54/ luvjit/ node/ haproxy/ ;;
        esac ;;
    *) echo lua/auto floor/ ;;
    esac
}
