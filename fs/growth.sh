#!/bin/sh
# growth.sh - what a file costs, where n files are made in one directory
#
# For n up to a million (see `make growth`): `img batch` makes them with one `touch`
# each, as one transaction, without a journal and with one; `img mkfs` makes an image
# that has them; and once more with a hundred in each directory. mke2fs -d, where it is
# installed, up to 10,000: it reads a directory from its beginning for every name.
#
# A line that stays level says that the time grows as n does. Of three runs the fastest
# counts, of the large ones there is one: what disturbs can only slow them down. All of
# it is in memory (/dev/shm; or set TMPDIR). Writes $B/growth.svg, if gnuplot is there,
# and prints the figures: n, microseconds a file.

set -eu
: "${B:=build}"
most=${1:-1000000}
img=$(realpath "$B/fs/img")
picture=$(realpath "$B")/growth.svg
place=$(mktemp -d "${TMPDIR:-/dev/shm}/growth-XXXXXX")
trap 'cd / && rm -rf "$place"' EXIT
trap 'exit 130' INT TERM
cd "$place"
PATH=$PATH:/usr/sbin:/sbin

# measure SERIES N COMMAND...: before each run `prepare_SERIES N`
measure() {
	series=$1 n=$2
	shift 2
	best='' runs=3
	[ "$n" -le 100000 ] || runs=1
	while [ $runs -gt 0 ]; do
		"prepare_$series" "$n"
		begin=$(date +%s%N)
		"$@" >log 2>&1 || { cat log && exit 1; }
		ns=$(($(date +%s%N) - begin))
		[ -n "$best" ] && [ "$best" -le $ns ] || best=$ns
		runs=$((runs - 1))
	done
	us=$(awk "BEGIN { printf \"%.2f\", $best / 1000 / $n }")
	echo "$n $us" >>"$series"
	printf '%-10s %9d %9s\n' "$series" "$n" "$us"
}

image() { # N OPTION...: an empty one with room for N files, twice (the log)
	n=$1
	shift
	"$img" mkfs image --force --quiet --size=$((n + 16384))K \
		--inodes=$((n + n / 100 + 100)) "$@"
	"$img" mkdir image /many
	seq -f 'touch /many/file%.0f' "$n" >script
}

prepare_ordered() { image "$1"; }
prepare_journal() { image "$1" --journal; }
prepare_spread() {
	image "$1" --journal
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) {
		if (i % 100 == 0) printf "mkdir /many/%d\n", i / 100
		printf "touch /many/%d/file%d\n", i / 100, i } }' >script
}
prepare_mkfs() {
	awk -v n="$1" 'BEGIN { print "/many d"
		for (i = 0; i < n; i += 50000) printf "/many/file p 644 0 0 " \
			"- - %d 0 %d\n", i, n - i < 50000 ? n - i : 50000
		}' >table
}
prepare_mke2fs() {
	[ -d "tree$1" ] || { mkdir "tree$1" &&
		seq -f "tree$1/file%.0f" "$1" | xargs touch; }
	rm -f other
	truncate -s 64M other
}

for n in 1000 3000 10000 30000 100000 300000 1000000; do
	[ $n -le "$most" ] || break
	measure mkfs "$n" "$img" mkfs image --force --quiet --table=table
	measure ordered "$n" "$img" batch --quiet image script
	measure journal "$n" "$img" batch --quiet image script
	measure spread "$n" "$img" batch --quiet image script
	! command -v mke2fs >log || [ "$n" -gt 10000 ] ||
		measure mke2fs "$n" mke2fs -q -F -t ext2 -N $((n + 100)) \
			-d "tree$n" other
done

command -v gnuplot >log || { echo 'no picture: gnuplot is not installed' >&2; exit; }
[ -f mke2fs ] || echo '1000 NaN' >mke2fs
gnuplot -d <<EOF
set terminal svg size 720,420 font 'sans-serif,13' background '#ffffff'
set output '$picture'
set logscale xy
set xrange [800:$most*1.25]
set yrange [1:1000]
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
set format x '%.0f'
set key top right Left reverse
set xlabel 'files in one directory'
set ylabel 'microseconds a file'
plot 'mke2fs' with linespoints pt 6 lc rgb '#999999' title 'mke2fs -d', \
	'journal' with linespoints pt 7 lc rgb '#0b6e4f' title 'img batch, with a journal', \
	'ordered' with linespoints pt 7 lc rgb '#1f77b4' title 'img batch, without', \
	'mkfs' with linespoints pt 7 lc rgb '#d1495b' title 'img mkfs', \
	'spread' with linespoints pt 4 lc rgb '#8d6a9f' title 'img batch, 100 in each directory'
EOF
echo "$picture"
