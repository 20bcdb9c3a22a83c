# websocket.awk - from lines "CASE SERVER ROUND NAME=VALUE..." to the tables of websocket.sh: medians, and the medians of the
# ratios to wslay and to bare C in the same round.
BEGIN {
    about["echo20x32"] = "Echo of 20 B: 50 connections, 32 messages on their way on each"
    about["echo20x1"] = "Echo of 20 B: one connection, one message at a time"
    about["echo1K"] = "Echo of 1 KiB: 50 connections, 4 messages on their way on each"
    about["echo64K"] = "Echo of 64 KiB: 10 connections, 2 messages on their way on each"
    about["broadcast"] = "Broadcast of 20 B to 1000, one on its way; for each delivery"
    title["wslay"] = "floor: wslay"
    title["bare"] = "bare C"
    title["lua"] = "Moonport, Lua"
    title["ws"] = "ws"
    title["uws"] = "uWebSockets (Bun)"
    limit = 1.5
}

{
    if (!($1 in known)) cases[++case_count] = $1
    known[$1] = 1
    there[$1, $2] = 1
    if ($3 + 0 > rounds) rounds = $3 + 0
    for (i = 4; i <= NF; i++) {
        at = index($i, "=")
        value[$1, $2, $3 + 0, substr($i, 1, at - 1)] = substr($i, at + 1)
    }
}

function tell(case_name, who,    x, between) {
    x = ratio(case_name, who, "wslay")
    if (x > 0) between = sprintf("%.2f..%.2f", sorted[1 + int((ratios - 1) / 4)], sorted[ratios - int((ratios - 1) / 4)])
    printf "%-18s %11.0f %9.3f %8s %-13s %8s %9.1f %9.1f\n", title[who], \
        median(case_name, who, "messages_per_second"), median(case_name, who, "cpu_us"), shown(x), " " between, \
        shown(ratio(case_name, who, "bare")), median(case_name, who, "p50_us"), median(case_name, who, "p99_us")
}

function judge(case_name,    x) {
    x = ratio(case_name, "lua", "wslay")
    if (x == 0) print "NOT MEASURED: how many times the floor that is, for there is none."
    else printf "Moonport takes %.2f times the floor: %s %.1f.\n", x, x <= limit ? "within" : "MORE THAN", limit
}

END {
    count = split("wslay bare lua uws ws", order, " ")
    for (c = 1; c <= case_count; c++) {
        print about[cases[c]]
        printf "%-18s %11s %9s %8s %-13s %8s %9s %9s\n", "", "messages/s", "CPU us", "x wslay", " half between", "x bare", \
            "p50 us", "p99 us"
        for (o = 1; o <= count; o++)
            if ((cases[c], order[o]) in there) tell(cases[c], order[o])
        if ((cases[c], "lua") in there) judge(cases[c])
        print ""
    }
    print "CPU us: of the server's process, for a message there and back, or for a delivery. x: the median of the ratios in the"
    print "same round; half of those to wslay lie between the two figures beside it."
}
