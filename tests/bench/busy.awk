# busy.awk - of figures.csv: who else was at work on the two processors while they were measured.
BEGIN { FS = "," }
FNR > 1 && $6 == "ok" {
    count++
    others += $(NF - 1)
    stolen += $NF
    disturbed += $(NF - 1) + $NF > 10
}
END {
    if (count == 0) exit
    printf "\nDuring %d measurements others used %.1f %% of the two processors, %.1f %% were stolen; %d of " \
        "them lost more than 10 %%.\n", count, others / count, stolen / count, disturbed
    if ((others + stolen) / count > 5 || disturbed > count / 4)
        print "WARNING: the machine was too busy to judge: run it again when it rests."
}
