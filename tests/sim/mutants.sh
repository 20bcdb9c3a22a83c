#!/bin/sh
# mutants.sh DIRECTORY MAKEFILES [NAME...] - does the simulation find bugs? Each of mutants.txt is built
# into a simulation of its own, by -DMUTANT_name, which must then see a promise broken within SEEDS
# seeds. DIRECTORY: of the programs that premake's MAKEFILES have made.
set -u

SEEDS=3000
tests=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
root=$(CDPATH='' cd -- "$tests/../.." && pwd) || exit 1
programs=$1 makefiles=$2
shift 2
objects=$programs/sim.objects made=$programs/mutants list=$tests/mutants.txt

names() {
    sed -n 's/^\([a-z_]\{1,\}\) .*\.c$/\1/p' "$list"
}

# A copy of the file with every mutant that is in it, each behind an #ifdef of its own.
weave() { # FILE
    awk -v wanted="$1" '
        FILENAME != source && /^#/ { next }
        FILENAME != source && /^[a-z_]+ .*\.c$/ { name = $1; mine = $2 == wanted; next }
        FILENAME != source && mine && /^-/ { old = substr($0, 2); of[old] = name; new[name] = "" }
        FILENAME != source && mine && /^\+/ { new[name] = new[name] substr($0, 2) "\n" }
        FILENAME != source { next }
        $0 in of {
            printf "#ifdef MUTANT_%s\n%s#else\n%s\n#endif\n", of[$0], new[of[$0]], $0
            seen[$0]++
            next
        }
        { print }
        END {
            for (line in of) if (seen[line] != 1) {
                printf "mutants.txt: %s: its line stands %d times in %s: write it anew\n", of[line],
                    seen[line], wanted | "cat >&2"
                failed = 1
            }
            exit failed
        }' source="$root/$1" "$list" "$root/$1"
}

# The simulation with that one bug.
build() { # NAME FILE
    object=$made/$1.o base=$(basename "$2" .c)
    # shellcheck disable=SC2046 # words
    ${CC:-gcc} -std=gnu11 -O1 -g -w -D_GNU_SOURCE "-DMUTANT_$1" -I"$root/engine" -I"$root/bindings" \
        $(pkg-config --cflags lua5.4) -c "$made/$base.c" -o "$object" || return
    others=$(find "$objects" -name '*.o' ! -name "$base.o" | tr '\n' ' ')
    # Two simulated files share a name with one of the engine's: no mutant is in those.
    make -s --no-print-directory -C "$makefiles" -f sim.make config="${config:-release}" \
        TARGET="$made/$1" OBJECTS="$object $others" >"$made/$1.log" 2>&1
}

try() { # NAME
    file=$(sed -n "s/^$1 \(.*\.c\)\$/\1/p" "$list")
    if ! build "$1" "$file"; then
        echo "FAILED $1: it cannot be built"
        cat "$made/$1.log" 2>/dev/null
        return 1
    fi
    if MALLOC_PERTURB_=165 "$made/$1" --count "$SEEDS" --scripts "$tests/server" >"$made/$1.log" 2>&1
    then
        echo "FAILED $1: no promise was broken within $SEEDS seeds"
        return 1
    fi
    seed=$(sed -n 's/^seed \([0-9]*\) .*See it again.*/\1/p' "$made/$1.log" | tail -n 1)
    what=$(sed -n 's/.*violation: //p; s/.*this is a bug: //p' "$made/$1.log" | head -n 1)
    printf 'found  %-28s seed %4s: %.80s\n' "$1" "$seed" "${what:-it crashes}"
}

if [ "${1-}" = --one ]; then
    try "$2"
    exit
fi

mkdir -p "$made" || exit 1
# shellcheck disable=SC2013 # names have no blanks
for file in $(sed -n 's/^[a-z_]\{1,\} \(.*\.c\)$/\1/p' "$list" | sort -u); do
    weave "$file" >"$made/$(basename "$file")" || exit 1
done
# shellcheck disable=SC2046 # words
[ $# -gt 0 ] || set -- $(names)
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 "$0" "$programs" "$makefiles" --one >"$made/found" 2>&1
sort "$made/found"
found=$(grep -c '^found ' "$made/found")
echo "mutants: $found of $# found"
[ "$found" -eq $# ]
