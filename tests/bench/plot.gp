# plot.gp - draws a benchmark's medians: gnuplot -e "medians='M'; picture='P'".
# Above, the processor's time for a packet, as so many times what the floor takes; below, how costs grow.

set datafile separator comma
set datafile missing NaN # rows of others do not interrupt a line

set terminal svg size 1000,680 font "Helvetica,13" background rgb "white"
set output picture
set multiplot
set tics nomirror out scale 0.5
set style fill solid 1 noborder
unset key

grey = "#777777"
light = "#e4e4e4"
blue = "#1f6fb4"

# From top to bottom, with one colour each everywhere; Moonport's backends are shades of one. Where there
# is only the backend that "auto" takes, epoll, it has that one's place.
place(server, backend) = server eq "lua" ? (backend eq "uring" ? 1 : 2) \
  : server eq "c" ? (backend eq "uring" ? 3 : 4) \
  : server eq "luv54" ? 5 : server eq "luvjit" ? 6 : server eq "node" ? 7 : 8
array titles[8] = ["Moonport, Lua, io\\_uring", "Moonport, Lua, epoll", "Moonport, C, io\\_uring", \
  "Moonport, C, epoll", "luv, Lua 5.4", "luv, LuaJIT", "node", "haproxy, Lua"]
array colours[8] = [0x1f6fb4, 0x8dbce3, 0x2e7d4f, 0x93c9a4, 0xe08214, 0xf3c07a, 0xc03028, 0x7a4fa0]
cases = "50x32 1x1 4KiB fanout1"
array about[4] = ["50 connections, 32 in flight", "1 connection, 1 in flight", "4 KiB, 50 connections", \
  "fan-out to 200, per delivery"]

# Of a row of the medians: the place of its bar, if it belongs to this case and is in this state.
bar(case, state) = strcol("case") eq case && strcol("step") eq "0" && strcol("server") ne "floor" \
  && strcol("state") eq state ? place(strcol("server"), strcol("backend")) : NaN
colour(p) = p >= 1 ? colours[int(p)] : 0

# Where the number beside a bar begins, so that the floor's line does not strike it out.
beside(x, most) = x < 1 && x + most * 0.2 > 1 ? 1 : x

# The longest bar of each panel; none, if the case was not measured.
array longest[4]
do for [i = 1:4] {
  most = 0
  stats medians using (bar(word(cases, i), "ok") >= 1 && column("x_cpu_us") > most ? \
    (most = column("x_cpu_us")) : 0) nooutput
  longest[i] = most > 1.5 || most == 0 ? most : 1.5
}

set border 0
set yrange [8.6:0.4]
set xtics scale 0 font ",11" tc rgb grey
set grid noytics xtics lt 1 lw 0.5 lc rgb light
set tmargin at screen 0.865
set bmargin at screen 0.545
do for [i = 1:4] {
  case = word(cases, i)
  set lmargin at screen 0.165 + (i - 1) * 0.21
  set rmargin at screen 0.165 + (i - 1) * 0.21 + 0.18
  unset label
  set label 1 about[i] at graph 0,1.06 font ",12" tc rgb "#222222"
  unset ytics
  if (i == 1) {
    set label 11 "CPU time of the server per packet, times the floor's" at screen 0.015,0.967 font ",18" \
      tc rgb "#222222"
    set label 12 "less is better; the floor, 1, is a bare epoll loop in C that does the same work; " \
      ."packets of 64 bytes unless it says otherwise" at screen 0.015,0.932 font ",12" tc rgb grey
    set ytics scale 0 font ",12" ()
    do for [p = 1:8] { set ytics add (titles[p] p) }
  }
  most = longest[i]
  set xrange [0:(most > 0 ? most : 1) * 1.22]
  tic = most > 6 ? 2 : most > 2.5 ? 1 : 0.5
  set xtics 0,tic
  set arrow 1 from 1,graph 0 to 1,graph 1 nohead lw 1.2 lc rgb grey front
  if (most == 0) { continue }
  plot medians using (0):(bar(case, "ok")):(0):(column("x_cpu_us")):(bar(case, "ok") - 0.36) \
    :(bar(case, "ok") + 0.36):(colour(bar(case, "ok"))) with boxxyerror lc rgb variable, \
    '' using (beside(column("x_cpu_us"), most) + most * 0.02):(bar(case, "ok")):(sprintf("%.2f", column("x_cpu_us"))) \
    with labels left font ",11" tc rgb "#222222", \
    '' using (most * 0.02):(bar(case, "cannot")):("cannot") with labels left font ",11" tc rgb grey, \
    '' using (most * 0.02):(bar(case, "failed")):("failed") with labels left font ",11" \
    tc rgb "#c03028"
}
unset arrow

# ---- how costs grow ----

set border 3 lw 0.8 lc rgb "#666666"
set grid xtics ytics lt 1 lw 0.5 lc rgb light
set tmargin at screen 0.405
set bmargin at screen 0.105
set xlabel tc rgb grey font ",11" offset 0,0.4
set xtics nomirror scale 0.5 tc rgb "#222222" font ",10"
unset ytics
set ytics nomirror scale 0.5 tc rgb "#222222" font ",10" autofreq
set logscale xy
set offsets 0,0,0,0
lines = "connections payload receivers timers"
array titles_of[4] = ["packets/s of a worker, thousands", "CPU per packet, us", "CPU per delivery, us", \
  "CPU per firing, us"]
array units_of[4] = ["connections, 1 in flight on each", "bytes in a packet", "receivers of a packet", \
  "timers, each once a second"]

array least[4] = [0.7, 10, 7, 7]
array greatest[4] = [14000, 1600000, 14000, 140000]

# Of a row of the medians: its step, if it belongs to this line.
at(line, server) = strcol("case") eq line && strcol("step") ne "0" && strcol("server") eq server \
  && strcol("state") eq "ok" ? column("step") : NaN
height(line) = line eq "connections" ? column("per_second") / 1000 : column("cpu_us")

set xrange [*:*]
set yrange [*:*]
# Which lines were measured.
array measured[4]
do for [i = 1:4] {
  many = 0
  stats medians using (at(word(lines, i), "lua") > 0 ? (many = many + 1) : 0) nooutput
  measured[i] = many
}

unset label
set label 9 "How it grows, both axes logarithmic:" at screen 0.015,0.472 font ",14" tc rgb "#222222"
set label 10 "Moonport, Lua" at screen 0.318,0.472 font ",13" tc rgb blue
set label 11 "the floor" at screen 0.44,0.472 font ",13" tc rgb grey
do for [i = 1:4] {
  line = word(lines, i)
  set lmargin at screen 0.05 + (i - 1) * 0.2433
  set rmargin at screen 0.05 + (i - 1) * 0.2433 + 0.195
  set label 1 titles_of[i] at graph 0,1.07 font ",12" tc rgb "#222222"
  set xlabel units_of[i]
  set xrange [least[i]:greatest[i]]
  set yrange [*:*]
  if (line eq "payload") { set xtics (16, "256" 256, "4Ki" 4096, "64Ki" 65536, "1Mi" 1048576) }
  else { set xtics (1, 10, 100, "1k" 1000, "10k" 10000, "100k" 100000) }
  set ytics format "%g"
  if (measured[i] == 0) { continue }
  plot medians using (at(line, "floor")):(height(line)) with linespoints lw 1.6 pt 7 ps 0.5 lc rgb grey, \
    '' using (at(line, "lua")):(height(line)) with linespoints lw 2 pt 7 ps 0.6 lc rgb blue
  unset label
}
unset multiplot
