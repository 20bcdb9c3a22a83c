#!/bin/sh
# run.sh - what `./dev sim` runs, with what it has built; --prove and --try are what `./dev test` runs,
# the second one with a sanitizer.
set -u

NEW_SEEDS=500
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
sim=${MOONPORT_SIM_PROGRAMS-}/sim scripts=$here/server
export MALLOC_PERTURB_=165 # what was freed does not look as before
passed=0 failed=0 failures=''

help() {
    cat <<EOF
./dev sim                           seeds 1 to 1000
./dev sim --seed N [--trace]        that one: its hash, or all that happens in it
./dev sim --debug --seed N          that one in gdb, which stops where a promise is broken
./dev sim --count N [--seed FIRST]  so many, on all processors, or on --jobs N of them
./dev sim --mutants [NAME...]       deliberate bugs: is each found? Their names are in mutants.txt
./dev sim --mutants --record        ... and write down which seeds have found them, to be tried first
EOF
}

simulate() {
    "$sim" --scripts "$scripts" "$@"
}

count() { # WHETHER WHAT
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        failures="$failures
FAILED $2"
    fi
}

# A failing seed is named again at the end, where it is seen.
try() { # OPTIONS...
    said=$(simulate "$@" 2>&1)
    status=$?
    echo "$said"
    count $status "a promise was broken: $(echo "$said" | grep 'See it again' || echo "$*")"
}

# The 2000 that everybody runs are clean; what nobody has run yet may not be. Other sources have others, so that what
# fails in one place fails wherever these sources are tested.
try_new() {
    first=$((MOONPORT_SOURCES_NUMBER + 1))
    echo "new seeds $first to $((first + NEW_SEEDS - 1)); again: ./dev sim --seed $first --count $NEW_SEEDS"
    try --seed "$first" --count "$NEW_SEEDS"
}

conclude() {
    [ -z "$failures" ] || echo "$failures"
    echo "sim: $passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

mutants() { # NAME...
    MOONPORT_PROGRAMS="$MOONPORT_SIM_PROGRAMS" MOONPORT_MAKEFILES="$MOONPORT_SIM_MAKEFILES" \
        "$here/../mutants/run.sh" --sim "$@"
}

# Seeds have no violation, are the same again, and each mutant is found.
prove() {
    try --count "${MOONPORT_SIM_COUNT:-2000}"
    try_new
    once=$(simulate --count 500 --jobs 1) again=$(simulate --count 500 --jobs 2)
    [ -n "$once" ] && [ "$once" = "$again" ]
    count $? "the same seeds have not run the same: $once; $again"
    found=$(mutants)
    echo "$found"
    good=$(echo "$found" | grep -c '^found ') bad=$(echo "$found" | grep -cE '^(FAILED|SURVIVED) ')
    [ $((good + bad)) -ge 10 ] || bad=$((bad + 1))
    passed=$((passed + good)) failed=$((failed + bad))
    conclude
}

case ${1-} in
--prove) prove ;;
--try)
    try --count "$MOONPORT_SIM_COUNT"
    conclude
    ;;
--mutants)
    shift
    mutants "$@"
    ;;
--debug)
    shift
    exec gdb -q -ex run --args "$sim" --scripts "$scripts" "$@"
    ;;
--help | -h) help ;;
'') simulate --count 1000 ;;
*) simulate "$@" ;;
esac
