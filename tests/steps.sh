# shellcheck shell=sh disable=SC2154 # what dev sets
# steps.sh - the steps of `./dev test`, part of dev. Each says what it has tested, and counts it.

settle() { # STEP STARTED WORD PASSED FAILED SKIPPED
    passed=$((passed + $4)) failed=$((failed + $5)) skipped=$((skipped + $6))
    line=$(printf '%-16s %-8s %s passed, %s failed (%s s)' "$1" "$3" "$4" "$5" $(($(date +%s) - $2)))
    echo "$line"
    [ "$5" -eq 0 ] || { echo "$line" && printf '%s\n' "$why"; } >>build/test-logs/failed
    why=''
}

# Builds for a step. A build that fails counts as a test that fails.
prepare() { # STEP LUA SANITIZE TARGET...
    step=$1 started=$(date +%s)
    shift
    compile "$@" 2>&1 && return
    why=$(tail -n 40 "$log")
    settle "$step" "$started" FAILED 0 1 0
    return 1
}

plainly() { # ^C ends the tests too. They end themselves when they hang: this is for the busiest machine
    timeout --foreground -k 10 2400 "$@"
}

# Some kernels scatter a program so widely that its sanitizer finds no room.
steadily() {
    if setarch "$(uname -m)" -R true 2>/dev/null; then
        plainly setarch "$(uname -m)" -R "$@"
    else
        plainly "$@"
    fi
}

# A test that failed beside others is run once more, alone: it may have waited for longer than it has
# patience, on a machine that had no time for it. If it passes now, that is told at the end, and leaves in
# $bad one failure less. A crash and a sanitizer's finding are not excused, nor are more than three in all.
try_again() { # COMMAND...
    again="$log.again"
    ! grep -qaE 'Sanitizer|runtime error:|^\[FAIL\].*CRASH!' "$log" || return 0
    ! findings "$log" | sed -n '/^\[FAIL/,$p' | grep -q 'this is a bug:' || return 0
    failing=$(sed -n 's,^\[FAIL\] \([a-z_0-9]*\)::\([a-z_0-9]*\).*,\1/\2,p' "$log" | sort -u)
    [ "$(echo "$failing" | grep -c .)" -eq "$bad" ] || return 0
    [ $((unsteady + bad)) -le 3 ] || return 0
    for unlucky in $failing; do
        "$@" --verbose -j1 --filter "$unlucky" </dev/null >"$again" 2>&1 || continue
        grep -qa 'Tested: 1 | Passing: 1 ' "$again" || continue
        bad=$((bad - 1)) good=$((good + 1)) unsteady=$((unsteady + 1))
        {
            echo "UNSTEADY $step $unlucky: it failed beside others, and passed alone"
            findings "$log"
        } >>build/test-logs/unsteady
    done
}

# With the first of what a server has said whose test failed.
findings() { # LOG
    awk '/^\[FAIL/ { left = 25 } /^(\[(RUN|PASS|SKIP|====)|(not )?ok )/ { left = 0 }
        left-- > 0 || /^\[(----|ERR )|Sanitizer|runtime error:|^ +#[0-9]|this is a bug:/' "$1" | head -n 60
}

# Runs a Criterion program and believes its closing line, which must be there and count a test.
criterion() { # STEP COMMAND...
    step=$1 started=$(date +%s) log="build/test-logs/$(echo "$1" | tr ' ' -).log"
    shift
    echo "testing $step ..."
    "$@" --verbose </dev/null >"$log" 2>&1
    status=$?
    # Those that said why they cannot run here; a filter's are only "disabled".
    unfit=$(grep -a '^\[SKIP\]' "$log" | grep -v ' is disabled$')
    [ -z "$unfit" ] || printf 'NOT TESTED on this machine:\n%s\n' "$unfit"
    unfit=$(printf '%s' "$unfit" | grep -c '')
    if [ "$status" -eq 77 ]; then
        tail -n 3 "$log"
        echo "NOT TESTED: this machine cannot run $step"
        settle "$step" "$started" SKIPPED 0 0 1
        return
    fi
    closing=$(grep -a '^\[====\] Synthesis:' "$log" | tail -n 1)
    # Criterion counts a crash as a failure too.
    tested=$(echo "$closing" | sed -n 's/.*Tested: \([0-9]*\) .*/\1/p')
    good=$(echo "$closing" | sed -n 's/.*Passing: \([0-9]*\) .*/\1/p')
    tested=${tested:-0} good=${good:-0} word=ok
    bad=$((tested - good))
    if [ "$bad" -ne 0 ]; then
        try_again "$@"
    elif [ "$status" -ne 0 ] || [ "$tested" -eq 0 ]; then
        bad=1
    fi
    if [ "$bad" -ne 0 ]; then
        word=FAILED
        why=$(findings "$log")
        [ -n "$why" ] || why=$(tail -n 20 "$log")
        why="$why
tests: $tested, exit status: $status, all it said: $log"
        echo "$why"
    fi
    [ -z "$closing" ] || echo "$closing"
    settle "$step" "$started" "$word" "$good" "$bad" "$unfit"
}

# The end-to-end tests are this system's, and not sanitized: only the programs that they use are.
end_to_end() { # STEP LUA SANITIZE "BACKENDS" HOW [CRITERION'S FLAGS]
    name=$1 backends=$4 how=$5 aim=$target target=linux
    prepare "$name" "$lua" '' e2e || return
    runner=$programs/e2e target=$aim
    prepare "$name" "$2" "$3" moonport bench-echo || return
    describe "$programs"
    # Those that have to wait for seconds leave the processors to others; not so with ThreadSanitizer or Wine.
    at_once=$jobs
    case $target$3 in linux | linuxaddress) at_once=$((3 * $(nproc))) ;; esac
    shift 5
    for backend in $backends; do
        export MOONPORT_BACKEND="$backend"
        criterion "$name $backend" "$how" "$runner" "-j$at_once" "$@"
    done
}

unit() { # STEP SANITIZE HOW [CRITERION'S FLAGS]
    name=$1 how=$3
    prepare "$name" "$lua" "$2" unit || return
    shift 3
    # shellcheck disable=SC2086 # none, or one
    criterion "$name" "$how" $launcher "$programs/unit$exe" "-j$jobs" "$@"
}

# Runs what has no Criterion. It must end with "NAME: N passed, M failed", and count a test; or with
# status 77, after it has said why it cannot run here.
counted() { # STEP COMMAND...
    step=$1 started=$(date +%s) log="build/test-logs/$(echo "$1" | tr ' ' -).log"
    shift
    echo "testing $step ..."
    plainly "$@" </dev/null >"$log" 2>&1
    status=$?
    if [ "$status" -eq 77 ]; then
        cat "$log"
        echo "NOT TESTED on this machine: $step, the reason is above"
        word=SKIPPED
        settle "$step" "$started" "$word" 0 0 1
        return
    fi
    # shellcheck disable=SC2046 # words
    set -- $(sed -n 's/^[a-z]*: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
    good=${1-0} bad=${2-0} word=ok
    if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$good" -eq 0 ]; }; then bad=1; fi
    if [ "$bad" -ne 0 ]; then
        word=FAILED
        why=$(tail -n 40 "$log" && echo "exit status: $status, all it said: $log")
        echo "$why"
    fi
    settle "$step" "$started" "$word" "$good" "$bad" 0
}

# All targets for a moment; each is a test.
fuzz_briefly() {
    started=$(date +%s) log=build/test-logs/fuzz.log
    if ! obtain clang libclang-rt-dev || ! echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -fsanitize=fuzzer,address -o build/fuzz-try -x c - >"$log" 2>&1; then
        echo 'NOT TESTED: there is no clang here that can fuzz'
        settle fuzz "$started" SKIPPED 0 0 1
        return
    fi
    # shellcheck disable=SC2046 # words
    prepare fuzz "$lua" fuzzer $(fuzz_targets) || return
    export MOONPORT_FUZZ="$programs"
    counted fuzz tests/fuzz/run.sh --seconds 2 --seed "$(number_of_sources)"
}

soak_briefly() {
    prepare soak "$lua" '' moonport soak || return
    describe_soak
    counted soak tests/soak/prove.sh
}

# The same each time, so it is shown even when it is well: a little more each time is seen, too.
count_instructions() {
    started=$(date +%s)
    if ! obtain valgrind || ! valgrind --version >/dev/null 2>&1; then
        echo 'NOT TESTED on this machine: instructions, which takes valgrind'
        settle instructions "$started" SKIPPED 0 0 1
        return
    fi
    prepare instructions lua5.4 '' instructions || return
    describe_instructions
    counted instructions tests/bench/instructions/run.sh --check
    [ "$word" != ok ] || cat "$log"
}

# Drawn from all sources: where a step tries something new, it is the same again until one of them changes.
number_of_sources() {
    find engine bindings scripts tests -type f | LC_ALL=C sort | xargs cat | cksum | cut -d ' ' -f 1
}

# Sanitized, it is only fewer seeds. Some are new with all changes: it is told which, should they come to matter.
sim_briefly() { # STEP SANITIZE COUNT HOW
    prepare "$1" lua5.4 "$2" sim || return
    describe_sim
    MOONPORT_SOURCES_NUMBER=$(number_of_sources)
    export MOONPORT_SIM_COUNT="$3" MOONPORT_SOURCES_NUMBER
    counted "$1" tests/sim/run.sh "$4"
    grep '^new seeds ' "$log"
}

# Node and npm come from elsewhere on some machines.
page() {
    # shellcheck disable=SC2046 # words
    obtain $(page_packages) || echo 'going on without what the page is tested with'
    prepare page "$lua" '' moonport || return
    describe "$programs"
    counted page tests/page/run.sh
}

node_packages() {
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
}

page_packages() {
    node_packages
    command -v chromium >/dev/null || echo chromium
}

# Both steps, built for Windows; the others go on without when there is nothing to run them on.
on_windows() { # "STEPS" [CRITERION'S FLAGS]
    chosen=$1 started=$(date +%s)
    shift
    # shellcheck disable=SC2046 # words
    if ! (target=windows && obtain $(build_packages)) || ! wine; then
        echo 'NOT TESTED on this machine: Windows, which takes mingw and wine64'
        settle windows "$started" SKIPPED 0 0 1
        return
    fi
    target=windows exe=.exe
    for step in $chosen; do
        case $step in
        unit) unit 'windows unit' '' plainly "$@" ;;
        e2e) end_to_end 'windows e2e' "$lua" '' iocp plainly --filter "!($only_once)" "$@" ;;
        esac
    done
    target=linux exe='' launcher=''
}

# Sanitizers take long: each sees a suite on one backend. What the port has to do with, one of them sees on
# epoll and the other on io_uring; and threads are seen where there are several that do something.
of_the_port='data|end|fanout|fault|figures|framing|gone|group|life|limits|listen|post|pressure|split|stall|stop|wait'
of_threads='admin_client|call|channel|job|memory|meters|operate|operate_json|operate_slow|operate_tools|overtime|print|probation|probation_shown|profile|reload|reload_config|reload_half|reload_load|reload_state|reload_tests|serve|shared|shared_change|signal|talk|timer|tls_offers|turns'

# It takes a minute, and says the same of every backend.
only_once='judges/testssl*'

run_step() { # STEP [CRITERION'S FLAGS]
    chosen=$1
    shift
    case $chosen in
    unit) unit unit '' plainly "$@" ;;
    sim) sim_briefly sim '' 2000 --prove ;;
    e2e)
        end_to_end e2e "$lua" '' epoll plainly "$@"
        end_to_end e2e "$lua" '' uring plainly --filter "!($only_once)" "$@"
        ;;
    page) page ;;
    luajit) end_to_end luajit luajit '' auto plainly --filter "!($only_once)" "$@" ;;
    asan)
        unit 'asan unit' address steadily "$@"
        sim_briefly 'asan sim' address 400 --try
        end_to_end 'asan e2e' "$lua" address epoll steadily --filter "!(@($of_the_port)/*|$only_once)" "$@"
        end_to_end 'asan e2e' "$lua" address uring steadily --filter "@($of_the_port)/*" "$@"
        ;;
    tsan)
        unit 'tsan unit' thread steadily "$@"
        end_to_end 'tsan e2e' "$lua" thread epoll steadily --filter "@($of_the_port)/*" "$@"
        end_to_end 'tsan e2e' "$lua" thread uring steadily --filter "@($of_threads)/*" "$@"
        ;;
    fuzz) fuzz_briefly ;;
    windows) on_windows "$(steps_of windows)" "$@" ;;
    soak) soak_briefly ;;
    instructions) count_instructions ;;
    lint)
        lint_prepare
        for tool in $(tests/lint/run.sh); do
            started=$(date +%s) word=ok bad=0
            echo "testing lint $tool ..."
            log=build/test-logs/lint-$tool.log
            tests/lint/run.sh "$tool" >"$log" 2>&1 || word=FAILED bad=1 why=$(tail -n 40 "$log")
            cat "$log"
            settle "lint $tool" "$started" "$word" $((1 - bad)) "$bad" 0
        done
        ;;
    esac
}

# What a step cannot do without.
packages_of() { # STEP
    case $1 in
    sim) build_packages lua5.4 ;;
    luajit) build_packages luajit && echo libcriterion-dev ;;
    soak) build_packages "$lua" && echo gnuplot-nox ;;
    lint) lint_packages ;;
    fuzz | instructions | page) build_packages "$lua" ;;
    *) build_packages "$lua" && echo libcriterion-dev ;;
    esac
}

# What the guide's examples use, or are used by.
databases() {
    echo lua-sql-sqlite3 lua-sql-postgres lua-cjson postgresql redis-tools
}

# Whose parsers the admin's answers are held against, who speaks WebSocket, who makes certificates, and who judges TLS.
strict_clients() {
    echo curl openssl python3 prometheus python3-websockets python3-wsproto python3-aiohttp libwebsockets-test-server
    echo sslscan testssl.sh gnutls-bin
}

# What it does not run without, or not all of it: that is said, and the other steps go on.
extras_of() { # STEP
    case $1 in
    e2e | luajit | asan) echo libedit-dev libncurses-dev tmux && databases && strict_clients && node_packages ;;
    page) page_packages ;;
    tsan) echo libedit-dev libncurses-dev ;;
    fuzz) echo clang libclang-rt-dev ;;
    windows) build_packages "$lua" windows && echo wine64 ;;
    instructions) echo valgrind ;;
    lint) build_packages lua5.4 windows ;;
    esac
}

# For all steps at once, so that whoever may not install anything is told once what he lacks.
prepare_packages() { # STEP...
    needed=$(for step; do packages_of "$step"; done)
    extras=$(for step; do extras_of "$step"; done)
    # shellcheck disable=SC2086 # words
    look_for $needed $extras
    # shellcheck disable=SC2086 # words
    [ -z "$missing" ] || may_install || ask_root $missing
    # shellcheck disable=SC2086 # words
    need $needed
}

# Tests that lack them say so. Debian starts what it installs unless the system seems to have just one user.
wish_for_databases() {
    export RUNLEVEL=1
    # shellcheck disable=SC2046 # words
    obtain $(databases) $(strict_clients) || echo 'going on without databases, promtool, openssl, or clients of WebSocket and TLS'
    unset RUNLEVEL
}

# One more client of WebSocket: its tests say so, too.
wish_for_ws() {
    # shellcheck disable=SC2046 # words
    obtain $(node_packages)
    tests/npm.sh tests/e2e/websocket build/websocket || echo 'going on without ws from npm'
}

# What `moonport top` is looked at in: its tests say so, too.
wish_for_tmux() {
    obtain tmux || echo 'going on without tmux'
}

# What failed stands at the end, too, where it is seen after thousands of lines.
tell_the_worst() {
    for file in build/test-logs/unsteady build/test-logs/failed; do
        [ ! -s "$file" ] || { echo "---- $(basename "$file"):" && cat "$file"; }
    done
}

run_tests() { # [CRITERION'S FLAGS]
    where=$target target=linux exe=''
    jobs=$((2 * $(nproc))) # half of the time they wait
    steps=${words:-$(steps_of "$where")}
    [ -n "$words" ] || [ "$where" = windows ] ||
        echo "All of it takes about $whole_test. A short one: ./dev test unit sim"
    # shellcheck disable=SC2086 # words
    if [ "$where" = windows ]; then prepare_packages windows; else prepare_packages $steps; fi
    case " $steps " in *' e2e '* | *' luajit '* | *' asan '* | *' tsan '*) wish_for_terminal ;; esac
    case " $steps " in *' e2e '* | *' luajit '* | *' asan '*) wish_for_databases && wish_for_ws && wish_for_tmux ;; esac
    mkdir -p build/test-logs
    rm -f build/test-logs/failed build/test-logs/unsteady
    echo 'leak:cri_assert_node_add' >build/leaks
    export ASAN_OPTIONS=abort_on_error=1:handle_segv=0:detect_leaks=1
    export LSAN_OPTIONS="suppressions='$root/build/leaks':print_suppressions=0"
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    # A server that is told twice to stop ends without the threads of scripts that do not return.
    export TSAN_OPTIONS=halt_on_error=1:exitcode=66:report_thread_leaks=0
    if [ "$where" = windows ]; then
        on_windows "$steps" "$@"
    else
        for step in $steps; do run_step "$step" "$@"; done
    fi
    tell_the_worst
    echo "moonport: $passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

