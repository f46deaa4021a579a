#!/bin/sh
# SPDX-License-Identifier: ISC
# gdb's commands for arenas, on a process and on its core dump: what they say
# is so, and no secret is in it.
set -eu

srcdir=${srcdir:-.}
script=$srcdir/gdb/sodium-arena-gdb.py
program=tests/gdb_program
[ -x tests/.libs/gdb_program ] && program=tests/.libs/gdb_program

skip()
{
	echo "skipped: $*"
	exit 77
}

command -v gdb >/dev/null || skip 'gdb is not here'
gdb -nx -batch -ex 'python print(1)' 2>/dev/null | grep -qx 1 ||
	skip 'this gdb has no Python'
[ -z "${SA_SANITIZE-}" ] || skip 'a sanitizer is in the way'

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0
LD_LIBRARY_PATH=$PWD/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

fail()
{
	echo "FAILED: $*"
	sed 's/^/  | /' "$tmp/out"
	status=1
}

has()
{
	grep -qE -e "$1" "$tmp/out" || fail "no '$1'"
}

# session OUTPUT GDB-ARGUMENT...
session()
{
	output=$1
	shift
	gdb -nx -batch -iex 'set auto-load off' -ex "source $script" "$@" \
		>"$output" 2>&1 || :
}

set_looks()
{
	for where in small 'small + 10' mid large 'large + 9000' freed \
		damaged main; do
		printf 'echo \\n== %s\\n\nsa-slot %s\n' "$where" "$where"
	done
	printf 'echo \\n== arenas\\n\ninfo sa-arenas\nsa-arena keys\n'
	printf 'sa-arena 1\n'
}
set_looks >"$tmp/looks"

# Each line by itself: an error ends a sourced file.
set --
while read -r line; do
	set -- "$@" -ex "$line"
done <"$tmp/looks"

session "$tmp/live" -ex 'break look_here' -ex run "$@" \
	-ex "gcore $tmp/core" "$program"
cp "$tmp/live" "$tmp/out"
grep -q 'Breakpoint 1, look_here' "$tmp/out" || {
	sed 's/^/  | /' "$tmp/out"
	skip 'gdb cannot run programs here'
}
if grep -q 'no debugging information of libsodium-arena' "$tmp/out"; then
	skip 'built without debugging information'
fi

# The part of the output about one place.
about()
{
	awk -v "head=== $1" '$0 == head { on = 1; next } /^== / { on = 0 }
		on' "$tmp/live" >"$tmp/out"
}

about small
has '^arena:   "keys" \(0x[0-9a-f]+\), here noaccess$'
has '^class:   slots of 48 bytes$'
has '^state:   live$'
has '^size:    32$'
has '^canary:  intact$'
about 'small + 10'
has '^at:      offset 10 of the object'
about mid
has '^class:   slots of 1024 bytes$'
has '^size:    1000$'
has '^canary:  intact$'
for where in large 'large + 9000'; do
	about "$where"
	has '^class:   an object with a block of its own$'
	has '^state:   live$'
	has '^size:    20001$'
	has '^canary:  intact$'
done
has '^at:      offset 9000 of the object'
about freed
has '^state:   free$'
about damaged
has '^size:    100$'
has '^canary:  DAMAGED$'
about main
has "no arena's memory is there"
about arenas
has '^0x[0-9a-f]+ "keys" noaccess, [0-9]+ bytes mapped, .* 1 large objects$'
has '^0x[0-9a-f]+ "other\\x1b\[2J\\x0a" readwrite, '
has '^access:  noaccess; rests at noaccess; 0 readers, 0 writers$'
has '^fork:    wipe$'
has '^region:  0x[0-9a-f]+, 16384 bytes, noaccess'
has 'no arena is there; see: info sa-arenas'

# The secret, as it stands, in hexadecimal or as a number.
cp "$tmp/live" "$tmp/out"
grep -qiE 'Zq7!|5a713721|2137715a' "$tmp/out" && fail 'a secret was shown'

# A core dump has no secrets, but the metadata.
if [ -e "$tmp/core" ]; then
	session "$tmp/out" "$@" "$program" "$tmp/core"
	has '^0x[0-9a-f]+ "keys" noaccess, '
	has '^size:    1000$'
	has '^canary:  (not readable here|intact)$'
fi
exit $status
