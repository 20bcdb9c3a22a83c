#!/bin/sh
# npm.sh FOLDER OUT - installs in OUT what FOLDER's package-lock.json pins, unless it is there.
#
# Status 77: it cannot be had here; why has been said.
set -u

folder=$1 out=$2

unfit() { # WHY
    echo "NOT TESTED: $1"
    exit 77
}

mkdir -p "$out" || exit 3
cmp -s "$folder/package-lock.json" "$out/installed" && exit
command -v npm >/dev/null || unfit "what $folder/package.json names comes from npm, which is not here"
cp "$folder/package.json" "$folder/package-lock.json" "$out" || exit 3
npm ci --prefix "$out" --ignore-scripts --no-audit --no-fund >"$out/npm.log" 2>&1 || {
    cat "$out/npm.log"
    unfit "npm could not install what $folder/package.json names"
}
cp "$folder/package-lock.json" "$out/installed"
