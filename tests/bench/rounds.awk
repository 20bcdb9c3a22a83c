# rounds.awk - what the tables of several benchmarks take from value[case, server, round, name]: medians over the rounds, and
# those of the ratios of two servers' CPU in the same round. `rounds` is how many there were.
function sort(count,    i, j, kept) {
    for (i = 2; i <= count; i++) {
        kept = sorted[i]
        for (j = i - 1; j >= 1 && sorted[j] > kept; j--) sorted[j + 1] = sorted[j]
        sorted[j + 1] = kept
    }
}

function middle(count) {
    sort(count)
    return count % 2 ? sorted[(count + 1) / 2] : (sorted[count / 2] + sorted[count / 2 + 1]) / 2
}

function median(case_name, who, name,    round, count) {
    for (round = 1; round <= rounds; round++)
        if ((case_name, who, round, name) in value) sorted[++count] = value[case_name, who, round, name] + 0
    return count ? middle(count) : 0
}

# Of the CPU to that of `base`. Fills `sorted`, too; returns 0 if there is none.
function ratio(case_name, who, base,    round, count, below) {
    for (round = 1; round <= rounds; round++) {
        below = value[case_name, base, round, "cpu_us"] + 0
        if (below > 0 && (case_name, who, round, "cpu_us") in value)
            sorted[++count] = value[case_name, who, round, "cpu_us"] / below
    }
    ratios = count
    return count ? middle(count) : 0
}

function shown(number) {
    return number > 0 ? sprintf("%.2f", number) : "-"
}
