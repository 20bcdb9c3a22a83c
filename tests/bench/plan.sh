# plan.sh - the cases of the benchmark, for run.sh to source.
# shellcheck shell=sh disable=SC2154 # $quick and $held are run.sh's

# A case in a line: its name, its size if it is a step of a line of growth, else 0; how servers work
# (echo, broadcast, timers); the client; in which rounds (of how many it is the first); connections;
# flags for the client. `all`: in each round; `few`: in those that `sometimes` names; `idle`: the same.
plan() {
    if [ "$quick" = yes ]; then plan_quick; else plan_full; fi
}

plan_full() {
    plan_echo 50x32 all 50 32 64
    plan_echo 50x1 all 50 1 64
    plan_echo 1x32 all 1 32 64
    plan_echo 1x1 all 1 1 64
    plan_echo 4KiB all 50 4 4096
    plan_echo 20KB all 50 4 20000
    plan_fanout fanout1 0 all 200 1
    plan_fanout fanout8 0 all 200 8
    echo "idle 0 echo hold idle $held --connections $held"
    for n in 1 10 100 1000 10000; do plan_growth connections $n few $n 1 64; done
    for n in 16 256 4096 65536 1048576; do plan_growth payload $n few 4 2 $n; done
    for n in 10 100 1000 10000; do plan_fanout receivers $n few $n 1; done
    for n in 10 100 1000 10000 100000; do plan_timers $n few; done
}

plan_quick() {
    plan_echo 50x32 all 50 32 64
    plan_echo 1x1 all 1 1 64
    plan_echo 4KiB all 50 4 4096
    plan_fanout fanout1 0 all 200 1
    echo "idle 0 echo hold idle 2000 --connections 2000"
    for n in 1 100 10000; do plan_growth connections $n few $n 1 64; done
    for n in 16 4096 1048576; do plan_growth payload $n few 4 2 $n; done
    for n in 10 1000; do plan_fanout receivers $n few $n 1; done
    for n in 100 10000; do plan_timers $n few; done
}

plan_echo() { # CASE ROUNDS CONNECTIONS PIPELINE SIZE
    echo "$1 0 echo load $2 $3 --connections $3 --pipeline $4 --size $5"
}

plan_growth() { # LINE STEP ROUNDS CONNECTIONS PIPELINE SIZE
    echo "$1 $2 echo load $3 $4 --connections $4 --pipeline $5 --size $6"
}

plan_fanout() { # CASE STEP ROUNDS RECEIVERS FLIGHT
    echo "$1 $2 broadcast fanout $3 $4 --receivers $4 --flight $5 --size 64"
}

plan_timers() { # TIMERS ROUNDS
    echo "timers $1 timers timers $2 1 --timers $1"
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
