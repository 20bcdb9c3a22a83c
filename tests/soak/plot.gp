# plot.gp - draws the table of a soak: gnuplot -e "table='T'; picture='P'; verdict='V'; about='A'".
# Panels with one time axis; valleys, in which all must come home, are shaded.

set datafile separator comma
set datafile missing ""

stats table using 1 skip 1 nooutput name "time"
long = time_max > 240
unit = long ? 60.0 : 1.0
left_edge = long ? 0.055 : 0.085
right_edge = long ? 0.97 : 0.945
step = time_max / time_records / unit
t(seconds) = seconds / unit

set terminal svg size (long ? 2000 : 1200),1500 font "Helvetica,13" background rgb "white" \
  linewidth (long ? 0.7 : 1)
set output picture
set multiplot
set lmargin at screen left_edge
set rmargin at screen right_edge
set xrange [0:time_max / unit]
set y2range [0:1]
set border 3 lw 0.8 lc rgb "#666666"
set grid xtics ytics lt 1 lw 0.5 lc rgb "#e4e4e4"
set tics nomirror out scale 0.5
set xtics format ""
set key at graph 0,1.04 left bottom Left reverse horizontal maxrows 1 samplen 2 width 1 font ",12"
set style fill solid 1 noborder

red = "#c03028"
blue = "#1f6fb4"
orange = "#e08214"
green = "#2e8b57"
grey = "#777777"
violet = "#7a4fa0"

# What lies lowest in each panel: the shade of valleys.
shade = "table using (t($1)):(column('valley') > 0 ? 1 : NaN):(step * 1.02) axes x1y2 ".\
  "with boxes lc rgb '#e9f1da' notitle"

# A tick at the foot of a panel wherever a count has grown.
grown(name) = (now = column(name), more = now > before, before = now, more ? 0.1 : NaN)
before = 0

# Panels lie from top to bottom, each with room for its key above it.
place(i) = sprintf("set tmargin at screen %f; set bmargin at screen %f; before = 0", \
  0.92 - i * 0.149, 0.92 - i * 0.149 - 0.112)

set label 1 "Moonport soak: ".verdict at screen left_edge,0.978 font ",20" \
  tc rgb (verdict eq "FAILED" ? red : "#1b5e20")
set label 2 about at screen left_edge,0.957 font ",13" tc rgb grey
set label 3 "shaded: quiet moments, in which everything must come home" \
  at screen right_edge,0.957 right font ",13" tc rgb grey

eval place(0)
set ylabel "memory, MiB"
set yrange [0:*]
plot @shade, \
  table using (t($1)):(column('rss_mib')) with lines lw 1.8 lc rgb blue title "resident", \
  '' using (t($1)):(column('anonymous_mib')) with lines lw 1.2 lc rgb violet title "anonymous", \
  '' using (t($1)):(column('lua_mib')) with lines lw 1.2 lc rgb green title "Lua", \
  '' using (t($1)):(column('budget_mib')) with lines lw 1.2 lc rgb orange title "budget used", \
  '' using (t($1)):(column('budget_max_mib')) with lines lw 1 dt 2 lc rgb orange \
  title "its bound", \
  '' using (t($1)):(column('valley') > 1 ? column('rss_mib') : NaN) with points pt 7 ps 0.5 \
  lc rgb "black" title "resident when all is home"
unset label

eval place(1)
set ylabel "I/O blocks"
plot @shade, \
  table using (t($1)):(column('blocks_used')) with lines lw 1.4 lc rgb blue title "used", \
  '' using (t($1)):(column('blocks')) with lines lw 1 dt 2 lc rgb blue title "there are", \
  '' using (t($1)):(grown('starved')) axes x1y2 with impulses lw 1.2 lc rgb red \
  title "blocks or memory ran out"

eval place(2)
set ylabel "connections"
plot @shade, \
  table using (t($1)):(column('connections')) with lines lw 1.4 lc rgb blue title "connections", \
  '' using (t($1)):(column('descriptors')) with lines lw 1.2 lc rgb orange title "descriptors"

eval place(3)
set ylabel "latency, ms"
set logscale y
set yrange [*:*]
set ytics format "%g"
plot @shade, \
  table using (t($1)):(column('max_us') / 1000) with lines lw 1.2 lc rgb red title "longest", \
  '' using (t($1)):(column('p99_us') / 1000) with lines lw 1.2 lc rgb orange title "p99", \
  '' using (t($1)):(column('p50_us') / 1000) with lines lw 1.6 lc rgb blue \
  title "p50, of the steady connections"
unset logscale y

eval place(4)
set ylabel "packets/s, thousands"
set yrange [0:*]
plot @shade, \
  table using (t($1)):(column('packets_per_second') / 1000) with lines lw 1.4 lc rgb blue \
  title "packets received"

eval place(5)
set ylabel "CPU, %"
set xtics format "%g"
set xlabel long ? "minutes" : "seconds"
plot @shade, \
  table using (t($1)):(column('cpu_percent')) with lines lw 1.4 lc rgb blue \
  title "of one core", \
  '' using (t($1)):(grown('reloads')) axes x1y2 with impulses lw 1.4 lc rgb green \
  title "scripts reloaded", \
  '' using (t($1)):(grown('broken') * 0.6) axes x1y2 with impulses lw 1.4 lc rgb red \
  title "broken scripts refused"
unset multiplot
