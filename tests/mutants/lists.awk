# lists.awk - reads lists of mutants (README.md says how they are written).
#
#     awk -f lists.awk -v mode=names LIST...                a line each: name, file, where to look
#     awk -f lists.awk -v mode=weave -v wanted=NAME LIST... the file of that mutant, with the bug in it
#     awk -f lists.awk -v mode=record -v found=FILE LIST    the list, with the seeds that found its mutants:
#                                                           FILE has lines "found NAME sim seed N: ..."
#     awk -f lists.awk -v mode=check -v files="..." LIST... what is wrong with the lists, a line each
#
# It runs in the directory that the names of files begin in.

function wrong(text)
{
    print text
    bad++
}

function here()
{
    return FILENAME ":" FNR
}

# The file as one text, each line between two line feeds.
function text_of(file,    line, text)
{
    if (file in texts) return texts[file]
    text = "\n"
    while ((getline line < file) > 0) text = text line "\n"
    close(file)
    texts[file] = text
    return text
}

# How often the lines stand in the file.
function times(file, lines,    text, at, count)
{
    text = text_of(file)
    for (count = 0; (at = index(text, "\n" lines)) > 0; count++) text = substr(text, at + 1)
    return count
}

function look_of(mutant)
{
    if (mutant in own) return own[mutant]
    if (mutant in seed) return "look: sim --seed " seed[mutant] "; sim"
    if (list[mutant] ~ /^tests\/sim\//) return "look: sim"
    if (file_of[mutant] in look) return look[file_of[mutant]]
    return "look:"
}

# A seed stands behind the lines of its mutant, in place of what stood there.
function record(    line, words)
{
    while ((getline line < found) > 0)
        if (line ~ /^found +[a-z0-9_]+ +sim seed [0-9]+:/) {
            split(line, words, /[ :]+/)
            seed_of[words[2]] = words[5]
        }
    close(found)
}

function print_seed()
{
    if (mutant in seed_of) print "! seed: " seed_of[mutant]
    mutant = ""
}

BEGIN { if (mode == "record") record() }

mode == "record" {
    if (/^! seed: / && mutant in seed_of) next
    if (!/^[-+!]/) print_seed()
    if (/^[a-z0-9_]+ [^ ]+\.[ch]$/) mutant = $1
    print
    next
}

/^#/ || /^$/ { next }

/^@ [^ ]+ (look|few): / {
    if ($3 == "few:") few[$2] = here()
    else look[$2] = substr($0, length($1 $2) + 3)
    next
}

/^[a-z0-9_]+ [^ ]+\.[ch]$/ {
    name = $1
    if (name in file_of) wrong(here() ": " name " stands in " list[name] " already: give it another name")
    names[++count] = name
    file_of[name] = $2
    list[name] = FILENAME
    next
}

/^! (look|unseen): / { own[name] = substr($0, 3); next }
/^! seed: [1-9][0-9]*$/ { seed[name] = $3; next }
/^-/ { old[name] = old[name] substr($0, 2) "\n"; next }
/^\+/ { new[name] = new[name] substr($0, 2) "\n"; next }

{ wrong(here() ": no list of mutants has such a line: " $0) }

function check_mutant(name,    found)
{
    if (old[name] == "" || old[name] == new[name]) {
        wrong(list[name] ": " name ": it changes nothing")
        return
    }
    found = times(file_of[name], old[name])
    if (found != 1)
        wrong(list[name] ": " name ": its lines stand " found " times in " file_of[name] \
              ": write it anew")
    having[file_of[name]]++
}

# Headers that only declare have no line to get wrong.
function has_logic(file)
{
    return file ~ /\.c$/ || index(text_of(file), "static inline") > 0
}

function check_files(    all, i, total)
{
    total = split(files, all, " ")
    for (i = 1; i <= total; i++) {
        if (having[all[i]] >= 3 || !has_logic(all[i])) continue
        if (all[i] in few) excused[all[i]] = 1
        else wrong(all[i] ": " having[all[i]] + 0 " mutants: write three, or why there are fewer")
    }
    for (i in few) if (!(i in excused)) wrong(few[i] ": " i " needs no excuse")
}

END {
    if (mode == "record") print_seed()
    if (mode == "names")
        for (i = 1; i <= count; i++) print names[i], file_of[names[i]], look_of(names[i])
    if (mode == "weave") {
        text = text_of(file_of[wanted])
        at = index(text, "\n" old[wanted])
        if (times(file_of[wanted], old[wanted]) != 1) exit 1
        printf "%s", substr(text, 2, at - 1) new[wanted] substr(text, at + length(old[wanted]) + 1)
    }
    if (mode == "check") {
        for (i = 1; i <= count; i++) check_mutant(names[i])
        check_files()
    }
    exit bad > 0
}
