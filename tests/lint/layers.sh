#!/bin/sh
# layers.sh [DIRECTORY] - a file uses only what lies below it.
#
# The folders are the layers; their order is that of the picture in README.md, Architecture, which has a line for
# each. A folder includes and calls only those above it in the picture, and the files of one folder do so without a
# circle. Who calls whom is seen in compiled files: what one defines, and what another wants. A header beside the
# folders stands where the highest of its own includes does. Prints what is wrong, a line each; 1 if anything is.
set -u
cd "${1:-.}" || exit 2
made=$(mktemp -d) || exit 2
trap 'rm -rf "$made"' EXIT

# ---- includes ----

# Also writes who includes whom to $made/includes, and the place of each file to $made/places.
# shellcheck disable=SC2046 # words
awk -v made="$made" '
function wrong(text)
{
    print text | "sort"
    found++
}

function folder_of(file)
{
    sub(/\/[^\/]*$/, "", file)
    return file
}

# Files beside the folders stand as high as what they include.
function place_of(file,    i, highest, place)
{
    if (folder_of(file) != "engine") return order[folder_of(file)]
    for (i = 1; i <= included[file]; i++) {
        place = place_of(includes[file, i])
        if (place > highest) highest = place
    }
    return highest + 0
}

BEGIN {
    while ((getline line < "README.md") > 0) {
        if (line ~ /^## /) here = line == "## Architecture"
        if (!here || line !~ /^ +[a-z]+\/ /) continue
        match(line, /[a-z]+\//)
        name = substr(line, RSTART, RLENGTH - 1)
        if (name == "engine" || name == "bindings") root = name
        else order[root "/" name] = ++folders
    }
    if (folders == 0) wrong("README.md: its Architecture has no picture of the folders (\"    engine/ ...\")")
    for (i = 1; i < ARGC; i++) {
        file = ARGV[i]
        short = file
        sub(/^[a-z]*\//, "", short)
        base = file
        sub(/^.*\//, "", base)
        path[short] = file
        if (base in named) wrong(file ": " named[base] " has that name already: give one of them another")
        named[base] = file
        if (folders > 0 && folder_of(file) != "engine" && !(folder_of(file) in order))
            wrong(file ": its folder is not in the picture of README.md, Architecture")
        seen[folder_of(file)] = 1
    }
    for (name in order)
        if (!(name in seen)) wrong("README.md: its picture has " name "/, which is no folder here")
}

/^[ \t]*#.*_WIN32/ && FILENAME ~ /\.c$/ {
    wrong(FILENAME ":" FNR ": what differs by platform stands in a _posix.c and a _windows.c")
}

/^[ \t]*#[ \t]*include/ {
    split($0, word, /["<>]/)
    other = word[2]
    at = FILENAME ":" FNR ": "
    engine = FILENAME ~ /^engine\//
    if (other in path) other = path[other]
    else if ($0 ~ /"/) {
        wrong(at "includes are written from engine/ or bindings/, such as \"base/span.h\": " other)
        next
    }
    if (engine && (other ~ /^(lua|lauxlib|luajit)/ || other ~ /^bindings\//))
        wrong(at "the engine knows no Lua and nothing of bindings/, but this includes " other)
    else if (!engine && other ~ /^engine\/port\//)
        wrong(at "bindings/ knows the engine by server.h and script.h, never by a port: " other)
    else if (other ~ /^(engine|bindings)\//) {
        includes[FILENAME, ++included[FILENAME]] = other
        where[FILENAME, included[FILENAME]] = at
        print FILENAME, other > (made "/includes")
    }
}

END {
    for (i = 1; i < ARGC; i++) {
        file = ARGV[i]
        print file, place_of(file) > (made "/places")
        for (j = 1; j <= included[file]; j++)
            if (place_of(includes[file, j]) > place_of(file))
                wrong(where[file, j] "includes " includes[file, j] ", which lies above it: what is needed of " \
                      "it belongs below")
    }
    close("sort")
    exit found > 0
}
' $(find engine -name '*.[ch]' | sort) $(find bindings -name '*.[ch]' | sort)
status=$?

# ---- circles ----

# Of lines "FROM TO WHY...", each way round; prints how each file of a circle leads on.
circles() { # WHAT EDGES
    cut -d ' ' -f 1,2 "$2" | tsort 2>"$made/loops" >/dev/null
    awk -v what="$1" '
        FILENAME ~ /loops$/ {
            if (/contains a loop/) loop++
            else member[$2] = loop
            next
        }
        ($1 in member) && ($2 in member) && member[$1] == member[$2] && $1 != $2 {
            why = $3 == "" ? "" : " (" $3 ")"
            print $1 ": in a circle, it " what " " $2 why
            found = 1
        }
        END { exit found }
    ' "$made/loops" "$2"
}

touch "$made/includes" "$made/places"
circles includes "$made/includes" || status=1

# ---- calls, once all includes are right ----

[ "$status" -eq 0 ] || exit "$status"

# Compiles files that are read, each into $made/KIND/.
compile() { # KIND COMMAND...
    kind=$1
    shift
    cat >"$made/cc" <<CC
#!/bin/sh
exec $* -w -O0 -c "\$1" -o "\$2"
CC
    chmod +x "$made/cc"
    while read -r file; do
        mkdir -p "$made/$kind/${file%/*}"
        echo "$file $made/$kind/${file%.c}.o"
    done | xargs -P "$(nproc)" -n 2 "$made/cc"
}

# Who calls whom, of the objects of these kinds: "FILE FILE NAME".
calls() { # KIND...
    for kind in "$@"; do
        [ ! -d "$made/$kind" ] || (cd "$made/$kind" && find . -name '*.o' -exec nm -A -P {} +)
    done | awk '
        {
            file = $1
            sub(/^\.\//, "", file)
            sub(/\.o:$/, ".c", file)
            if ($3 == "U") wanted[++count] = file " " $2
            else if ($3 ~ /^[A-Z]$/) defined[$2] = file
        }
        END {
            for (i = 1; i <= count; i++) {
                split(wanted[i], word, " ")
                to = defined[word[2]]
                if (to != "" && to != word[1] && !((word[1], to) in told)) print word[1], to, word[2]
                told[word[1], to] = 1
            }
        }'
}

judge_calls() { # KIND...
    calls "$@" | sort >"$made/calls"
    awk '
        NR == FNR { place[$1] = $2; next }
        place[$2] > place[$1] { print $1 ": calls " $3 " of " $2 ", which lies above it"; found = 1 }
        END { exit found }
    ' "$made/places" "$made/calls" || status=1
    circles calls "$made/calls" || status=1
}

is_windows='(_windows|/port_iocp[_a-z]*)\.c$'
flags="-std=gnu11 -D_GNU_SOURCE -Iengine -Ibindings"
lua=$(pkg-config --cflags lua5.4 2>/dev/null)
find engine bindings -name '*.c' >"$made/files"
grep -vE "$is_windows|_posix\.c$|/port_(epoll|uring[_a-z]*)\.c$" "$made/files" |
    compile both "${CC:-cc} $flags $lua" || status=2
grep -E "_posix\.c$|/port_(epoll|uring[_a-z]*)\.c$" "$made/files" |
    compile linux "${CC:-cc} $flags $lua" || status=2
judge_calls both linux
mingw=x86_64-w64-mingw32-gcc-posix
if command -v $mingw >/dev/null && grep -qE "$is_windows" "$made/files"; then
    grep -E "$is_windows" "$made/files" |
        compile windows "$mingw $flags $lua -D_WIN32_WINNT=0x0A00" || status=2
    judge_calls both windows
fi
exit $status
