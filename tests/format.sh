#!/bin/sh
# format.sh - clang-format for everything but what a hand lays out better
#
#   format.sh FILE...          rewrites the files
#   format.sh --check FILE...  prints what it would change; exit 1 if anything
#
# Initialisers whose rows are read as a table, and macros of several lines, are
# put between "clang-format off" and "on" for the moment of formatting.

set -eu

guarded() {
	awk '
	BEGIN { off = "// clang-format off"; on = "// clang-format on" }
	!inside && /^#[ \t]*define .*\\$/ { print off; inside = "macro" }
	!inside && opened && /^[ \t]*[[{"]/ { print off; inside = "table" }
	inside == "table" && index($0, indent "}") == 1 {
		print on
		inside = ""
	}
	{ print }
	inside == "macro" && !/\\$/ { print on; inside = "" }
	{ opened = /(=|\[\]\)) ?\{$/ }
	!inside && opened { match($0, /^\t*/); indent = substr($0, 1, RLENGTH) }
	' "$1" | clang-format --assume-filename="$1" |
		sed '/^[ \t]*\/\/ clang-format o[nf]*$/d'
}

check=
if [ "${1-}" = --check ]; then
	check=yes
	shift
fi
new=$(mktemp)
trap 'rm -f "$new"' EXIT
status=0
for file; do
	guarded "$file" >"$new"
	if ! cmp -s "$file" "$new"; then
		if [ "$check" ]; then
			diff -u "$file" "$new" || status=1
		else
			cat "$new" >"$file"
		fi
	fi
done
exit $status
