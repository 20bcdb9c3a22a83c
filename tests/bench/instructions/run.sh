#!/bin/sh
# run.sh - how many instructions of the processor a packet takes, exactly, beside the figures that
# were recorded. `./dev bench instructions` builds what it needs and runs it; --check is what
# `./dev test` runs, where exit status 77 says that figures cannot be compared here.
set -u
export LC_ALL=C # awk's decimal point

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
usage='./dev bench instructions [--record]'
recorded=$here/recorded.txt file=tests/bench/instructions/recorded.txt
record='./dev bench instructions --record'
tolerance=3 # percent
passed=0 failed=0

# The C library has its functions for each kind of processor: those for all of them are taken.
plain=-AVX512F,-AVX512VL,-AVX2,-AVX2_Usable,-AVX_Fast_Unaligned_Load,-SSSE3,-ERMS,-FSRM

die() { # STATUS MESSAGE
    printf 'instructions: %s\n' "$2" >&2
    exit "$1"
}

help() {
    cat <<EOF
$usage

  --record    the figures of this run are those to compare with from now on: they go to
              $file

Instructions for each packet, counted by valgrind's callgrind in a server without a system, a
network or a clock. What took them is in build/bench/instructions: callgrind_annotate FILE.
EOF
}

# ---- counting ----

# Prints the figure. What the program finds in its environment moves its stack: it finds nothing.
# What is kept is without the calls that were entered before (0 in this part): callgrind_annotate
# would take all that is below them for one function's own.
count() { # WORKLOAD
    rm -f "$out/$1" "$out/$1".*
    deliveries=$(env -i "PATH=$PATH" "GLIBC_TUNABLES=glibc.cpu.hwcaps=$plain" \
        valgrind --tool=callgrind --callgrind-out-file="$out/$1" --compress-strings=no \
        --toggle-collect=worker_turn --dump-before=part_ended "$program" "$1" \
        </dev/null 2>"$out/$1.log") ||
        { cat "$out/$1.log" >&2 && return 1; }
    total=$(sed -n 's/^totals: //p' "$out/$1.2")
    sed '/^calls=0 /{N;d;}' "$out/$1.2" >"$out/$1" && rm -f "$out/$1".[0-9]*
    if [ "${total:-0}" -eq 0 ]; then
        echo "callgrind has counted nothing: are worker_turn and part_ended still functions?" >&2
        return 1
    fi
    awk -v total="$total" -v count="$deliveries" 'BEGIN { printf "%.1f\n", total / count }'
}

# ---- comparing ----

# What figures hang on beside the project's sources.
conditions() {
    echo "$described" | grep '^with '
    echo "with machine $(uname -m)"
    echo "with CFLAGS ${CFLAGS:-none}"
}

# What of it was otherwise when the figures were recorded; nothing: they can be compared.
differences() {
    past=$(grep '^with ' "$recorded") present=$(conditions)
    [ "$past" != "$present" ] || return 0
    echo "$past" | while read -r line; do
        echo "$present" | grep -qxF -e "$line" || echo "recorded $line"
    done
    echo "$present" | while read -r line; do
        echo "$past" | grep -qxF -e "$line" || echo "now $line"
    done
}

# By how many percent it is more, and a word for that.
compare() { # COUNTED RECORDED
    awk -v counted="$1" -v recorded="$2" -v tolerance=$tolerance 'BEGIN {
        percent = (counted / recorded - 1) * 100
        word = percent > tolerance ? "more" : percent < -tolerance ? "less" : "same"
        printf "%+.1f %s\n", percent, word
    }'
}

judge() { # WORKLOAD TITLE
    known=$(sed -n "s/^$1 \([0-9.]*\)\$/\1/p" "$recorded" 2>/dev/null)
    if ! counted=$(count "$1"); then
        failed=$((failed + 1))
        echo "FAILED $1: it could not be counted; the reason is above"
        return
    fi
    echo "$1 $counted" >>"$out/figures"
    # shellcheck disable=SC2046 # words
    [ -z "$known" ] || set -- "$1" "$2" $(compare "$counted" "$known")
    printf '%-52s %10s %10s %8s\n' "$2" "$counted" "${known:--}" "${3:--}${3:+ %}"
    [ -z "$unlike" ] && [ "$what" != --record ] || return 0
    case ${4-} in
    same) passed=$((passed + 1)) ;;
    less)
        passed=$((passed + 1))
        echo "$1 takes ${3#-} % less than was recorded. So that it stays so: $record"
        ;;
    more)
        failed=$((failed + 1))
        echo "FAILED $1: $counted instructions are ${3#+} % more than the $known recorded in" \
            "$file; $tolerance % are let pass. What takes them:" \
            "callgrind_annotate build/bench/instructions/$1. If it is worth them: $record"
        ;;
    *)
        failed=$((failed + 1))
        echo "FAILED $1: $file has no figure of it: $record"
        ;;
    esac
}

judge_all() {
    rm -f "$out/figures"
    printf '%-52s %10s %10s\n' 'instructions for each packet' counted recorded
    while read -r _ name title; do judge "$name" "$title"; done <<EOF
$(echo "$described" | grep '^workload ')
EOF
}

write_record() {
    [ "$failed" -eq 0 ] || die 1 'nothing was recorded: the reason is above'
    {
        echo '# Instructions for each packet, and what they were counted with.'
        echo "# Written by $record"
        conditions
        cat "$out/figures"
    } >"$recorded.new" && mv "$recorded.new" "$recorded" || exit 3
    echo "recorded in $file"
}

what=${1-}
case $what in
'' | --record | --check) [ $# -le 1 ] || die 2 "one flag is enough: $usage" ;;
--help | -h) help && exit ;;
*) die 2 "what is $what? $usage" ;;
esac
program=${MOONPORT_INSTRUCTIONS-} out=${MOONPORT_BENCH_OUT-}/instructions
[ -n "$program" ] || die 2 'which program? Run it as ./dev bench instructions'
cd "$here/../../.." && mkdir -p "$out" && described=$("$program") || exit 3
[ -f "$recorded" ] || [ "$what" = --record ] || die 1 "there is no $file: $record"

unlike=''
[ "$what" = --record ] || unlike=$(differences)
if [ -n "$unlike" ]; then
    printf 'Not to be compared with the figures in %s:\n%s\n' "$file" "$unlike"
    [ "$what" != --check ] || exit 77
fi
judge_all
[ "$what" != --record ] || write_record
[ "$what" != --check ] || echo "instructions: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
