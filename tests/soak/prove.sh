#!/bin/sh
# prove.sh - that the soak itself works: some seconds of it are well, and a wrong byte is found.
# `./dev test soak` runs it.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
export MOONPORT_SOAK_OUT="$MOONPORT_SOAK_OUT/test"

"$here/run.sh" --minutes 0.1 --seed 1 || exit 1
"$here/run.sh" --minutes 0.03 --seed 2 --fault byte
status=$?
[ "$status" -eq 1 ] || { echo "a wrong byte was not found: status $status" && exit 1; }
grep -q '^FAILED .*bytes to the steady' "$MOONPORT_SOAK_OUT/soak-2.verdict" || exit 1
for seed in 1 2; do
    [ -s "$MOONPORT_SOAK_OUT/soak-$seed.svg" ] || { echo 'there is no picture' && exit 1; }
done
echo 'soak: 2 passed, 0 failed'
