#!/bin/sh
# layers_test.sh - layers.sh tells what it is for, and nothing of a tree that is right.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 2
tree=$(mktemp -d) || exit 2
trap 'rm -rf "$tree"' EXIT
failed=0

# A tree of four folders whose files are right.
plant() {
    rm -rf "$tree/engine" "$tree/bindings"
    mkdir -p "$tree/engine/base" "$tree/engine/port" "$tree/engine/link" "$tree/bindings/run" || exit 2
    cat >"$tree/README.md" <<'README'
## Architecture

    engine/        the core
      base/        words
      port/        the system
      link/        connections
    bindings/      Lua
      run/         scripts

## Other

      elsewhere/   is not in it
README
    cd "$tree" || exit 2
    echo 'int now(void);' >engine/base/clock.h
    printf '#include "base/clock.h"\nint now(void) { return 0; }\n' >engine/base/clock_posix.c
    printf '#include "base/clock.h"\nint harvest(void);\n' >engine/port/port.h
    printf '#include "port/port.h"\nint harvest(void) { return now(); }\n' >engine/port/port.c
    printf '#include "base/clock.h"\nint link_send(void);\n' >engine/script.h
    printf '#include "script.h"\n#include "port/port.h"\nint link_send(void) { return harvest(); }\n' \
        >engine/link/link.c
    printf '#include "script.h"\nint run(void) { return link_send(); }\n' >bindings/run/run.c
}

# Does layers.sh say just these, a line each? None is nothing.
expect() { # PATTERN...
    said=$("$here/layers.sh" "$tree" 2>&1)
    status=$?
    lines=$(printf '%s' "$said" | grep -c '') wrong=no
    [ "$lines" -eq $# ] && { [ $# -eq 0 ] || [ "$status" -eq 1 ]; } || wrong=yes
    [ $# -gt 0 ] || [ "$status" -eq 0 ] || wrong=yes
    for pattern in "$@"; do printf '%s\n' "$said" | grep -q "$pattern" || wrong=yes; done
    [ "$wrong" = yes ] || return
    failed=1
    printf 'layers_test.sh: expected "%s" from layers.sh, which ended with %s and said:\n%s\n' \
        "$*" "$status" "$said" >&2
}

plant
expect

plant
echo '#include "port/port.h"' >>engine/base/clock_posix.c
expect '^engine/base/clock_posix.c:3: includes engine/port/port.h, which lies above it'

plant
echo '#include "port/port.h"' >>engine/script.h
: >engine/base/clock.c
echo '#include "script.h"' >>engine/base/clock.c
expect '^engine/base/clock.c:1: includes engine/script.h, which lies above it'

plant
printf 'int harvest(void);\nint early(void) { return harvest(); }\n' >engine/base/early.c
expect '^engine/base/early.c: calls harvest of engine/port/port.c, which lies above it'

plant
echo '#include "port/other.h"' >>engine/port/port.h
echo '#include "port/port.h"' >engine/port/other.h
expect '^engine/port/port.h: in a circle, it includes engine/port/other.h' \
    '^engine/port/other.h: in a circle, it includes engine/port/port.h'

plant
printf 'int harvest(void);\nint other(void) { return harvest(); }\n' >engine/port/other.c
printf 'int other(void);\nint again(void) { return other(); }\n' >>engine/port/port.c
expect '^engine/port/port.c: in a circle, it calls engine/port/other.c (other)' \
    '^engine/port/other.c: in a circle, it calls engine/port/port.c (harvest)'

plant
mkdir engine/novel
: >engine/novel/novel.h
expect '^engine/novel/novel.h: its folder is not in the picture'

plant
rm -r bindings/run
mkdir bindings/other
expect '^README.md: its picture has bindings/run/, which is no folder here'

plant
echo '#include "clock.h"' >>engine/base/clock_posix.c
expect '^engine/base/clock_posix.c:3: includes are written from engine/ or bindings/'

plant
echo '#include <lua.h>' >>engine/port/port.h
expect '^engine/port/port.h:3: the engine knows no Lua'

plant
: >bindings/run/run.h
echo '#include "run/run.h"' >>engine/port/port.c
expect '^engine/port/port.c:3: .* this includes bindings/run/run.h'

plant
echo '#include "port/port.h"' >>bindings/run/run.c
expect '^bindings/run/run.c:3: .* never by a port: engine/port/port.h'

plant
echo '#include "base/clock.h"' >bindings/run/clock.h
expect 'clock.h: engine/base/clock.h has that name already'

plant
printf '#ifdef _WIN32\n#endif\n' >>engine/port/port.c
expect '^engine/port/port.c:3: what differs by platform stands in'

plant
: >README.md
expect '^README.md: its Architecture has no picture of the folders'

exit "$failed"
