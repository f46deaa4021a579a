#!/bin/sh
# SPDX-License-Identifier: ISC
# The tutorial's code, as it stands on the page, compiles without a warning and
# prints what the page says it prints.
# Usage: check-tutorial.sh [PAGE]; in a build folder against what was built
# there, else against what is installed.
# shellcheck disable=SC2086 # flags are words
set -eu

page=${1:-${srcdir:-.}/doc/tutorial.md}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# What stands between "```c FILE" (or "```text FILE") and "```", piece by piece.
awk -v folder="$tmp" '
/^```(c|text) [a-z.]+$/ { file = folder "/" $2; next }
/^```/ { file = "" }
file != "" { print >file }
' "$page"
for file in cache.h cache.c main.c output; do
	[ -s "$tmp/$file" ] || { echo "$page has no $file"; exit 1; }
done

if [ -e libsodium-arena.la ]; then
	compile()
	{
		$SHELL ./libtool --quiet --tag=CC --mode=link ${CC:-cc} "$@" \
			-I"${srcdir:-.}/include" libsodium-arena.la \
			${SODIUM_LIBS:--lsodium} -no-install
	}
	SHELL=${SHELL:-/bin/sh}
else
	compile()
	{
		# shellcheck disable=SC2046
		${CC:-cc} "$@" \
			$(pkg-config --cflags --libs sodium-arena libsodium)
	}
fi
compile ${TUTORIAL_CFLAGS-} -std=gnu11 -Wall -Wextra -Wpedantic -Werror \
	-pthread -o "$tmp/cache" "$tmp/cache.c" "$tmp/main.c"
"$tmp/cache" >"$tmp/got" 2>"$tmp/err" || {
	status=$?
	cat "$tmp/err"
	if grep -q '^room for ' "$tmp/err"; then
		echo 'skipped: this process may lock too little'
		exit 77
	fi
	echo "the program left with $status"
	exit 1
}
diff -u "$tmp/output" "$tmp/got"
line='{"name":"cache","access":"noaccess","live_count":1,"live_size":32,'
case $(cat "$tmp/err") in
"$line"*) ;;
*)
	echo "standard error: $(cat "$tmp/err")"
	exit 1
	;;
esac
