# jobs.awk - from lines "PLACE WHO CASE NAME=VALUE..." to the tables of jobs.sh: medians, and the median of
# the ratios to Moonport's figure in the same round.

{
    row = $1 " " $2 " " $3
    round[row]++
    for (i = 4; i <= NF; i++) {
        split($i, pair, "=")
        value[row, pair[1], round[row]] = pair[2]
    }
}

function median_of(count, i, j, kept) {
    for (i = 2; i <= count; i++) {
        kept = sorted[i]
        for (j = i - 1; j >= 1 && sorted[j] > kept; j--) sorted[j + 1] = sorted[j]
        sorted[j + 1] = kept
    }
    return count % 2 ? sorted[(count + 1) / 2] : (sorted[count / 2] + sorted[count / 2 + 1]) / 2
}

function median(row, name, i) {
    for (i = 1; i <= round[row]; i++) sorted[i] = value[row, name, i] + 0
    return median_of(round[row])
}

function largest(row, name, i, most) {
    for (i = 1; i <= round[row]; i++) if (value[row, name, i] > most) most = value[row, name, i] + 0
    return most
}

# As times what Moonport took in the same round.
function ratio(row, base, name, i, count) {
    for (i = 1; i <= round[row]; i++)
        if (value[base, name, i] > 0) sorted[++count] = value[row, name, i] / value[base, name, i]
    return count ? median_of(count) : 0
}

function tell(place, who, case_name, title, base, row) {
    row = place " " who " " case_name
    if (!round[row]) return
    base = place " moonport " (case_name == "job" ? "job" : "call")
    printf "%-48s %7.1f %6.2f %7.1f %6.2f", title, median(row, "cpu_us"), ratio(row, base, "cpu_us"), \
        median(row, "mean_us"), ratio(row, base, "mean_us")
    # A value that is there already is popped without waiting: not every one takes a turn.
    if (case_name == "channel")
        printf " %7s %7s\n", "-", "-"
    else
        printf " %7.1f %7.1f\n", median(row, "p50_us"), median(row, "p99_us")
}

function tell_all(place, title) {
    printf "\n%-48s %7s %6s %7s %6s %7s %7s\n", title ", microseconds", "CPU", "x", "mean", "x", "p50", "p99"
    tell(place, "moonport", "job", "a job: Moonport")
    tell(place, "uv", "job", "... libuv, in C")
    tell(place, "luv", "job", "... luv, Lua 5.4")
    tell(place, "node", "job", "... node, worker_threads")
    tell(place, "moonport", "call", "a call to another worker: Moonport")
    tell(place, "node", "call", "... node, MessageChannel")
    tell(place, "moonport", "self", "a call to the worker itself")
    tell(place, "moonport", "channel", "through a channel, and back through another")
    tell(place, "moonport", "signal", "a signal that wakes 100 handlers, and an answer")
}

function tell_many(who, title, row) {
    row = "all " who " many"
    if (round[row]) printf "%-48s %9.3f %6.3f\n", title, median(row, "seconds"), median(row, "seconds") / 1.25
}

function tell_stall(who, title, row) {
    row = "all " who " stall"
    if (round[row])
        printf "%-48s %9.1f %9.1f %9.0f\n", title, median(row, "longest_ms"), largest(row, "longest_ms"), \
            median(row, "logins_ms")
}

END {
    tell_all("one", "on one processor")
    tell_all("all", "on all processors")
    printf "\n%-48s %9s %6s\n", "1000 jobs of 5 ms at once, four threads", "seconds", "/1.25"
    tell_many("moonport", "Moonport")
    tell_many("uv", "libuv, in C")
    tell_many("luv", "luv, Lua 5.4")
    tell_many("node", "node, worker_threads")
    printf "\n%-48s %9s %9s %9s\n", "ten logins of 0.2 s; a tick every 50 ms, ms", "gap", "largest", "all in"
    tell_stall("block", "in the handler")
    tell_stall("job", "as jobs")
}
