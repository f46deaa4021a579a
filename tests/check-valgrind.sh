#!/bin/sh
# SPDX-License-Identifier: ISC
# The test programs under Valgrind, and no reports: memcheck, without being told
# of slots, which tests damage on purpose; then helgrind and DRD, with locks for
# them to see.  check-valgrind.sh [quick|lists|memcheck|helgrind|drd] [PROGRAM...]
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

# Under memcheck: all that can be.
memcheck='test_access test_api test_atfork test_barrier test_bitmap test_bits
	test_buffer test_canary test_counters test_crimes test_crimes_bounds
	test_crimes_frees test_crimes_pointers test_cxx test_fatal test_fault
	test_faults test_fork test_format test_growth test_hold test_invariants
	test_large test_limits test_line test_malloc test_malloc_heap
	test_malloc_lifetime test_meta test_os test_os_refused test_pagemap test_passphrase test_pool
	test_preflight test_random test_random_ops test_region test_registry
	test_scarcity test_shard test_shard_inbox test_sizeclass test_slab
	test_slab_claims test_stats test_thread test_threads test_tools
	test_tract test_veil test_vmname test_zero'
# Not those that look for secrets in all memory, where Valgrind has copies
# (test_residue) and of which gdb dumps what is Valgrind's (test_core), nor that
# which forbids system calls that Valgrind makes (test_syscalls).
not_memcheck='test_core test_residue test_syscalls'
# Programs with threads, most of which share arenas: under helgrind and DRD, or
# one of them.
helgrind='test_buffer test_counters test_crimes_frees test_fatal test_fault
	test_faults test_fork test_invariants test_malloc test_malloc_heap
	test_os test_os_refused test_passphrase test_pool test_registry
	test_stats test_thread test_threads'
drd='test_buffer test_counters test_crimes_frees test_fatal test_fault
	test_faults test_fork test_invariants test_malloc test_malloc_heap
	test_os test_os_refused test_passphrase test_pool test_registry
	test_stats'
# Not those of the protocol without locks, whose atomics Valgrind takes for races
# (test_barrier, test_pagemap, test_shard_inbox, test_slab_claims): they are
# for ThreadSanitizer; and not what memcheck cannot run either.
not_races='test_barrier test_pagemap test_residue test_shard_inbox
	test_slab_claims test_syscalls'
# What takes seconds.
quick_memcheck='test_counters test_line test_shard test_sizeclass test_tract'
quick_races='test_malloc test_registry'

# Every program stands in a list of its kind; those with threads in two.
require_listed()
{
	for file in "$srcdir"/tests/test_*.c "$srcdir"/tests/test_*.cc; do
		program=${file##*/}
		program=${program%.c*}
		is_in "$program" "$memcheck $not_memcheck"
		if grep -q 'pthread_create(' "$file"; then
			is_in "$program" "$helgrind $drd $not_races"
		fi
	done
}

# is_in PROGRAM LIST
is_in()
{
	# shellcheck disable=SC2086 # lists are words
	for listed in $2; do
		if [ "$listed" = "$1" ]; then
			return
		fi
	done
	echo "check-valgrind.sh: $1 stands in no list" >&2
	exit 1
}

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

# run TOOL PROGRAM: a process that ends by itself, and of which anything was
# reported, ends with status 9, which fails its test; one that dies by a signal
# is meant to.  Threads run in turns, for some wait for others without sleeping.
run()
{
	rm -f "$tmp"/log.*
	start=$(date +%s)
	status=0
	valgrind -q --tool="$1" --error-exitcode=9 --max-threads=2000 \
		--fair-sched=try --log-file="$tmp/log.%p" \
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

# under TOOL PROGRAM...
under()
{
	tool=$1
	shift
	if [ "$tool" = memcheck ]; then
		SODIUM_ARENA_ANNOTATE=0
		export SODIUM_ARENA_ANNOTATE
	else
		unset SODIUM_ARENA_ANNOTATE
	fi
	for program in "$@"; do
		run "$tool" "$program"
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
	require_listed
	under memcheck $memcheck
	under helgrind $helgrind
	under drd $drd
	;;
quick)
	require_listed
	under memcheck $quick_memcheck
	under helgrind $quick_races
	under drd $quick_races
	;;
lists)
	require_listed
	exit
	;;
memcheck | helgrind | drd) under "$what" "$@" ;;
*)
	sed -n 's/^.*\(check-valgrind.sh \[.*\)/usage: \1/p' "$0" >&2
	exit 2
	;;
esac
echo "$passed programs passed, $failed failed"
[ "$failed" -eq 0 ]
