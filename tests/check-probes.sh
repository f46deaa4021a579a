#!/bin/sh
# SPDX-License-Identifier: ISC
# The shared library has its probes, and none of them on the path that
# allocates and frees.
set -eu

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# shellcheck source=/dev/null
. ./libsodium-arena.la
if ! grep -q '^#define HAVE_PROBES 1' config.h || [ -z "$library_names" ]; then
	echo 'skipped: built without probes, or without a shared library'
	exit 77
fi
library=.libs/${library_names%% *}
if ! command -v readelf >/dev/null; then
	echo 'skipped: no readelf'
	exit 77
fi

# Each probe's name and address.
readelf -nW "$library" | awk '
/Provider: / { ours = $NF == "sodium_arena" }
ours && /Name: / { name = $2 }
ours && /Location: / { sub(/,/, "", $2); print name, $2 }
' >"$tmp/probes"
printf '%s\n' failure growth misuse transition >"$tmp/expected"
cut -d ' ' -f 1 "$tmp/probes" | LC_ALL=C sort -u |
	diff -u "$tmp/expected" -

${NM:-nm} -S --defined-only "$library" |
	grep -E ' sa_arena_(alloc|calloc|aligned_alloc|dup|take|free|size)$' \
		>"$tmp/fast"
[ "$(wc -l <"$tmp/fast")" -eq 7 ]
while read -r probe location; do
	while read -r start size _ function; do
		place=$(printf '%d' "$location")
		first=$(printf '%d' "0x$start")
		if [ "$place" -ge "$first" ] &&
			[ "$place" -lt $((first + $(printf '%d' "0x$size"))) ]
		then
			echo "$probe is in $function()"
			exit 1
		fi
	done <"$tmp/fast"
done <"$tmp/probes"
