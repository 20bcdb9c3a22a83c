#!/bin/sh
# dev_test.sh - what ./dev says, and asks for, where packages are missing and nobody may install them.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 2
dev=$here/../../dev
tree=$(mktemp -d) || exit 2
trap 'rm -rf "$tree"' EXIT
failed=0

fake() { # NAME SCRIPT
    rm -f "$tree/$1"
    printf '#!/bin/sh\n%s\n' "$2" >"$tree/$1" && chmod +x "$tree/$1" || exit 2
}

wrong() { # WHAT
    printf 'dev_test.sh: %s; it said, with status %s:\n%s\n' "$1" "$status" "$said"
    failed=1
}

run() { # WORD...
    said=$(PATH=$tree "$dev" "$@" 2>&1 </dev/null)
    status=$?
}

# One line that names these packages, none of those; and the end.
expect_asked() { # "WANTED" "UNWANTED" WORD...
    wanted=$1 unwanted=$2
    shift 2
    run "$@"
    line=$(printf '%s\n' "$said" | grep 'as root: apt-get install ')
    [ "$status" -eq 3 ] || wrong "$*: the status is not 3"
    [ "$(printf '%s\n' "$line" | grep -c .)" -eq 1 ] || wrong "$*: not said once"
    for name in $wanted; do
        case " $line " in *" $name "*) ;; *) wrong "$*: $name is not named" ;; esac
    done
    for name in $unwanted; do
        case " $line " in *" $name "*) wrong "$*: $name is not needed" ;; esac
    done
    case $said in *'apt-get was called'*) wrong "$*: apt-get was called" ;; esac
}

# All that this machine has, but for those that see who one is and what is installed.
ln -sf /usr/bin/* /bin/* "$tree" || exit 2
rm -f "$tree/sudo"
fake id 'echo 1000'
fake dpkg-query 'echo not-installed'
fake apt-get 'echo apt-get was called'

expect_asked 'gcc make pkg-config liblua5.4-dev' 'libcriterion-dev clang valgrind' build
expect_asked 'gcc liblua5.4-dev libcriterion-dev' \
    'libluajit-5.1-dev clang gcc-mingw-w64-x86-64-posix wine64 valgrind gnuplot-nox cppcheck' test unit
expect_asked 'gcc liblua5.4-dev' 'libcriterion-dev' test sim
expect_asked 'libluajit-5.1-dev libcriterion-dev' 'clang' test luajit
expect_asked 'clang wine64 valgrind cppcheck gnuplot-nox libluajit-5.1-dev' '' test
case $said in *'25 minutes'*'3.6 GB'*'./dev test unit sim'*) ;; *) wrong 'test: its cost is not said' ;; esac
fake sudo 'echo "sudo: a password is required" >&2; exit 1'
expect_asked 'gcc make' '' build

[ "$failed" -eq 0 ]
