#!/bin/sh
# layers_test.sh - layers.sh tells what it is for, and nothing of a tree that is right.
# shellcheck disable=SC2016 # names of the table
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 2
tree=$(mktemp -d) || exit 2
trap 'rm -rf "$tree"' EXIT
failed=0

# A tree of three layers whose files are right.
plant() {
    rm -rf "$tree/engine" "$tree/bindings"
    mkdir "$tree/engine" "$tree/bindings" || exit 2
    cat >"$tree/README.md" <<'README'
## Architecture

| layer | files |
| --- | --- |
| 0 | `span.h` `clock` (of a platform) |
| 1 | `port` |
| 6 | `bindings/`: `runtime` |

## Other

| 0 | `elsewhere` |
README
    echo '#include <stddef.h>' >"$tree/engine/span.h"
    echo '#include "span.h"' >"$tree/engine/clock.h"
    echo '#include "clock.h"' >"$tree/engine/clock_posix.c"
    echo '#include "clock.h"' >"$tree/engine/port.h"
    echo '#include "port.h"' >"$tree/engine/port.c"
    printf '#include "clock.h"\n#include <lua.h>\n' >"$tree/bindings/runtime.c"
}

# Does layers.sh say just this, in one line? '' is nothing.
expect() { # PATTERN
    said=$("$here/layers.sh" "$tree" 2>&1)
    status=$?
    case $1 in
    '') [ "$status" -eq 0 ] && [ -z "$said" ] && return ;;
    *)
        if [ "$status" -eq 1 ] && [ "$(printf '%s\n' "$said" | wc -l)" -eq 1 ]; then
            printf '%s\n' "$said" | grep -q "$1" && return
        fi
        ;;
    esac
    failed=1
    printf 'layers_test.sh: expected "%s" from layers.sh, which ended with %s and said:\n%s\n' \
        "$1" "$status" "$said" >&2
}

plant
expect ''

plant
echo '#include "port.h"' >>"$tree/engine/clock.h"
expect '^engine/clock.h:2: layer 0 includes port.h of layer 1'

plant
echo '#include "port.h"' >>"$tree/engine/clock_posix.c"
expect '^engine/clock_posix.c:2: layer 0 includes port.h of layer 1'

plant
: >"$tree/engine/novel.h"
expect '^engine/novel.h: is in no layer: name it in the table'

plant
rm "$tree/engine/span.h"
expect '^README.md: layer 0 names `span.h`, but neither engine/ nor bindings/ has it'

plant
sed 's/`port`/`port.h`/' "$tree/README.md" >"$tree/new" && mv "$tree/new" "$tree/README.md"
expect '^engine/port.c: is in no layer'

plant
sed 's/`port`/& `clock`/' "$tree/README.md" >"$tree/new" && mv "$tree/new" "$tree/README.md"
expect '^README.md: layers 0 and 1 both name `clock`'

plant
echo '#include <lua.h>' >>"$tree/engine/port.c"
expect '^engine/port.c:2: the engine knows no Lua'

plant
: >"$tree/bindings/runtime.h"
echo '#include "../bindings/runtime.h"' >>"$tree/engine/port.c"
expect '^engine/port.c:2: .* this includes runtime.h'

plant
echo '#include "../engine/port.h"' >>"$tree/bindings/runtime.c"
expect '^bindings/runtime.c:3: .* never by a port: port.h'

plant
: >"$tree/bindings/span.h"
expect 'span.h: engine/span.h has that name already'

plant
: >"$tree/README.md"
expect '^README.md: its Architecture has no table of layers'

exit "$failed"
