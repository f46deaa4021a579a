#!/bin/sh
# SPDX-License-Identifier: ISC
# The command sodium-arena: exit statuses, figures, JSON that is JSON, advice
# that comes true; as whoever runs this and as an ordinary user who may lock
# 64 KiB.
# shellcheck disable=SC2154,SC3045 # functions set out, err, status; ulimit -l
set -u

srcdir=${srcdir:-.}
program=tools/sodium-arena
# As another user there is nothing to relink: not libtool's script.
[ -x tools/.libs/sodium-arena ] && program=tools/.libs/sodium-arena
# Relative: another user may not look into the folders above this.
LD_LIBRARY_PATH=.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
failures=0

fail()
{
	echo "FAILED: $*"
	printf '%s\n' "$out" "$err" | sed 's/^/  | /'
	failures=$((failures + 1))
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# run STATUS ARGUMENT...: sets out and err.
run()
{
	expected=$1
	shift
	"$program" "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	out=$(cat "$tmp/out") err=$(cat "$tmp/err")
	[ $status -eq "$expected" ] || fail "$* left with $status, not $expected"
}

# An ordinary user with 64 KiB; 77 where nobody can become one.
poor()
{
	if [ "$(id -u)" -ne 0 ]; then
		(ulimit -l "$limit" && exec "$@")
	elif command -v setpriv >/dev/null; then
		(ulimit -l "$limit" && exec setpriv --reuid=65534 \
			--regid=65534 --clear-groups --inh-caps=-all \
			--bounding-set=-all "$@")
	else
		return 77
	fi
}

poorly()
{
	expected=$1
	shift
	poor "$program" "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	out=$(cat "$tmp/out") err=$(cat "$tmp/err")
	[ $status -eq "$expected" ] ||
		fail "poor $*: left with $status, not $expected"
}

has()
{
	printf '%s\n' "$out" | grep -qE -e "$1" || fail "no '$1'"
}

# The value of a key in one line of JSON, a number or null.
figure()
{
	printf '%s\n' "$out" |
		sed -n "s/.*\"$1\":{[^}]*\"$2\":\([0-9a-z]*\).*/\1/p"
}

# Asked wrongly.
for wrong in '' nothing '--size' 'doctor --size=x' 'doctor --size=-1' \
	'doctor --count=0' 'doctor --count=4K' 'doctor --nothing' \
	'doctor doctor' 'demo --size=3' 'doctor --size=99999999999999999999'; do
	# shellcheck disable=SC2086 # words
	run 2 $wrong
	[ -z "$out" ] || fail "'$wrong' wrote to standard output"
	[ -n "$err" ] || fail "'$wrong' said nothing"
done
run 0 --help
has '^Usage: sodium-arena COMMAND'
run 0 --version
version=$(sed -n 's/^#define SODIUM_ARENA_VERSION_STRING "\(.*\)"/\1/p' \
	"$srcdir/include/sodium_arena.h")
[ "$out" = "sodium-arena $version" ] || fail 'another version'

here=$(ulimit -l)
if [ "$(id -u)" -ne 0 ] && [ "$here" != unlimited ] && [ "$here" -lt 64 ]; then
	[ $failures -eq 0 ] || exit 1
	echo 'skipped: not even 64 KiB can be locked here'
	exit 77
fi

# Here.
run 0 doctor --count=1
for what in RLIMIT_MEMLOCK CAP_IPC_LOCK max_map_count core_pattern swap \
	'huge pages' 'ptrace scope' 'membarrier' 'secrets in an arena' \
	'secrets by sodium_malloc' '^  fits  .* yes$'; do
	has "$what"
done
run 1 doctor --size=1M --count=4000000000
has '^  fits  .* no$'
# More than there are numbers for; of 32 bits, where 64 are too many.
most=18446744073709551615
"$program" doctor --size=$most >/dev/null 2>&1
[ $? -ne 2 ] || most=4294967295
run 1 doctor --size=$most --count=$most
has "^ *MemoryMax=$most\$"
POSIXLY_CORRECT=1
export POSIXLY_CORRECT
run 0 doctor --count=1
unset POSIXLY_CORRECT

# A full disk is told, and so is an output that is closed.
unwritten()
{
	err=$(cat "$tmp/err") out=
	[ $status -eq 1 ] || fail "$*: left with $status, not 1"
	case $err in
	*'sodium-arena: standard output: '*) ;;
	*) fail "$*: standard output is not blamed" ;;
	esac
}

refuse_output()
{
	if [ -e /dev/full ]; then
		"$program" "$@" >/dev/full 2>"$tmp/err"
		status=$?
		unwritten "a full disk: $*"
	fi
	"$program" "$@" >&- 2>"$tmp/err"
	status=$?
	unwritten "no output: $*"
}
refuse_output --help
refuse_output --version
refuse_output doctor
refuse_output bench --count=100

# With 64 KiB; where this folder is root's alone, not even the program is found.
limit=64
poor "$program" --version >/dev/null 2>&1
can_be_poor=$?
if [ $can_be_poor -ne 0 ]; then
	echo 'skipped: nobody here can run it as an ordinary user'
else
	poorly 0 doctor --size=32 --count=1000
	has 'soft\)  *65536 '
	has 'CAP_IPC_LOCK\)  *no$'
	has 'sodium_malloc\(\), locked  *1[56]$'
	# Who is root in a user namespace only is no richer.
	if poor unshare -Ur true 2>"$tmp/err"; then
		out=$(poor unshare -Ur "$program" doctor --size=32 --count=1000)
		has 'CAP_IPC_LOCK\)  *no$'
	fi
	poorly 1 doctor --size=32 --count=100000
	has '^      LimitMEMLOCK=[0-9]+$'
	has '^      docker run --ulimit memlock=[0-9]+:[0-9]+$'
	has '^      USER - memlock [0-9]+$'
	has 'IPC_LOCK'
	has '^      sudo prlimit --pid \$\$ --memlock=[0-9]+:[0-9]+$'
	# What it says is enough, and not too much.
	limit=$(printf '%s\n' "$out" |
		sed -n 's/^      USER - memlock //p')
	if (ulimit -l "$limit") 2>/dev/null; then
		poorly 0 doctor --size=32 --count=100000
		limit=$((limit / 2))
		poorly 1 doctor --size=32 --count=100000
	fi
	limit=64
fi

# JSON.
run_json()
{
	"$program" doctor --json >/dev/null 2>"$tmp/err"
	! grep -q 'built without jansson' "$tmp/err"
}
if run_json; then
	run 0 doctor --json --size=1K --count=2
	[ "$(figure needed count)" = 2 ] || fail 'needed.count'
	[ "$(figure room size)" = 1024 ] || fail 'room.size'
	[ "$(figure needed fits)" = true ] || fail 'needed.fits'
	if [ $can_be_poor -eq 0 ]; then
		poorly 1 doctor --json --count=100000
		[ "$(figure process memlock_soft)" = 65536 ] ||
			fail 'process.memlock_soft'
		[ "$(figure needed fits)" = false ] || fail 'needed.fits'
		has '"line":"LimitMEMLOCK='
	fi
	if command -v python3 >/dev/null; then
		printf '%s\n' "$out" | python3 -c 'import json, sys
json.loads(sys.stdin.readline())' || fail 'no JSON'
	fi
	run 0 bench --json --count=100
	[ -n "$(figure bench pair)" ] || fail 'bench.pair'
	refuse_output doctor --json
	refuse_output bench --json --count=100
else
	run 2 doctor --json
	echo 'skipped: --json, for this was built without jansson'
fi

# The others.
run 0 bench --count=100
has 'allocate and free one  .* ns$'
# Objects of no bytes are objects.
run 0 bench --size=0
# Large objects, of which a million would take minutes.
if command -v timeout >/dev/null; then
	timeout 60 "$program" bench --size=100K --count=5 >/dev/null ||
		fail 'bench of large objects failed, or took a minute'
fi
# Sanitizers have handlers of their own for the signals, and refuse what is too
# large in their own words.
case "${ASAN_OPTIONS-}" in
*handle_segv=0*) ;;
*)
	run 0 demo
	has 'the source is wiped'
	has 'signal 11 '
	has 'signal 6 '
	has '"name":"demo"'
	case $err in
	*'sodium-arena: overflow: arena "demo"'*'offset 32'*) ;;
	*) fail 'no report of the overflow' ;;
	esac
	refuse_output demo
	# More than a word holds bytes; what failed is told.
	count=18446744073709551615
	"$program" doctor --count=$count >/dev/null 2>&1
	[ $? -ne 2 ] || count=4294967295
	run 1 bench --count=$count
	case $err in
	*'Cannot allocate memory') ;;
	*) fail 'the wrong reason' ;;
	esac
	;;
esac
if [ $can_be_poor -eq 0 ]; then
	poorly 0 demo
	poorly 0 bench
fi

# Completion, where there is bash.
if command -v bash >/dev/null; then
	out=$(bash -c '. "$1"
		COMP_WORDS=(sodium-arena d) COMP_CWORD=1
		_sodium_arena; echo "${COMPREPLY[*]}"
		COMP_WORDS=(sodium-arena doctor --js) COMP_CWORD=2
		_sodium_arena; echo "${COMPREPLY[*]}"' - \
		"$srcdir/tools/completion/sodium-arena") err=
	[ "$out" = 'doctor demo
--json' ] || fail 'completion'
fi

[ $failures -eq 0 ]
