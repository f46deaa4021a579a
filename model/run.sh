#!/bin/sh
# SPDX-License-Identifier: ISC
# Check the model: as it is, where no error may be found, and broken in one
# place at a time, where one must be.  Status 77: no spin here.
# shellcheck disable=SC2086 # flags are words

dir=$(cd "$(dirname "$0")" && pwd) || exit 1
cc=${CC:-cc}
passed=0
failed=0

if ! command -v spin >/dev/null 2>&1; then
	echo 'model: skipped, spin is not installed'
	exit 77
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1

# verify FLAG...: leave what the search says in $work/out
verify() {
	rm -f pan pan.* ./*.trail out
	spin -a "$@" "$dir/protocol.pml" >spin.out 2>&1 &&
		$cc -O1 -w -DSAFETY -DCOLLAPSE -DMEMLIM=2000 -o pan pan.c ||
		return 1
	./pan -m1000000 -w22 >out 2>&1
}

# The search was finished, and without error.
is_sound() {
	grep -q 'errors: 0$' out && ! grep -Eq \
		'max search depth|out of memory|max.* reached|aborted' out
}

has_error() {
	grep -q 'assertion violated' out && grep -q 'errors: 1$' out
}

figures() {
	awk '/states, stored/ { states = $1 }
		/elapsed time/ { seconds = $4 }
		/total actual memory/ { size = $1 }
		END { printf "%d states, %.1f s, %d MB", states, seconds, size }
	' out
}

# tell RESULT TEXT
tell() {
	if [ "$1" = ok ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	echo "$1: $2"
}

# holds NAME FLAG...
holds() {
	name=$1
	shift
	if verify "$@" && is_sound; then
		tell ok "holds: $name ($(figures))"
	else
		cat spin.out out 2>/dev/null | head -n 20
		tell 'NOT OK' "error found, or not finished: $name"
	fi
}

# breaks NAME FLAG...
breaks() {
	name=$1
	shift
	verify "$@"
	if has_error; then
		tell ok "breaks: $name ($(figures))"
	else
		cat spin.out out 2>/dev/null | head -n 20
		tell 'NOT OK' "no error found: $name"
	fi
}

# What threads may call: 1 allocate, 2 free, 4 check, 8 rest, 16 fork.
all='-DMAY_0=31 -DMAY_1=31'
others_free='-DTHREADS=3 -DMAY_1=2 -DMAY_2=2'

holds 'two threads, two slots, all calls' $all
holds 'two threads, three slots, two in stock' -DSLOTS=3 -DSTOCK=2
holds 'two threads, two slabs' -DSLABS=2 -DSLOTS=1 $all
holds 'two threads, two slabs of two slots, one only frees' \
	-DSLABS=2 -DSLOTS=2 -DMAY_1=2
holds 'three threads, one slot, all allocate and free' -DTHREADS=3 -DSLOTS=1
holds 'three threads, two slots, two only free' $others_free
holds 'three threads, two slabs, two only free' -DSLABS=2 -DSLOTS=1 $others_free
holds 'freed twice: two threads, one slot, all calls' -DCRIME -DSLOTS=1 $all
holds 'freed twice: two threads, two slots, three calls each' \
	-DCRIME -DCALLS=3 -DLIVE_FIRST=1
holds 'freed twice: two threads, two slots and in stock, one only frees' \
	-DCRIME -DSTOCK=2 -DMAY_1=2
holds 'freed twice: three threads, one slot, one allocates, two free' \
	-DCRIME -DSLOTS=1 $others_free -DMAY_0=1
holds 'freed twice: three threads, two slots, two calls each' \
	-DCRIME -DCALLS=2 -DLIVE_FIRST=1 $others_free

breaks 'stopping without a barrier' -DNO_BARRIER
breaks 'stopping without waiting' -DNO_WAIT
breaks 'a pending claim is not posted again' -DNO_REPOST
breaks 'is_posted is cleared after collecting' -DCLEAR_POSTED_LAST
breaks 'a slab is stolen without flushing the stock' -DNO_FLUSH
breaks 'a claim is a load and a store' -DPLAIN_CLAIM
breaks 'who has stopped a shard leaves claims uncollected' \
	-DLEAVES_SOME -DSLABS=2 -DSLOTS=2
breaks 'a slab left in the inbox keeps those behind it' \
	-DNEWEST_KEEPS_REST -DSLABS=2 -DSLOTS=1 $others_free
breaks 'fork leaves busy as it was' -DFORK_BLIND $all
breaks 'the old value of a claim is ignored' -DCRIME -DCLAIM_BLIND -DSLOTS=1
breaks 'birth does not look at the mark' -DCRIME -DBIRTH_BLIND
breaks 'a claim pending in a quiet arena is no misuse' -DCRIME -DPENDING_BLIND
breaks 'check does not look at stock and free bits' \
	-DCRIME -DCHECK_BLIND -DSLOTS=1
breaks 'collecting does not look at the stock' -DCRIME -DCOLLECT_BLIND

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
