# growth.awk - the lines of growth in medians.csv: what a packet, byte, delivery or firing takes of the
# processor as there are more of them, and whether anything takes more than in proportion.
#
# A step is worse than linear if a unit costs more than LIMIT times as much as at the last step, where
# it has also grown NOISE times as much as the floor's cost has: caches are as large as they are,
# and connections that no longer fit cost the kernel and the floor more, too.
BEGIN {
    FS = ","
    LIMIT = 1.25
    NOISE = 1.4 # two figures of few rounds may differ by so much
    count = split("connections payload receivers timers", lines, " ")
    about["connections"] = "us of CPU a packet, of 64 bytes, by connections with one packet on its way"
    about["payload"] = "us of CPU a packet, by bytes in it"
    about["receivers"] = "us of CPU a delivery, by receivers of a packet"
    about["timers"] = "us of CPU a firing, by timers that fire once a second"
}

FNR == 1 {
    for (i = 1; i <= NF; i++) column[$i] = i
    next
}

$2 != 0 {
    if (!(($1, $2) in known)) steps[$1] = steps[$1] " " $2
    known[$1, $2] = 1
    who = $3 == "floor" ? "floor" : "Moonport, Lua"
    state = $(column["state"])
    if (state == "failed") failed = failed " " $1 "/" $2
    if (state == "cannot") absent[$1, who] = 1
    if (state != "ok") next
    cost[$1, who, $2] = $(column["cpu_us"])
    rate[$1, who, $2] = $(column["per_second"])
}

# What one more unit costs, times as much at the step to `to` as before. A payload's units are bytes.
function grown(line, who, from, to) {
    if (!((line, who, from) in cost) || !((line, who, to) in cost)) return 0
    return cost[line, who, to] / cost[line, who, from] / (line == "payload" ? to / from : 1)
}

function tell(line, who,    step, n, i) {
    n = split(steps[line], step, " ")
    if ((line, who) in absent) {
        printf "  %-14s cannot\n", who
        return
    }
    printf "  %-14s", who
    for (i = 1; i <= n; i++)
        printf " %9s", (line, who, step[i]) in cost ? sprintf("%.3f", cost[line, who, step[i]]) : "-"
    print ""
    if (line != "connections") return
    printf "  %-14s", "  packets/s"
    for (i = 1; i <= n; i++)
        printf " %9s", (line, who, step[i]) in rate ? sprintf("%.0f", rate[line, who, step[i]]) : "-"
    print ""
}

# The step at which a unit's cost grows most.
function judge(line,    step, n, i, now, floor, worst, of_floor, where, word) {
    n = split(steps[line], step, " ")
    for (i = 2; i <= n; i++) {
        now = grown(line, "Moonport, Lua", step[i - 1], step[i])
        floor = grown(line, "floor", step[i - 1], step[i])
        if (now > LIMIT && now > floor * NOISE) {
            word = word sprintf("  WORSE THAN LINEAR: from %d to %d a unit costs x%.2f (floor: x%.2f)\n", \
                step[i - 1], step[i], now, floor)
            worse = worse " " line
        }
        if (now <= worst) continue
        worst = now
        of_floor = floor
        where = sprintf("from %d to %d", step[i - 1], step[i])
    }
    if (where == "") return
    judged = judged " " line
    if (of_floor) where = where sprintf(" (where the floor's costs x%.2f)", of_floor)
    printf "  the worst step: a unit costs x%.2f %s\n%s", worst, where, word
}

END {
    for (l = 1; l <= count; l++) {
        line = lines[l]
        if (steps[line] == "") continue
        printf "\nGrowth: %s (%s)\n  %-14s", about[line], line, ""
        n = split(steps[line], step, " ")
        for (i = 1; i <= n; i++) printf " %9d", step[i]
        print ""
        tell(line, "Moonport, Lua")
        tell(line, "floor")
        judge(line)
    }
    if (judged == "") exit
    if (failed != "") print "\nVerdict: unknown, for there was no figure at" failed
    else if (worse != "") print "\nVerdict: WORSE THAN LINEAR:" worse
    else print "\nVerdict: none worse than linear:" judged
}
