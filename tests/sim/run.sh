#!/bin/sh
# run.sh - what `./dev sim` runs, with what it has built; --prove and --try are what `./dev test` runs,
# the second one with a sanitizer.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
sim=${MOONPORT_SIM_PROGRAMS-}/sim scripts=$here/server
export MALLOC_PERTURB_=165 # what was freed does not look as before
passed=0 failed=0

help() {
    cat <<EOF
./dev sim                           seeds 1 to 1000
./dev sim --seed N [--trace]        that one: its hash, or all that happens in it
./dev sim --debug --seed N          that one in gdb, which stops where a promise is broken
./dev sim --count N [--seed FIRST]  so many, on all processors, or on --jobs N of them
./dev sim --mutants [NAME...]       deliberate bugs: is each found? Their names are in mutants.txt
EOF
}

simulate() {
    "$sim" --scripts "$scripts" "$@"
}

count() { # WHETHER WHAT
    if [ "$1" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    [ "$1" -eq 0 ] || echo "FAILED $2"
}

mutants() { # NAME...
    MOONPORT_PROGRAMS="$MOONPORT_SIM_PROGRAMS" MOONPORT_MAKEFILES="$MOONPORT_SIM_MAKEFILES" \
        "$here/../mutants/run.sh" --sim "$@"
}

# Seeds have no violation, are the same again, and each mutant is found.
prove() {
    simulate --count "${MOONPORT_SIM_COUNT:-2000}"
    count $? 'a promise was broken'
    first=$(simulate --count 500 --jobs 1) again=$(simulate --count 500 --jobs 2)
    [ -n "$first" ] && [ "$first" = "$again" ]
    count $? "the same seeds have not run the same: $first; $again"
    found=$(mutants)
    echo "$found"
    good=$(echo "$found" | grep -c '^found ') bad=$(echo "$found" | grep -cE '^(FAILED|SURVIVED) ')
    [ $((good + bad)) -ge 10 ] || bad=$((bad + 1))
    passed=$((passed + good)) failed=$((failed + bad))
    echo "sim: $passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

case ${1-} in
--prove) prove ;;
--try)
    simulate --count "$MOONPORT_SIM_COUNT"
    count $? 'a promise was broken'
    echo "sim: $passed passed, $failed failed"
    [ "$failed" -eq 0 ]
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
