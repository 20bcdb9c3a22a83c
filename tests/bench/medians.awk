# medians.awk - of figures.csv, of every round: a row for each case, step and server with the medians of
# its rounds (-: it has no such figure), the medians of the ratios to the floor in the same round
# ("x_..."), and of what the case is about, the lower and the upper quartile of those ("x_low", "x_high"):
# at least half of the rounds lie between, themselves included.
BEGIN {
    FS = ","
    first = 7  # the first figure's column
    count = split("per_second cpu_us p50_us p99_us rss_end_bytes bytes_per_connection", compared, " ")
}

# The numbers of a list, in `sorted` from the least on; returns how many.
function sort(list,    count, i, j, swap) {
    count = split(list, sorted, " ")
    for (i = 2; i <= count; i++)
        for (j = i; j > 1 && sorted[j - 1] + 0 > sorted[j] + 0; j--) {
            swap = sorted[j]
            sorted[j] = sorted[j - 1]
            sorted[j - 1] = swap
        }
    return count
}

function median(list,    count) {
    count = sort(list)
    if (count == 0) return "-"
    if (count % 2 == 1) return sorted[(count + 1) / 2] + 0
    return (sorted[count / 2] + sorted[count / 2 + 1]) / 2
}

function ratio(a, b) {
    return a ~ /[0-9]/ && b ~ /[0-9]/ && b + 0 > 0 ? sprintf("%.4f", a / b) : "-"
}

# To the floor of the same round: a machine that changes its pace has changed that of both.
function ratios(row, group, key,    round, x, list) {
    for (round = 1; round <= rounds; round++) {
        x = ratio(seen[row, key, round], seen[group ",floor,", key, round])
        if (x != "-") list = list " " x
    }
    return list
}

# What the case is about: the time that a packet takes of the processor, or what memory a connection.
function subject(group) {
    return group ~ /^idle,/ ? "bytes_per_connection" : "cpu_us"
}

function quartiles(list,    count, outside) {
    count = sort(list)
    if (count == 0) return "-,-"
    outside = int((count - 1) / 4)
    return sorted[1 + outside] "," sorted[count - outside]
}

FNR == 1 {
    for (i = 1; i <= NF; i++) name[i] = $i
    last = NF - 2
    header = "case,step,server,backend,state"
    for (i = first; i <= last; i++) header = header "," $i
    for (i = 1; i <= count; i++) header = header ",x_" compared[i]
    print header ",x_low,x_high"
    next
}

{
    group = $2 "," $3
    row = group "," $4 "," $5
    if (!(row in state)) {
        rows[++row_count] = row
        group_of[row] = group
        state[row] = $6
    }
    if ($1 + 0 > rounds) rounds = $1 + 0
    if ($6 == "failed") state[row] = $6
    for (i = first; i <= last; i++) {
        if ($i == "") continue
        values[row, name[i]] = values[row, name[i]] " " $i
        seen[row, name[i], $1 + 0] = $i
    }
}

END {
    for (r = 1; r <= row_count; r++)
        for (i = first; i <= last; i++)
            middle[rows[r], name[i]] = median(values[rows[r], name[i]])
    for (r = 1; r <= row_count; r++) {
        row = rows[r]
        line = row "," state[row]
        for (i = first; i <= last; i++) line = line "," middle[row, name[i]]
        for (i = 1; i <= count; i++)
            line = line "," median(ratios(row, group_of[row], compared[i]))
        print line "," quartiles(ratios(row, group_of[row], subject(group_of[row])))
    }
}
