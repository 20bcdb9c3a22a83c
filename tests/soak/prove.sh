#!/bin/sh
# prove.sh - that the soak itself works: a minute of it is well on one backend, long enough to see memory grow,
# and some seconds on the other; and a wrong byte is found.
# `./dev test soak` runs it.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
export MOONPORT_SOAK_OUT="$MOONPORT_SOAK_OUT/test"

passed=3
"$here/run.sh" --minutes 1 --seed 3 --backend epoll || exit 1
"$here/run.sh" --minutes 0.1 --seed 1 --backend uring
status=$?
if [ "$status" -eq 3 ] && grep -q 'io_uring does not work here' "$MOONPORT_SOAK_OUT/soak-1.log"; then
    echo 'NOT TESTED: io_uring does not work here' && passed=2
elif [ "$status" -ne 0 ]; then
    exit 1
fi
"$here/run.sh" --minutes 0.03 --seed 2 --fault byte
status=$?
[ "$status" -eq 1 ] || { echo "a wrong byte was not found: status $status" && exit 1; }
grep -q '^FAILED .*bytes to the steady' "$MOONPORT_SOAK_OUT/soak-2.verdict" || exit 1
for seed in 2 3; do
    [ -s "$MOONPORT_SOAK_OUT/soak-$seed.svg" ] || { echo 'there is no picture' && exit 1; }
done
echo "soak: $passed passed, 0 failed"
