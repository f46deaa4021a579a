#!/bin/sh
# SPDX-License-Identifier: ISC
# What SECURITY.md claims: each threat has a test; each test, script and target
# of make that it names is there and is run; and its system calls are those that
# test_syscalls allows.
# shellcheck disable=SC2016 # backticks are what is looked for
set -eu

cd "${srcdir:-.}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

complain()
{
	echo "SECURITY.md: $*"
	status=1
}

# A name may be broken over two lines.
tr '\n' ' ' <SECURITY.md | grep -oE '`test_[a-z_]+: +test_[a-z_0-9]+`' |
	tr -d '`:' | sort -u >"$tmp/tests"
[ -s "$tmp/tests" ] || complain 'names no test'
while read -r suite name; do
	file=tests/$suite.c
	if ! [ -e "$file" ]; then
		complain "there is no $file"
		continue
	fi
	grep -qE "^START_TEST\($name\)" "$file" ||
		complain "$file has no $name"
	grep -v '^START_TEST' "$file" | grep -qE "[ 	]${name}[,)]" ||
		complain "$file does not run $name"
	grep -qE "tests/$suite( |\$)" Makefile.am ||
		complain "make check does not run $suite"
done <"$tmp/tests"

grep -oE '`tests/[a-z-]+\.sh`' SECURITY.md | tr -d '`' | sort -u >"$tmp/scripts"
while read -r script; do
	grep -qE "^	$script( |\$)" Makefile.am ||
		complain "make check does not run $script"
done <"$tmp/scripts"

grep -oE '`make [a-z-]+`' SECURITY.md | tr -d '`' | sort -u >"$tmp/targets"
while read -r _ target; do
	[ "$target" = check ] || grep -q "^$target:" Makefile.am ||
		complain "there is no make $target"
done <"$tmp/targets"

awk -F '|' '
	/^## / { part = $0 }
	/^$/ { is_of_threats = 0 }
	/^[|] threat / { is_of_threats = 1 }
	part == "## What it is for" && is_of_threats && /^[|] / &&
			$2 !~ /^ threat/ {
		threats++
		if ($4 !~ /`test_/)
			print $2
	}
	END { exit !threats }' SECURITY.md >"$tmp/bare" ||
	complain 'tells no threats'
while read -r threat; do
	complain "no test is named for: $threat"
done <"$tmp/bare"

# Calls are the words in the table's last column; constants are in capitals,
# files have slashes, functions parentheses.
awk -F '|' '
	/^## / { part = $0 }
	part == "## System calls" && /^[|]/ { print $3 }' SECURITY.md |
	grep -oE '`[a-z_0-9]+`' | tr -d '`' | sort -u >"$tmp/told"
sed -n '/^static const long of_the_library/,/32-bit/p' tests/test_syscalls.c |
	sed -n 's/^[[:space:]]*SYS_\([a-z_0-9]*\),$/\1/p' | sort -u >"$tmp/allowed"
diff -u "$tmp/told" "$tmp/allowed" ||
	complain 'calls: - told there, + allowed in test_syscalls.c'

exit $status
