#!/bin/sh
# SPDX-License-Identifier: ISC
# The library's own tests under Valgrind: memcheck, then DRD and helgrind, and
# no reports.  check-valgrind.sh [quick]: the programs that take seconds only.
set -eu

srcdir=${srcdir:-.}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0 passed=0

if [ -n "${SANITIZE-}" ]; then
	echo 'skipped: the library is instrumented'
	exit 77
fi
if ! command -v valgrind >/dev/null 2>&1; then
	echo 'skipped: no valgrind'
	exit 77
fi

# Memcheck is not told of slots: tests damage them on purpose.
: "${CK_TIMEOUT_MULTIPLIER=50}"
export CK_TIMEOUT_MULTIPLIER

# why PROGRAM: not under memcheck, and for what reason.
why()
{
	case $1 in
	esac
}

# report PROGRAM: what Valgrind said of the processes whose errors counted.
report()
{
	grep -lE 'ERROR SUMMARY: [1-9]' "$tmp"/log.* 2>/dev/null |
		while read -r log; do
			head -n 60 "$log"
		done
	tail -n 30 "$tmp/output"
}

# run TOOL PROGRAM: a process that ends by itself, and of which something was
# reported, has exit status 9, which fails the test.
run()
{
	rm -f "$tmp"/log.*
	start=$(date +%s)
	status=0
	valgrind --tool="$1" -q --error-exitcode=9 \
		--log-file="$tmp/log.%p" --max-threads=2000 \
		--suppressions="$srcdir/tests/valgrind.supp" \
		"tests/$2" >"$tmp/output" 2>&1 </dev/null || status=$?
	end=$(date +%s)
	if [ "$status" -eq 0 ]; then
		passed=$((passed + 1))
		echo "passed: $1: $2 ($((end - start)) s)"
	else
		failed=$((failed + 1))
		report
		echo "FAILED: $1: $2: status $status ($((end - start)) s)"
	fi
}
