# machine.sh - the machine that the benchmark runs on, for run.sh to source: what it is, and who else
# is at work on the two processors that are measured.
# shellcheck shell=sh disable=SC2154,SC2034 # $work, $server_core and $client_core are run.sh's

machine_describe() {
    echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(nproc) processors;" \
        "Linux $(uname -r); $(cc --version 2>/dev/null | head -n 1)"
}

# Clock ticks since the start of the machine, of the two: in programs, stolen by other machines, all.
machine_ticks() {
    awk -v a="cpu$server_core" -v b="cpu$client_core" '
        $1 == a || $1 == b {
            programs += $2 + $3 + $4
            stolen += $9
            for (i = 2; i <= 9; i++) all += $i
        }
        END { print programs, stolen, all }' /proc/stat
}

# The same for what this shell, and all that it has waited for, have used by the last `times`: a
# subshell would be told of its own.
machine_own_ticks() {
    awk -v per_second="$(getconf CLK_TCK)" '
        { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); sum += 60 * t[1] + t[2] } }
        END { print sum * per_second }' "$work/times"
}

machine_begin() {
    times >"$work/times"
    ticks_before="$(machine_ticks) $(machine_own_ticks)"
}

# Leaves in $others, since machine_begin and in percent of the two: "others,stolen". Ticks are coarse,
# a single measurement's figure too.
machine_end() {
    times >"$work/times"
    others=$(echo "$ticks_before $(machine_ticks) $(machine_own_ticks)" | awk '{
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
