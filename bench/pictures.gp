# SPDX-License-Identifier: ISC
# Draws what "sodium-arena-bench --report=FOLDER" wrote:
#   gnuplot -e "folder='FOLDER'" pictures.gp
# An allocator has the same colour everywhere.
set terminal svg noenhanced size 800,420 dynamic font "sans,13" \
	background "white"
set datafile separator "\t"
set datafile missing "NaN"
set border 3
set tics nomirror
set grid ytics lc rgb "#dddddd"
set key outside right top

array colour[8] = ["#999999", "#d62728", "#ff9896", "#ff7f0e", "#1f77b4", \
	"#2ca02c", "#9467bd", "#8c564b"]
of_column(i) = colour[(i - 2) % |colour| + 1]
data(name) = folder."/".name.".tsv"
picture(name) = folder."/".name.".svg"
columns(name) = int(system("head -n 1 '".data(name)."' | wc -w"))

set output picture("throughput")
set title "Throughput by allocator"
set ylabel "million operations a second"
set logscale y
set style data histograms
set style histogram clustered gap 1
set style fill solid 1 noborder
set xtics rotate by -30
plot for [i=2:columns("throughput")] data("throughput") \
	using i:xtic(1) title columnheader(i) lc rgb of_column(i)

set output picture("bytes")
set title "Memory of a 32-byte secret"
set ylabel "bytes"
set yrange [10:*]
plot data("bytes") using 2:xtic(1) title columnheader(2) \
		lc rgb "#bbbbbb", \
	"" using 3 title columnheader(3) lc rgb "#d62728"

set style data linespoints
set pointsize 0.5
set xtics norotate autofreq

set output picture("objects")
set title "Replacing an object of 16 to 256 bytes"
set xlabel "live objects"
set ylabel "ns an object"
set logscale x
set xrange [500:2e7]
set format x "%.0s%c"
plot for [i=2:columns("objects")] data("objects") \
	using 1:i title columnheader(i) lc rgb of_column(i) lw 2 pt 7

set output picture("threads")
set title "Threads with objects of their own"
set xlabel "threads"
set ylabel "throughput over one thread's"
unset logscale y
set yrange [0:*]
set logscale x 2
set xrange [0.9:70]
set format x "%g"
plot for [i=2:columns("threads")] data("threads") \
	using 1:i title columnheader(i) lc rgb of_column(i) lw 2 pt 7
