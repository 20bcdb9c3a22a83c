#!/bin/sh
# run.sh - fuzzes: each target for some seconds, from the inputs in corpus/ on, two at a time.
# `./dev fuzz` builds what it needs and runs it; --targets only says which that are.
#
# What is new to a target goes to build/fuzz/TARGET/, from which the next run goes on; what breaks it
# to build/fuzz/TARGET-crash-... and the like.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
cd "$here/../.." || exit 3
seconds=60 seed=0 only_name=no chosen=''
known=$(find tests/fuzz -name 'fuzz_*.c' | sed 's,.*/fuzz_,,; s/\.c$//' | sort)

die() { # MESSAGE
    printf 'fuzz: %s\n' "$1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --targets) only_name=yes ;;
    --help | -h)
        echo './dev fuzz [--seconds N] [--seed N] [TARGET...]: each for 60 seconds, or N; the same seed thinks up' \
            'the same inputs in the same order. The targets:' \
            "$(echo "$known" | tr '\n' ' ')"
        exit 0
        ;;
    --seconds)
        [ $# -gt 1 ] || die '--seconds takes a number'
        seconds=$2
        shift
        ;;
    --seconds=*) seconds=${1#*=} ;;
    --seed)
        [ $# -gt 1 ] || die '--seed takes a number'
        seed=$2
        shift
        ;;
    -*) die "no such flag: $1; there are --seconds N and --seed N" ;;
    *)
        # shellcheck disable=SC2086 # words
        printf '%s\n' $known | grep -qxF -- "$1" ||
            die "no such target: $1; there are $(echo "$known" | tr '\n' ' ')"
        chosen="$chosen $1"
        ;;
    esac
    shift
done
case $seed in '' | *[!0-9]*) die "--seed takes a number, not \"$seed\"" ;; esac
case $seconds in '' | 0* | *[!0-9]*) die "--seconds takes a number from 1, not \"$seconds\"" ;; esac
# shellcheck disable=SC2086 # words
chosen=$(printf '%s\n' ${chosen:-$known} | sort -u)
if [ "$only_name" = yes ]; then
    printf '%s\n' "$chosen"
    exit
fi

programs=${MOONPORT_FUZZ#"$PWD/"} # where the targets are
# What is freed is kept back only for a while: a script that makes a string anew a million times frees gigabytes.
export ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=16 LSAN_OPTIONS='' UBSAN_OPTIONS=print_stacktrace=1
# Some kernels scatter a program so widely that its sanitizer finds no room.
steadily=''
if setarch "$(uname -m)" -R true 2>/dev/null; then steadily="setarch $(uname -m) -R"; fi

mkdir -p build/fuzz/log
work=$(mktemp -d) || exit 3
running=''
trap '[ -z "$running" ] || kill $running 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start() { # TARGET
    mkdir -p "build/fuzz/$1"
    set -- "$1" "$programs/fuzz-$1" "-artifact_prefix=build/fuzz/$1-" \
        "-max_total_time=$seconds" "-seed=$seed" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        "build/fuzz/$1" "tests/fuzz/corpus/$1"
    [ ! -f "tests/fuzz/$1.dict" ] || set -- "$@" "-dict=tests/fuzz/$1.dict"
    target=$1
    shift
    # shellcheck disable=SC2086 # words
    $steadily "$@" </dev/null >"build/fuzz/log/$target" 2>&1 &
}

# Of a target that has ended. One that says not how many inputs it ran has not run.
report() { # TARGET STATUS
    log=build/fuzz/log/$1 word=ok
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    took=$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$log" | tail -n 1)
    if [ "$2" -ne 0 ] || [ -z "$took" ] || [ "${runs:-0}" -eq 0 ]; then word=FAILED; fi
    echo "$word" >>"$work/words"
    printf '%-16s %10s runs %5s s %6s covered  %s\n' "$1" "${runs:-0}" "${took:--}" \
        "${coverage:-0}" "$word"
    [ "$word" = FAILED ] || return 0
    grep -aE 'check failed|runtime error:|^SUMMARY|ERROR: ' "$log" || tail -n 20 "$log"
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    [ -z "$input" ] || printf 'the input: %s\nagain: %s/fuzz-%s %s\n' "$input" "$programs" "$1" \
        "$input"
    echo "all it said: $log"
}

# Two at a time, in pairs: all take equally long.
# shellcheck disable=SC2086 # words
set -- $chosen
while [ $# -gt 0 ]; do
    first=$1 second=${2-}
    start "$first" && first_process=$! running=$!
    [ -z "$second" ] || { start "$second" && second_process=$! running="$running $!"; }
    wait "$first_process"
    report "$first" $?
    if [ -n "$second" ]; then
        wait "$second_process"
        report "$second" $?
        shift
    fi
    running=''
    shift
done

passed=$(grep -cx ok "$work/words") failed=$(grep -cx FAILED "$work/words")
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
