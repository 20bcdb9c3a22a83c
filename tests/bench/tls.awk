# tls.awk - from lines "CASE SERVER ROUND NAME=VALUE..." to the tables of tls.sh: medians, and the medians of the ratios to the
# floor in the same round.
BEGIN {
    about["echo64x32"] = "Echo of 64 B: 50 connections, 32 packets on their way on each, each in a record of its own"
    about["echo64x1"] = "Echo of 64 B: 50 connections, one packet at a time on each"
    about["echo16K"] = "Echo of 16 KiB: 8 connections, one packet at a time on each"
    about["full1.3"] = "A visit: connect, shake hands as TLS 1.3, ask and be answered, vanish; 32 at a time"
    about["resumed1.3"] = "A visit as TLS 1.3 that resumes a session by its ticket"
    about["full1.2"] = "A visit as TLS 1.2"
    about["resumed1.2"] = "A visit as TLS 1.2 that resumes a session by its ticket"
    about["visit"] = "A visit without TLS: what is in those above besides the handshake"
    title["floor"] = "floor"
    title["c"] = "Moonport, C"
    title["lua"] = "Moonport, Lua"
    title["haproxy"] = "haproxy"
    title["nginx"] = "nginx"
    title["node"] = "node"
    limit["echo64x32", "c"] = 1.05
    limit["echo64x1", "c"] = 0.95
    limit["echo16K", "c"] = 0.90
    limit["echo64x32", "lua"] = 1.25
    limit["full1.3", "c"] = limit["resumed1.3", "c"] = limit["full1.2", "c"] = limit["resumed1.2", "c"] = 1.05
}

{
    if (!($1 in known)) cases[++case_count] = $1
    known[$1] = 1
    there[$1, $2] = 1
    if ($3 + 0 > rounds) rounds = $3 + 0
    for (i = 4; i <= NF; i++) {
        at = index($i, "=")
        name = substr($i, 1, at - 1)
        sub(/^(packets|visits)_per_second$/, "per_second", name)
        sub(/^cpu_us_per_packet$/, "cpu_us", name)
        sub(/^wait_/, "", name)
        value[$1, $2, $3 + 0, name] = substr($i, at + 1)
    }
}

function tell(case_name, who,    x, between, verdict) {
    x = ratio(case_name, who, "floor")
    if (x > 0) between = sprintf("%.2f..%.2f", sorted[1 + int((ratios - 1) / 4)], sorted[ratios - int((ratios - 1) / 4)])
    if (x > 0 && (case_name, who) in limit)
        verdict = (x <= limit[case_name, who] ? "within " : "MORE THAN ") sprintf("%.2f", limit[case_name, who])
    printf "%-14s %10.0f %9.3f %8s %-12s %9.1f %9.1f  %s\n", title[who], median(case_name, who, "per_second"), \
        median(case_name, who, "cpu_us"), shown(x), between, median(case_name, who, "p50_us"), \
        median(case_name, who, "p99_us"), verdict
}

END {
    count = split("floor c lua haproxy nginx node", order, " ")
    for (c = 1; c <= case_count; c++) {
        print about[cases[c]]
        printf "%-14s %10s %9s %8s %-12s %9s %9s\n", "", "a second", "CPU us", "x floor", "half between", "p50 us", "p99 us"
        for (o = 1; o <= count; o++)
            if ((cases[c], order[o]) in there) tell(cases[c], order[o])
        print ""
    }
    print "CPU us: of the server's process, for a packet there and back, or for a visit. x: the median of the ratios in the same"
    print "round; half of them lie between the two figures beside it. haproxy and nginx hand the plain bytes on, and back."
}
