{
    if (!($1 in known)) cases[++case_count] = $1
    known[$1] = 1
    if ($3 + 0 > rounds) rounds = $3 + 0
    for (i = 4; i <= NF; i++) {
        at = index($i, "=")
        value[substr($i, 1, at - 1)] = substr($i, at + 1)
    }
    per_second = "visits_per_second" in value ? value["visits_per_second"] : value["packets_per_second"]
    cpu = "cpu_us" in value ? value["cpu_us"] : value["cpu_us_per_packet"]
    rate[$1, $2, $3] += per_second
    used[$1, $2, $3] += per_second * cpu / ($2 == "workers" ? 2 : 1)
    split("", value)
}

# Medians; `of` is rate, cpu, or a ratio of them.
function middle_of(case_name, of,    round, count, a, b) {
    for (round = 1; round <= rounds; round++) {
        a = rate[case_name, "workers", round]
        b = rate[case_name, "processes", round]
        if (a == 0 || b == 0) continue
        ++count
        if (of == "rate of workers") sorted[count] = a
        if (of == "rate of processes") sorted[count] = b
        if (of == "rates") sorted[count] = a / b
        if (of == "cpu of workers") sorted[count] = used[case_name, "workers", round] / a
        if (of == "cpu of processes") sorted[count] = used[case_name, "processes", round] / b
        if (of == "cpus") sorted[count] = used[case_name, "processes", round] / b / (used[case_name, "workers", round] / a)
    }
    return count ? middle(count) : 0
}

# ... and of the handshake alone: without what a visit costs that has none.
function alone(case_name,    workers, processes) {
    workers = middle_of(case_name, "cpu of workers") - middle_of("visit", "cpu of workers")
    processes = middle_of(case_name, "cpu of processes") - middle_of("visit", "cpu of processes")
    if (!("visit" in known) || case_name !~ /^(full|resumed)/ || workers <= 0) return ""
    return sprintf("%.2f", processes / workers)
}

END {
    printf "%-12s %12s %14s %7s %16s %10s %14s %17s\n", "", "2 workers/s", "2 processes/s", "ratio", "CPU us: workers", \
        "processes", "per CPU, ratio", "handshakes alone"
    for (c = 1; c <= case_count; c++) {
        name = cases[c]
        printf "%-12s %12.0f %14.0f %7.2f %16.3f %10.3f %14.2f %17s\n", name, middle_of(name, "rate of workers"), \
            middle_of(name, "rate of processes"), middle_of(name, "rates"), middle_of(name, "cpu of workers"), \
            middle_of(name, "cpu of processes"), middle_of(name, "cpus"), alone(name)
    }
    print ""
    print "Ratios: medians of those in the same round. Per CPU: how much two workers do with the CPU of two processes, of which"
    print "0.95 is asked. A visit has no TLS: with two workers one thread accepts for both. Handshakes alone: without that."
}
