# table.awk - a table for each case of medians.csv that is not a step of a line of growth, for people:
# what was seen, and how many times the floor's that is. -v titles: a file of "server,backend,title".
BEGIN {
    FS = ","
    while ((getline line < titles) > 0) {
        split(line, part, ",")
        title[part[1] "," part[2]] = substr(line, length(part[1]) + length(part[2]) + 3)
    }
    about["50x32"] = "Echo: 50 connections, 32 packets on their way on each"
    about["50x1"] = "Echo: 50 connections, one packet on its way on each"
    about["1x32"] = "Echo: one connection, 32 packets on their way"
    about["1x1"] = "Echo: one connection, one packet at a time"
    about["1x1awake"] = about["1x1"] ", on processors that never halt"
    about["4KiB"] = "Echo: 50 connections, 4 packets on their way on each"
    about["20KB"] = about["4KiB"]
    about["fanout1"] = "Fan-out: a packet to 200 connections, one at a time"
    about["fanout8"] = "Fan-out: packets to 200 connections, eight on their way"
}

function times(key) {
    return cell[key] == "-" ? "-" : sprintf("%.2f", cell[key])
}

function mebibytes(key) {
    return cell[key] == "-" ? "-" : sprintf("%.1f", cell[key] / 1048576)
}

function half_between() {
    if (cell["x_low"] == "-") return ""
    return sprintf("%.2f..%.2f", cell["x_low"], cell["x_high"])
}

function head_of_loads(unit) {
    printf "\n%s, of %d bytes (%s). x: times the floor's\n", about[$1], cell["size"], $1
    printf "%-24s %9s %5s %9s %5s %-13s %8s %5s %8s %5s %6s\n", "", unit "/s", "x", "CPU us", "x", \
        " half between", "p50 us", "x", "p99 us", "x", "MiB"
}

function tell_load() {
    printf "%-24s %9.0f %5s %9.3f %5s %-13s %8.1f %5s %8.1f %5s %6s\n", who, cell["per_second"], \
        times("x_per_second"), cell["cpu_us"], times("x_cpu_us"), " " half_between(), cell["p50_us"], \
        times("x_p50_us"), cell["p99_us"], times("x_p99_us"), mebibytes("rss_end_bytes")
}

function head_of_idle() {
    printf "\nConnections that rest (idle): each has sent a packet of %d bytes and got it back\n", cell["size"]
    printf "%-24s %9s %12s %7s %-15s %12s %9s %9s %7s\n", "", "held", "bytes each", "x", " half between", \
        "allocated", "MiB: none", "then", "CPU %"
}

function tell_idle() {
    printf "%-24s %9d %12.0f %7s %-15s %12.0f %9s %9s %7.2f\n", who, cell["connections"], \
        cell["bytes_per_connection"], times("x_bytes_per_connection"), " " half_between(), \
        cell["allocated_bytes_per_connection"], mebibytes("rss_begin_bytes"), \
        mebibytes("rss_end_bytes"), cell["cpu_percent_at_rest"]
}

FNR == 1 {
    for (i = 1; i <= NF; i++) name[i] = $i
    next
}

$2 != 0 { next }

{
    kept[++count] = $0
    if (!($1 in known)) cases[++case_count] = $1
    known[$1] = 1
}

# The row becomes the current record; false: it is another case's.
function take(row,    i) {
    $0 = kept[row]
    for (i = 1; i <= NF; i++) cell[name[i]] = $i
    who = title[$3 "," $4]
    return $1 == wanted
}

function tell(state) {
    if (state == "cannot") printf "%-24s CANNOT: it does not do this at all\n", who
    else if (state == "failed") printf "%-24s FAILED: the reason was told when it did\n", who
    else if (wanted == "idle") tell_idle()
    else tell_load()
}

# In one order always, whoever began.
END {
    order_count = split("floor, c,uring c,epoll c,auto lua,uring lua,epoll lua,auto luv54, luvjit, node, " \
        "haproxy,", order, " ")
    for (c = 1; c <= case_count; c++) {
        wanted = cases[c]
        told = 0
        for (row = 1; row <= count && !told; row++)
            if (take(row) && cell["state"] == "ok") {
                if (wanted == "idle") head_of_idle()
                else head_of_loads(wanted ~ /^fanout/ ? "deliver." : "packets")
                told = 1
            }
        if (!told) print "\n" wanted
        for (o = 1; o <= order_count; o++)
            for (row = 1; row <= count; row++)
                if (take(row) && $3 "," $4 == order[o]) tell(cell["state"])
    }
    print "\nCPU us: of the server, for a packet there and back, or for a delivery. x: the median of"
    print "the ratios to the floor in the same round; half of the rounds lie between the two figures beside it."
    print "MiB: resident at the end."
    if ("idle" in known) {
        print "Bytes each: resident memory, with all connections less without, for each of them. Allocated: how"
        print "much of that, at most, was not set aside at the start."
    }
}
