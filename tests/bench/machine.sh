# machine.sh - the machine that the benchmark runs on, for run.sh to source: what it is, and who else
# is at work on the two processors that are measured.
# shellcheck shell=sh disable=SC2154,SC2034 # $work, $servers and the cores are run.sh's

ticks_per_second=$(getconf CLK_TCK)

machine_describe() {
    echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(nproc) processors;" \
        "Linux $(uname -r); $(cc --version 2>/dev/null | head -n 1)"
}

# Clock ticks since the start of the machine, of the two: in programs, stolen by other machines, all; and
# what this shell, all that it has waited for by the last `times`, the servers that run and those who
# keep processors awake have used.
machine_ticks() {
    stats=''
    for each in $servers $awake; do stats="$stats /proc/${each##*/}/stat"; done
    # shellcheck disable=SC2086 # words
    cat /proc/stat "$work/times" $stats 2>/dev/null | awk -v a="cpu$server_core" -v b="cpu$client_core" \
        -v per_second="$ticks_per_second" '
        $1 == a || $1 == b {
            programs += $2 + $3 + $4
            stolen += $9
            for (i = 2; i <= 9; i++) all += $i
        }
        /^[0-9]+m/ { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); own += per_second * (60 * t[1] + t[2]) } }
        /^[0-9]+ \(/ { sub(/^.*\) /, ""); own += $12 + $13 }
        END { print programs, stolen, all, own }'
}

machine_begin() {
    times >"$work/times" # a subshell would be told of its own
    ticks_before=$(machine_ticks)
}

# For the case of that name: something always runs on both.
machine_stay_awake() {
    for core in $server_core $client_core; do
        taskset -c "$core" "$MOONPORT_BENCH/bench-awake" 2>"$work/complaint" &
        awake="$awake $!"
    done
}

machine_may_rest() {
    # shellcheck disable=SC2086 # words
    [ -z "$awake" ] || { kill $awake && wait $awake; } 2>/dev/null
    awake=''
}

# Leaves in $others, since machine_begin and in percent of the two: "others,stolen". Ticks are coarse:
# so are the figures of a second.
machine_end() {
    times >"$work/times"
    others=$(echo "$ticks_before $(machine_ticks)" | awk '{
        all = $7 - $3 > 0 ? $7 - $3 : 1
        others = 100 * ($5 - $1 - ($8 - $4)) / all
        printf "%.1f,%.1f", others < 0 ? 0 : others, 100 * ($6 - $2) / all
    }')
}

# What the machine does while nothing is measured; says so if it is too much.
machine_look_around() {
    machine_begin
    sleep 1
    machine_end
    echo "$others" | awk -F, '{
        printf "Before the start others used %s %% of the two processors, %s %% were stolen.\n", $1, $2
        if ($1 + $2 > 5)
            print "WARNING: the machine is busy: wait until it rests, or believe the ratios only."
    }'
}
