#!/bin/sh
# run.sh - what `./dev mutants` runs, with what it has built: is each of the bugs found that the lists
# have? See --help, and README.md.
#
# A run takes copies of the sources and of what was made of them, so that both may change meanwhile. A
# mutant has a tree of links to those sources, in which one file is its own; what includes that file
# is compiled there, and the programs are linked with it in its place.
set -u

SEEDS=6000
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
root=$(CDPATH='' cd -- "$here/../.." && pwd) || exit 3
out=$root/build/mutants

help() {
    cat <<EOF
./dev mutants [FLAGS] [NAME | FILE...]   deliberate bugs, of the whole program or of these files: is
                                         each found? What was found is not looked for again until
                                         the file, the mutant or the test that found it has changed
  --list       name them, and say where each is looked for
  --check      only look whether each still fits its file, and every file has three
  --again      look for those as well that were found before
  --near       only in the unit suites that are named for it, which is quick
  --sim        those of tests/sim/mutants.txt, by the simulation alone
  --record     with --sim: write the seeds that found them into that list, to be tried first
  --jobs N     so many at once (default: as many as there are processors)
EOF
}

die() { # STATUS MESSAGE
    printf 'mutants: %s\n' "$2" >&2
    exit "$1"
}

lists() { # MODE [-v NAME=VALUE]...; of those in $chosen
    mode=$1
    shift
    # shellcheck disable=SC2086 # words
    awk -f "$here/lists.awk" -v mode="$mode" "$@" $chosen
}

# ---- lists that fit ----

# Each suite that is named must have a test.
check_suites() {
    lists names | tr ';' '\n' | sed -n 's/.*\(unit\|e2e\|uring\) \([a-z_0-9]*\)\/.*/\1 \2/p' | sort -u |
        while read -r directory suite; do
            [ "$directory" = unit ] || directory=e2e
            grep -qr "($suite," "tests/$directory" ||
                echo "tests/$directory: no test of $suite/*, which a list names"
        done | grep . && return 1
    return 0
}

check_lists() {
    lists check -v files="$(find engine bindings -name '*.[ch]' | sort | tr '\n' ' ')" || return 1
    check_suites
}

# ---- one program with one bug ----

# The objects of a program, or of a library, that the file is compiled into.
objects_of() { # PROGRAM
    grep -lF -- "../../$file" "$base/$1.objects"/*.d 2>/dev/null | sed 's/\.d$/.o/'
}

# Compiles those anew, into $tree/made/PROGRAM.
compile() { # PROGRAM
    [ ! -d "$tree/made/$1" ] || return 0
    mkdir -p "$tree/made/$1"
    for object in $(objects_of "$1"); do
        source=$(sed -n 's/.*[ :]\.\.\/\.\.\/\([^ ]*\.c\).*/\1/p' "${object%.o}.d" | head -n 1)
        # shellcheck disable=SC2046 # words
        ${CC:-gcc} -std=gnu11 -O0 -w -ffile-prefix-map="$tree/=" -D_GNU_SOURCE -I"$tree/engine" -I"$tree/bindings" \
            -I"$tree/tests/unit" $(pkg-config --cflags lua5.4) -c "$tree/$source" -o "$tree/made/$1/${object##*/}" \
            >>"$tree/log" 2>&1 || return
    done
}

# The library with those in the place of its own, in $tree.
build_library() { # LIBRARY
    [ ! -f "$tree/lib$1.a" ] || return 0
    compile "$1" && cp "$base/lib$1.a" "$tree" || return
    find "$tree/made/$1" -name '*.o' -exec ar r "$tree/lib$1.a" {} + 2>>"$tree/log"
}

# Leaves it in $tree/PROGRAM.
build() { # PROGRAM
    build_library engine && build_library bindings && compile "$1" || return
    ours=$(find "$tree/made/$1" -name '*.o')
    for object in "$base/$1.objects"/*.o; do
        [ -f "$tree/made/$1/${object##*/}" ] || ours="$ours $object"
    done
    LDFLAGS="${LDFLAGS-} -Wl,-t,-t" make -s --no-print-directory -C "$MOONPORT_MAKEFILES" -f "$base/$1.make" \
        config="${config:-release}" TARGET="$tree/$1" OBJECTS="$(echo "$ours" | tr '\n' ' ')" \
        RESOURCES="$tree/libbindings.a $tree/libengine.a" LDDEPS= >"$tree/linked" 2>>"$tree/log"
}

# ---- where bugs are looked for ----

# Sees the test that has failed first, as Criterion says it; 2 if there was none at all.
failed_test() { # STATUS
    test=$(sed -n 's/^\[FAIL\] \([a-z_0-9]*\)::\([a-z_0-9]*\).*/\1\/\2/p' "$tree/log" | head -n 1)
    [ "$1" -ne 0 ] || { grep -q 'Tested: [1-9]' "$tree/log" || return 2; }
    [ "$1" -eq 0 ] && return 1
    how="$kind ${test:=$filter}"
}

# shellcheck disable=SC2317 # called by its name
run_unit() { # PROGRAM FILTER
    patience=120
    [ "$2" != '*' ] || patience=1200
    timeout -k 5 "$patience" "$1" --verbose -j2 --timeout 30 --fail-fast --filter "$2" </dev/null
}

# shellcheck disable=SC2317 # likewise
run_e2e() { # PROGRAM FILTER
    backend=epoll
    [ "$kind" != uring ] || backend=uring
    MOONPORT_PROGRAM=$1 MOONPORT_BACKEND=$backend timeout -k 5 600 "$base/e2e" --verbose -j4 \
        --timeout 120 --fail-fast --filter "$2" </dev/null
}

# A test that fails without the bug has not found it.
fails_anyway() { # RUN PROGRAM
    ! "$1" "$2" "$test" >"$tree/log.without" 2>&1
}

look_in_tests() { # RUN PROGRAM FILTER
    filter=$3
    "$1" "$tree/$2" "$3" >"$tree/log" 2>&1
    failed_test $? || return
    ! fails_anyway "$1" "$base/$2" || return 3
}

simulate() { # PROGRAM FLAGS...
    MALLOC_PERTURB_=165 timeout -k 5 3600 "$@" --jobs 1 --scripts "$root/tests/sim/server"
}

# With all seeds, or with the one that is given. Its time is its own: it hangs when it has taken ten times as much
# of the processor's as it should.
look_in_sim() { # ["--seed N..."]
    (
        # shellcheck disable=SC3045 # dash and bash have it
        if [ -z "$1" ]; then ulimit -t 120; else ulimit -t 10; fi
        # shellcheck disable=SC2086 # words
        simulate "$tree/sim" ${1:---count $SEEDS}
    ) >"$tree/log" 2>&1
    case $? in
    0) return 1 ;;
    137 | 152) what='it hangs' ;; # KILL and XCPU: no time is left
    *) what='it crashes' ;;
    esac
    seed=$(sed -n 's/^seed \([0-9]*\) .*See it again.*/\1/p' "$tree/log" | tail -n 1)
    [ -n "$seed" ] || seed=$(echo "$1" | sed -n 's/^--seed \([0-9]*\).*/\1/p')
    said=$(sed -n 's/.*violation: //p; s/.*this is a bug: //p' "$tree/log" | head -n 1)
    how=$(printf 'sim seed %s: %.80s' "${seed:-?}" "${said:-$what}")
    test="seed ${seed:=1}"
    simulate "$base/sim" --seed "$seed" >"$tree/log.without" 2>&1 || return 3
}

reaches() { # PROGRAM
    [ -d "$base/$1.objects" ] && [ -n "$(objects_of engine)$(objects_of bindings)$(objects_of "$1")" ]
}

# Of a library a program takes what it needs: is anything that was compiled anew in it?
is_in() { # PROGRAM
    [ -z "$(ls "$tree/made/$1")" ] || return 0
    find "$tree/made" -name '*.o' | sed "s,.*/,)," | grep -qFf - "$tree/linked"
}

# 0: found, and $how says where; 1: not; 2: there is no such test; 3: it says so without the bug
# too; 4: it cannot be built.
look_in() { # KIND [FILTER]
    kind=$1 program=$1
    case $kind in e2e | uring) program=moonport ;; esac
    reaches "$program" || return 1
    [ -f "$tree/$program" ] || build "$program" || return 4
    is_in "$program" || return 1
    case $kind in
    unit) look_in_tests run_unit unit "$2" ;;
    sim) look_in_sim "${2-}" ;;
    *) look_in_tests run_e2e moonport "$2" ;;
    esac
}

# Where it was found before, then the suites of its own, the cheap ones first, then everything.
places() { # LOOK
    case $1 in sim*) echo "$1" | tr ';' '\n' | sed 's/^ *//' && return ;; esac
    [ "$only" = near ] || [ -z "$(test_files "$(before)")" ] ||
        before | sed -e 's/^sim seed \([0-9][0-9]*\):.*/sim --seed \1/; t' -e '/^sim /d'
    echo "$1" | tr ';' '\n' | sed 's/^ *//' | grep '^unit '
    [ "$only" != near ] || return
    echo "$1" | tr ';' '\n' | sed 's/^ *//' | grep -E '^(e2e|uring) '
    echo 'unit *'
    echo sim
    echo 'e2e !(judges/testssl*)' # which takes a minute, and says little of bugs
}

# ---- what was found before ----

hash() {
    cat "$@" 2>/dev/null | sha1sum | cut -c 1-40
}

# What was found, and where: KIND WHERE...
before() {
    sed -n 2p "$out/found/$name" 2>/dev/null
}

# The file that has the test, or the simulation.
test_files() { # "KIND WHERE..."
    case $1 in
    '') ;;
    sim*) echo tests/sim/*.[ch] tests/sim/server/*.lua ;;
    *)
        directory=tests/unit name=${1##*/}
        [ "${1#unit}" != "$1" ] || directory=tests/e2e
        grep -rlE "[(, ]${name}[,)]" $directory
        ;;
    esac
}

remember() { # HOW
    # shellcheck disable=SC2046 # words
    printf '%s %s\n%s\n' "$(hash "$tree/$file")" "$(hash $(test_files "$1"))" "$1" \
        >"$out/found/$name"
}

# Leaves in $how where it was found, if all of that is as it was.
remembered() {
    [ -f "$out/found/$name" ] || return
    how=$(before)
    # shellcheck disable=SC2046 # words
    [ "$(sed -n 1p "$out/found/$name")" = "$(hash "$tree/$file") $(hash $(test_files "$how"))" ]
}

# ---- one mutant ----

say() { # WORD TEXT
    printf '%-8s %-32s %s\n' "$1" "$name" "$2"
}

look_for() { # LOOK
    places "$1" | while read -r kind filter; do
        [ "$only" != sim ] || [ "$kind" = sim ] || continue
        look_in "$kind" "$filter"
        case $? in
        0) remember "$how" && say found "$how" ;;
        1) continue ;;
        2) say FAILED "there is no test $kind $filter" ;;
        3) say FAILED "$kind $test fails without it, too" ;;
        4) say FAILED "$kind cannot be built with it: $(tail -n 1 "$tree/log")" ;;
        esac
        exit 9
    done
    [ $? -eq 9 ] || say SURVIVED "$file: nobody sees it"
}

# Into $tree: only the directories that the file is in are its own. One link for each file would take longer than to
# compile it.
link_sources() {
    at=''
    for part in $(dirname "$file" | tr / ' ') "${file##*/}"; do
        mkdir -p "$tree/$at" && ln -s "$base/source/$at"* "$tree/$at" && rm "$tree/$at$part" || return
        at=$at$part/
    done
}

try() { # NAME FILE look: WHERE... | unseen: WHY...
    name=$1 file=$2 tree=$run/$1
    [ "$3" != unseen: ] || { say unseen "${4-}" && return; }
    link_sources || return
    if ! (cd "$base/source" && lists weave -v wanted="$name") >"$tree/$file"; then
        say FAILED "its lines do not stand once in $file: write it anew"
    elif [ "$again" = no ] && remembered; then
        say found "$how (before)"
    else
        look_for "${4-}"
    fi
    end_programs
    rm -rf "$tree"
}

# A test that is stopped leaves its processes, and the server that it has started.
end_programs() {
    find /proc -maxdepth 2 -name exe -lname "$tree/*" 2>/dev/null | while read -r exe; do
        pid=${exe%/exe}
        kill -KILL "${pid#/proc/}" 2>/dev/null
    done
}

# ---- all ----

# What this run works with, whatever happens to the rest meanwhile.
prepare() {
    base=$run/base
    mkdir -p "$out/found" "$base/source/tests" || exit 3
    cp -r engine bindings "$base/source" || exit 3
    cp -r tests/unit tests/sim tests/mutants "$base/source/tests" || exit 3
    cp "$MOONPORT_PROGRAMS/libengine.a" "$MOONPORT_PROGRAMS/libbindings.a" "$base" || exit 3
    for program in engine bindings unit sim moonport; do
        [ ! -d "$MOONPORT_PROGRAMS/$program.objects" ] || [ "$only $program" = 'sim unit' ] ||
            cp -r "$MOONPORT_PROGRAMS/$program.objects" "$MOONPORT_MAKEFILES/$program.make" "$base" ||
            exit 3
    done
    cp "$MOONPORT_PROGRAMS/sim" "$base" || exit 3
    for program in unit moonport e2e bench-echo; do
        [ "$only" = sim ] || cp "$MOONPORT_PROGRAMS/$program" "$base" || exit 3
    done
    export MOONPORT_ECHO="$base/bench-echo" MOONPORT_SCRIPTS="$root/scripts"
}

# A job of the run, for xargs.
one() { # RUN ONLY AGAIN LISTS "NAME FILE look: WHERE"
    run=$1 base=$1/base only=$2 again=$3 chosen=$4
    read -r name file how where <<EOF
$5
EOF
    try "$name" "$file" "$how" "$where"
}

# Into the list that was looked through.
record() {
    lists record -v found="$run/all" >"$run/list" && cp "$run/list" "$chosen"
}

run_all() {
    run=$out/run.$$
    trap 'rm -rf "$run"' EXIT
    trap 'exit 130' INT TERM
    prepare
    echo "$wanted" | tr '\n' '\0' |
        xargs -0 -P "$jobs" -n 1 "$0" --one "$run" "$only" "$again" "$chosen" | tee "$run/all"
    found=$(grep -c '^found ' "$run/all") unseen=$(grep -c '^unseen ' "$run/all")
    total=$(($(echo "$wanted" | wc -l) - unseen))
    [ "$record" = no ] || record
    [ "$unseen" -eq 0 ] || echo "mutants: $unseen that nobody could see"
    echo "mutants: $found of $total found"
    [ "$found" -eq "$total" ]
}

main() {
    only='' again=no record=no jobs=$(nproc) todo=run
    while [ $# -gt 0 ]; do
        case $1 in
        --one) shift && one "$@" && exit ;;
        --list) todo=list ;;
        --check) todo=check ;;
        --again) again=yes ;;
        --near) only=near ;;
        --sim) only=sim again=yes ;;
        --record) record=yes ;;
        --jobs)
            [ $# -gt 1 ] || die 2 '--jobs takes a number'
            jobs=$2 && shift
            ;;
        --help | -h) help && exit ;;
        -*) die 2 "no such flag: $1; --help names them" ;;
        *) break ;;
        esac
        shift
    done

    [ "$record" = no ] || [ "$only" = sim ] || die 2 '--record goes with --sim'
    chosen=tests/sim/mutants.txt
    [ "$only" = sim ] || chosen=$(find tests/mutants tests/sim -name '*.txt' | sort | tr '\n' ' ')
    if [ "$todo" = check ]; then
        check_lists || exit 1
        echo "$(lists names | wc -l) mutants fit"
        exit
    fi
    wanted=$(lists names) || die 1 "$wanted"
    if [ $# -gt 0 ]; then
        wanted=$(for word in "$@"; do
            echo "$wanted" | awk -v word="$word" '$1 == word || $2 == word' | grep . ||
                die 2 "no mutant and no file of one: $word; --list names them"
        done) || exit 2
    fi
    if [ "$todo" = list ]; then echo "$wanted"; else run_all; fi
}

cd "$root" || exit 3
main "$@" # all of it is read by now: it may be changed while it runs
exit
