# busy.awk - of figures.csv: who else was at work on the two processors while they were measured, which is
# known for each round of a case.
BEGIN { FS = "," }
FNR > 1 && $6 == "ok" {
    count++
    others += $(NF - 1)
    stolen += $NF
    if (($1, $2, $3) in known) next
    known[$1, $2, $3] = 1
    rounds++
    disturbed += $(NF - 1) + $NF > 10
}
END {
    if (count == 0) exit
    printf "\nDuring %d measurements others used %.1f %% of the two processors, %.1f %% were stolen; %d of " \
        "%d rounds lost more than 10 %%.\n", count, others / count, stolen / count, disturbed, rounds
    if ((others + stolen) / count > 5 || disturbed > rounds / 4)
        print "WARNING: the machine was too busy to judge: run it again when it rests."
}
