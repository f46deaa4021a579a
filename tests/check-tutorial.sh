#!/bin/sh
# SPDX-License-Identifier: ISC
# The tutorial's code, as it stands on the page, compiles without a warning and
# prints what the page says it prints; and what the cache has locked at first
# is enough for its keys.
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
	# libtool's rpath ends at a blank in this folder's name.
	LD_LIBRARY_PATH=$PWD/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	export LD_LIBRARY_PATH
else
	compile()
	{
		# shellcheck disable=SC2046
		${CC:-cc} "$@" \
			$(pkg-config --cflags --libs sodium-arena libsodium)
	}
fi
build()
{
	compile ${TUTORIAL_CFLAGS-} -std=gnu11 -Wall -Wextra -Wpedantic \
		-Werror -pthread -o "$@"
}

build "$tmp/cache" "$tmp/cache.c" "$tmp/main.c"
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

# As many keys as it was made for, once not a page more may be locked.  Root
# would lock all the same, and becomes an ordinary user.
cat >"$tmp/full.c" <<'EOF'
#define _GNU_SOURCE
#include "cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static int lock_no_more(void)
{
	const struct rlimit none = {0, 0};

	return setrlimit(RLIMIT_MEMLOCK, &none) == 0 &&
	       (geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
}

int main(int argc, char **argv)
{
	size_t count = argc < 2 ? 0 : strtoul(argv[1], NULL, 10);
	struct cache *cache = cache_create(count);

	if (cache == NULL || !lock_no_more())
		return 77;
	for (size_t i = 0; i < count; i++) {
		unsigned char key[CACHE_KEY_SIZE] = {1};
		char name[32];

		snprintf(name, sizeof name, "%zu", i);
		if (cache_put(cache, name, key) != 0) {
			fprintf(stderr, "key %zu of %zu: ", i + 1, count);
			perror("no room");
			return 1;
		}
	}
	cache_destroy(cache);
	return 0;
}
EOF
build "$tmp/full" "$tmp/cache.c" "$tmp/full.c"
# 1,024 slots of 48 bytes are whole pages: nothing is left over by chance.
for count in 1 10 100 500 1024 5120 20480; do
	status=0
	"$tmp/full" $count 2>"$tmp/err" || status=$?
	case $status in
	0) ;;
	77) echo "skipped: a full cache of $count: nothing more may be locked" ;;
	*)
		cat "$tmp/err"
		echo "a full cache of $count: left with $status"
		exit 1
		;;
	esac
done
