# figures.awk - of what clients said, rows of figures.csv. -v keys: its columns from the first figure on.
#
# Each measurement is a line: "ROUND,CASE,STEP,SERVER,BACKEND,STATE" and, if it went well, key=value of the
# client's. "others PERCENT,PERCENT" ends a round: what others took meanwhile goes to all its rows.
BEGIN { count = split(keys, key_of, " ") }

function row_of_line(    i, at, key, value, row) {
    for (i = 2; i <= NF; i++) {
        at = index($i, "=")
        key = substr($i, 1, at - 1)
        sub(/^[a-z]*_per_second/, "per_second", key)
        sub(/_per_(packet|delivery|firing)$/, "", key)
        value[key] = substr($i, at + 1)
    }
    row = $1
    for (i = 1; i <= count; i++) row = row "," value[key_of[i]]
    return row
}

function tell(others,    i) {
    for (i = 1; i <= row_count; i++) print rows[i] "," others
    row_count = 0
}

$1 == "others" {
    tell($2)
    next
}

{ rows[++row_count] = row_of_line() }

END { tell("0,0") } # there was no round, for none of them can do it
