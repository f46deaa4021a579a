#!/bin/sh
# SPDX-License-Identifier: ISC
# The test programs under Valgrind, and no reports: memcheck, without being told
# of slots, which tests damage on purpose; then helgrind and DRD, with locks for
# them to see.  check-valgrind.sh [memcheck|races|quick] [PROGRAM...]
set -eu

srcdir=${srcdir:-.}
tmp=$(mktemp -d)
chmod 1777 "$tmp" # some tests become an ordinary user, and fork
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

if [ -n "${SANITIZE-}" ]; then
	echo 'skipped: the library is instrumented'
	exit 77
fi
if ! command -v valgrind >/dev/null 2>&1; then
	echo 'skipped: no valgrind'
	exit 77
fi

# Under memcheck.  Not those that count mappings or calls of malloc(), of which
# Valgrind makes its own (test_malloc_heap, test_meta, test_region, test_vmname),
# that search all memory (test_buffer, test_residue), or that filter system calls
# which Valgrind makes (test_syscalls).  What is in neither list takes minutes,
# or has not been tried.
memcheck='test_bits test_counters test_format test_large test_line test_pagemap
	test_preflight test_random test_registry test_shard test_sizeclass test_slab
	test_stats test_tract test_zero'
# Under helgrind and DRD: threads that share arenas.  Not those of the protocol
# without locks, which Valgrind takes for races (test_barrier, test_shard_inbox,
# test_slab_claims).
races='test_counters test_malloc test_registry'
# What takes seconds.
quick_memcheck='test_counters test_line test_pagemap test_shard test_sizeclass
	test_tract'
quick_races='test_malloc test_registry'

# Say which processes' reports may have failed the program.
show()
{
	for log in "$tmp"/log.*; do
		# Valgrind 3.19 has much to say of mlock2().
		if [ -s "$log" ]; then
			sed '/^--[0-9]*-- /d' "$log" | head -n 40
		fi
	done | head -n 400
	tail -n 30 "$tmp/output"
}

# under TOOL PROGRAM: a process that ends by itself, and of which anything was
# reported, ends with status 9, which fails its test; one that dies by a signal
# is meant to.
under()
{
	rm -f "$tmp"/log.*
	start=$(date +%s)
	status=0
	valgrind -q --tool="$1" --error-exitcode=9 --max-threads=2000 \
		--log-file="$tmp/log.%p" \
		--suppressions="$srcdir/tests/valgrind.supp" \
		"./tests/$2" >"$tmp/output" 2>&1 </dev/null || status=$?
	seconds=$(($(date +%s) - start))
	if [ "$status" -eq 0 ]; then
		passed=$((passed + 1))
		echo "$1: $2: passed ($seconds s)"
	else
		failed=$((failed + 1))
		show
		echo "$1: $2: FAILED, status $status ($seconds s)"
	fi
}

under_memcheck()
{
	SODIUM_ARENA_ANNOTATE=0
	export SODIUM_ARENA_ANNOTATE
	for program in "$@"; do
		under memcheck "$program"
	done
	unset SODIUM_ARENA_ANNOTATE
}

under_race_detectors()
{
	for program in "$@"; do
		under helgrind "$program"
		under drd "$program"
	done
}

# It runs the programs many times slower.
: "${CK_TIMEOUT_MULTIPLIER=50}"
export CK_TIMEOUT_MULTIPLIER
what=${1-all}
[ $# -eq 0 ] || shift
# shellcheck disable=SC2086 # lists are words
case $what in
all)
	under_memcheck $memcheck
	under_race_detectors $races
	;;
quick)
	under_memcheck $quick_memcheck
	under_race_detectors $quick_races
	;;
memcheck) under_memcheck "$@" ;;
races) under_race_detectors "$@" ;;
*)
	sed -n 's/^.*\(check-valgrind.sh \[.*\)/usage: \1/p' "$0" >&2
	exit 2
	;;
esac
echo "$passed programs passed, $failed failed"
[ "$failed" -eq 0 ]
