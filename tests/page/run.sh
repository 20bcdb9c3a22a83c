#!/bin/sh
# run.sh [NODE'S FLAGS] - the admin's page and that of scripts/webchat, in a browser, on the server $MOONPORT_PROGRAM.
#
# Needs node (18 or later), npm and Chromium ($CHROMIUM, or the one in the path): without them it says so, and ends
# with status 77. What drives the browser comes from npm, pinned by package-lock.json, and goes to build/page.
# --test-name-pattern TEXT runs some of the tests.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 3
root=$(CDPATH='' cd -- "$here/../.." && pwd) || exit 3
out=$root/build/page

unfit() { # WHY
    echo "NOT TESTED: $1"
    exit 77
}

program=$(realpath -- "${MOONPORT_PROGRAM:?}") || exit 3
command -v node >/dev/null || unfit 'the page is tested with node, which is not here'
node -e 'const [major] = process.versions.node.split("."); process.exit(major < 18 ? 1 : 0)' ||
    unfit "the page is tested with node 18 or later, and here is $(node --version)"
CHROMIUM=${CHROMIUM-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}
[ -n "$CHROMIUM" ] || unfit 'the page is tested with Chromium, which is not here'
export CHROMIUM MOONPORT_PROGRAM="$program"

"$root/tests/npm.sh" "$here" "$out" || exit

node --test --test-reporter=tap "$@" "$here/page.test.mjs" "$here/webchat.test.mjs" >"$out/page.tap"
status=$?
grep -E '^ *(not ok|ok) ' "$out/page.tap"
[ "$status" -eq 0 ] || cat "$out/page.tap"
count() { # WORD
    sed -n "s/^# $1 //p" "$out/page.tap"
}
echo "page: $(count pass) passed, $(count fail) failed"
exit "$status"
