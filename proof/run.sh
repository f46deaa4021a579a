#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh SRCDIR: Frama-C's WP plugin proves what the ACSL comments of
# src/bitmap.[ch] and src/bits.h say, and that nothing there overflows or leaves
# its array.  Taken for granted: the contract of bits_from(), and builtins.h, of
# which Z3 proves by itself what is about masks.
# 77: there is no Frama-C, or no prover that it knows.
set -eu

srcdir=$1

for tool in frama-c why3 z3; do
	if ! command -v "$tool" >/dev/null; then
		echo "skipped: $tool was not found" >&2
		exit 77
	fi
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
WHY3CONFIG=$folder/why3.conf
export WHY3CONFIG
why3 config detect >"$folder/detect" 2>&1 || true

# Nothing of config.h is used there.
: >"$folder/config.h"
preprocessor="-U__SIZEOF_INT128__ -I$folder -I$srcdir/include -I$srcdir/src"
preprocessor="$preprocessor -include $srcdir/proof/builtins.h"

# prove FILE FUNCTIONS: every goal, or what failed.
prove()
{
	frama-c -machdep gcc_x86_64 -cpp-extra-args="$preprocessor" \
		"$srcdir/$1" -wp -wp-rte -wp-prover z3 -wp-timeout 20 \
		-wp-par 1 -wp-fct "$2" >"$folder/log" 2>&1 ||
		{ cat "$folder/log"; exit 1; }
	printf '%s: ' "$1"
	grep 'Proved goals' "$folder/log"
	awk '/Proved goals/ { proved = $4 == $6 } END { exit !proved }' \
		"$folder/log" || { grep -A2 Failed "$folder/log"; exit 1; }
}

sh "$srcdir/proof/masks.sh"
functions=sa_count_trailing_zeros,sa_bitmap_nwords,range_mask
functions=$functions,sa_bitmap_set_range,sa_bitmap_clear_range
functions=$functions,find_next,sa_bitmap_find_run
prove src/bitmap.c "$functions"
functions=sa_add_overflows,sa_mul_overflows,sa_is_power_of_two
functions=$functions,sa_align_up,sa_align_down,sa_lowest_bit
functions=$functions,sa_floor_log2,sa_folded_product_by_parts
prove proof/headers.c "$functions"
