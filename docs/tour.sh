#!/bin/sh
# tour.sh - plays every lab and prints what it claims (see `make tour`)
#
# Reads the catalogue: a line a program, its name, one line about it, its
# chapter and, where it has no scenes, "tool"; separated by tabs. $B is the build
# folder. A lab that this host cannot play (exit status 77) is no failure. Exit
# status: 1 when a claim of some lab did not hold.

set -u
tab=$(printf '\t')
chapter_before=''
failed=''
while IFS="$tab" read -r lab summary chapter kind; do
	[ -z "$kind" ] || continue
	if [ "$chapter" != "$chapter_before" ]; then
		printf '\n=== %s\n' "$chapter"
		chapter_before=$chapter
	fi
	printf '\n--- %s: %s\n' "$lab" "$summary"
	story=$("$B/$lab" 2>&1 </dev/null)
	status=$?
	# titles, claims and skips, the tally; no lines and no pictures
	case $status in
	0) printf '%s\n' "$story" | sed -n '/^[a-z0-9-]* \(·\|-\) /p
		/^ \{13\}\(✓\|✗\|[-+!]\) /p; / held, /p' ;;
	77) printf '%s\n' "$story" ;;
	*)
		printf '%s\n' "$story"
		failed="$failed $lab"
		;;
	esac
done
if [ "$failed" ]; then
	printf '\nnot as claimed:%s\n' "$failed"
	exit 1
fi
