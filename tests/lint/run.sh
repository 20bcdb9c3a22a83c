#!/bin/sh
# run.sh TOOL - looks for defects without running anything. With no word it names the tools.
#
# Prints what TOOL has found and a closing line; 1 if it has found anything. Files of one platform are
# read with the headers of that platform, those of Windows being mingw's.
set -u
cd "$(dirname -- "$0")/../.." || exit 2

# As premake5.lua has it.
flags="-std=gnu11 -D_GNU_SOURCE -Iengine -Ibindings -Itests/bench -Itests/unit $(pkg-config --cflags lua5.4)"
warnings='-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror'
windows='-D_WIN32_WINNT=0x0A00 -Itests/unit/shim'
mingw=x86_64-w64-mingw32
is_windows='(_windows|/port_iocp[_a-z]*|/shim/shim)\.c$' # and Criterion's stand-in there

ours() { # DIRECTORY...
    find "$@" -name '*.c' | grep -vE "$is_windows"
}

theirs() { # DIRECTORY...
    find "$@" -name '*.c' | grep -E "$is_windows"
}

shells() {
    echo dev
    find .ci -type f
    find tests scripts -name '*.sh'
}

# Runs the script for files that are read, at most so many at once, on all processors; what one says
# stays together. Its $flags are the compiler's.
each() { # COUNT SCRIPT FLAG...
    most=$1 script=$2
    shift 2
    xargs -P "$(nproc)" -n "$most" sh -c "flags=\$1
        shift
        said=\$($script) && exit
        printf '%s\n' \"\$said\"
        exit 1" each "$*"
}

# It takes half a second to start.
tidy() { # FLAG...
    # shellcheck disable=SC2016 # the script's
    each 12 'clang-tidy --quiet "$@" -- $flags 2>&1' "$@"
}

count() { # COMMAND...
    "$@" | wc -l
}

# Analyzers know what a program does with its memory and its null pointers, on every path. The leaks
# that gcc 12 sees are of what stays reachable by realloc, or from the middle of a structure;
# AddressSanitizer, under which all tests run, looks for leaks too.
analyze() { # COMPILER FLAG...
    compiler=$1
    shift
    # shellcheck disable=SC2016 # the script's
    each 1 "$compiler"' -c "$@" -o /dev/null -O1 -fanalyzer -Wno-analyzer-malloc-leak $flags 2>&1' "$@"
}

has_mingw() {
    command -v $mingw-gcc-posix >/dev/null && return
    unread=', NOT CHECKED on this machine, which lacks mingw: Windows'
    return 1
}

# shellcheck disable=SC2086 # words
look() { # TOOL
    case $1 in
    format)
        files=$(count find engine bindings tests -name '*.[ch]')
        find engine bindings tests -name '*.[ch]' -print0 |
            xargs -0 -P "$(nproc)" -n 40 clang-format --dry-run -Werror
        ;;
    clang-tidy)
        files=$(count ours engine bindings tests) fine=0
        ours engine bindings tests | tidy $flags || fine=1
        if has_mingw; then
            files=$((files + $(count theirs engine bindings tests)))
            theirs engine bindings tests | tidy --target=$mingw $flags $windows || fine=1
        fi
        return $fine
        ;;
    cppcheck)
        files=$(count find engine bindings tests -name '*.c')
        cppcheck --quiet -j "$(nproc)" --std=c11 --error-exitcode=1 --inline-suppr \
            --enable=warning,style,performance,portability --library=posix \
            --suppressions-list=tests/lint/cppcheck.txt -D__linux__ -D__GNUC__=12 -D_GNU_SOURCE \
            '-DTest(suite, name, ...)=void suite##_##name(void)' -Iengine -Ibindings -Itests/bench -Itests/unit \
            engine bindings tests
        ;;
    gcc-analyzer)
        files=$(count ours engine bindings) fine=0
        ours engine bindings | analyze gcc $flags $warnings || fine=1
        if has_mingw; then
            files=$((files + $(count theirs engine bindings)))
            theirs engine bindings |
                analyze $mingw-gcc-posix $flags $windows $warnings -Wno-format || fine=1
        fi
        return $fine
        ;;
    shellcheck)
        files=$(count shells)
        shells | xargs shellcheck
        ;;
    clocks) # what waits, waits by the monotonic clock: clock.h
        files=$(count find engine bindings -name '*.[ch]')
        ! find engine bindings -name '*.[ch]' ! -name 'clock_*' -print0 |
            xargs -0 grep -nE 'pthread_cond_(timedwait|clockwait)|CLOCK_REALTIME'
        ;;
    luacheck)
        files=$(count find scripts tests -name '*.lua')
        luacheck -q --no-color scripts tests
        ;;
    dev)
        files=1
        tests/lint/dev_test.sh
        ;;
    layers)
        files=$(count find engine bindings -name '*.[ch]')
        tests/lint/layers_test.sh && tests/lint/layers.sh
        ;;
    mutants)
        files=$(count find engine bindings -name '*.[ch]')
        tests/mutants/run.sh --check
        ;;
    *)
        echo "run.sh: no such tool: $1" >&2
        exit 2
        ;;
    esac
}

if [ $# -eq 0 ]; then
    echo format clang-tidy cppcheck gcc-analyzer shellcheck luacheck dev layers clocks mutants
    exit
fi

unread='' word=ok status=0
look "$1" || word=FAILED status=1
printf '%-16s %-8s %s files%s\n' "$1" "$word" "$files" "$unread"
exit $status
