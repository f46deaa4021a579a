#!/bin/sh
# SPDX-License-Identifier: ISC
# What memory debuggers are told costs nothing where none is: the functions that
# allocate and free refer to none of those that tell, but by way of other
# functions, which they call where the path is not straight.
set -eu

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

objdump=${OBJDUMP:-objdump}
if ! command -v "$objdump" >/dev/null; then
	echo 'skipped: no objdump'
	exit 77
fi

case " ${flags-} " in
*' -fno-inline '* | *' -O0 '*)
	echo 'skipped: nothing is inlined here'
	exit 77
	;;
esac

# Each function of a file, and what it refers to: "FUNCTION SYMBOL".
references()
{
	"$objdump" -dr "$1" | awk '
	/^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3) }
	/: R_/ { sub(/[-+]0x[0-9a-f]+$/, "", $NF); print name, $NF }'
}

# Of the shared library, or else of the static one.
folder=src/.libs
[ -f "$folder/api.o" ] || folder=src
references "$folder/api.o" >"$tmp/references"
references "$folder/lifetime.o" >>"$tmp/references"
references "$folder/pool.o" >>"$tmp/references"
if ! grep -q '^sa_arena_free' "$tmp/references"; then
	echo 'skipped: these object files are not the processor'\''s code'
	exit 77
fi

telling=' sa_(annotate|backtrace|history|report|veil)_'
straight='sa_arena_(alloc|calloc|free|size)|sa_pool_(alloc|free)'
# What is there is found.
grep -qE "^sa_arena_create$telling" "$tmp/references"
for function in sa_arena_alloc sa_arena_free sa_pool_alloc sa_pool_free; do
	grep -q "^$function sa_thread_self" "$tmp/references"
done
if grep -E "^($straight)$telling" "$tmp/references"; then
	echo 'the straight path tells debuggers'
	exit 1
fi
