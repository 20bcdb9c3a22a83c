#!/bin/sh
# layers.sh [DIRECTORY] - a file includes only files of its own layer or below.
#
# Which file is in which layer is said in one place only, the table of README.md's Architecture. There
# `name` is name.h and name.c, and name_posix.c and name_windows.c unless the table names those
# themselves; `name.h` is that file alone. Prints what is wrong, a line each; 1 if anything is.
set -u
cd "${1:-.}" || exit 2

# shellcheck disable=SC2046 # words
awk '
function wrong(text)
{
    print text | "sort"
    found++
}

# The files that a name of the table stands for, those that exist.
function claim(name, layer,    count, i, suffix, file)
{
    count = split(name ~ /\.h$/ ? "-" : ".h .c _posix.h _posix.c _windows.h _windows.c", suffix, " ")
    for (i = 1; i <= count; i++) {
        file = suffix[i] == "-" ? name : name suffix[i]
        if (!(file in where)) continue
        if (suffix[i] ~ /^_/ && (name substr(suffix[i], 1, length(suffix[i]) - 2)) in named) continue
        claimed[name] = 1
        layer_of[file] = layer
    }
    if (!(name in claimed))
        wrong("README.md: layer " layer " names `" name "`, but neither engine/ nor bindings/ has it:" \
              " take it out of the table, or write how it is called now")
}

BEGIN {
    for (i = 1; i < ARGC; i++) {
        file = ARGV[i]
        sub(/^.*\//, "", file)
        if (file in where) {
            wrong(ARGV[i] ": " where[file] file " has that name already: give one of them another")
            continue
        }
        where[file] = substr(ARGV[i], 1, length(ARGV[i]) - length(file))
    }
    while ((getline line < "README.md") > 0) {
        if (line ~ /^## /) in_table = line == "## Architecture"
        if (!in_table || line !~ /^\| *[0-9]+ *\|/) continue
        rows++
        split(line, cell, "|")
        layer = cell[2] + 0
        count = split(line, word, "`")
        for (i = 2; i <= count; i += 2) {
            if (word[i] !~ /^[a-z][a-z0-9_]*(\.h)?$/) continue # "bindings/"
            if (word[i] in named)
                wrong("README.md: layers " named[word[i]] " and " layer " both name `" word[i] "`")
            named[word[i]] = layer
        }
    }
    if (rows == 0) {
        wrong("README.md: its Architecture has no table of layers (| 0 | `name` ... |)")
        exit
    }
    for (name in named) claim(name, named[name])
    for (file in where)
        if (!(file in layer_of))
            wrong(where[file] file ": is in no layer: name it in the table of README.md, Architecture")
}

!/^[ \t]*#[ \t]*include/ { next }

{
    self = FILENAME
    sub(/^.*\//, "", self)
    split($0, word, /["<>]/)
    other = word[2]
    sub(/^.*\//, "", other)
    at = FILENAME ":" FNR ": "
}

where[self] ~ /^engine\// && (other ~ /^(lua|lauxlib|luajit)/ || where[other] ~ /^bindings\//) {
    wrong(at "the engine knows no Lua and nothing of bindings/, but this includes " other)
    next
}

where[self] ~ /^bindings\// && where[other] ~ /^engine\// && other ~ /^port[._]/ {
    wrong(at "bindings/ knows the engine by server.h and script.h, never by a port: " other)
    next
}

other in where && self in layer_of && other in layer_of && layer_of[self] < layer_of[other] {
    wrong(at "layer " layer_of[self] " includes " other " of layer " layer_of[other] \
          ": what is needed of it belongs below, or the one of them in another layer of README.md")
}

END {
    close("sort")
    exit found > 0
}
' $(find engine -name '*.[ch]' | sort) $(find bindings -name '*.[ch]' | sort)
