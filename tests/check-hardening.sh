#!/bin/sh
# SPDX-License-Identifier: ISC
# The shared library is hardened in the ways that configure found possible and
# CFLAGS did not turn off; every source would be fortified when optimized.
set -eu

# Sets library_names: empty when only the static library was built.
# shellcheck source=/dev/null
. ./libsodium-arena.la
if [ -z "$library_names" ]; then
	echo 'no shared library was built'
	exit 77
fi
case " ${flags=} " in
*' -fsanitize='*)
	echo 'sanitizers bring what they need'
	exit 77
	;;
esac
readelf=${READELF:-readelf}
if ! command -v "$readelf" >/dev/null; then
	echo "$readelf was not found"
	exit 77
fi

srcdir=${srcdir:-.}
library=.libs/${library_names%% *}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

complain()
{
	echo "$library: $*"
	status=1
}

# Does the last flag that is $1 or $2 say $1?
is_on()
{
	on=1
	for flag in $flags; do
		case $flag in
		"$1") on=0 ;;
		"$2") on=1 ;;
		esac
	done
	return $on
}

has()
{
	grep -qE "$1" "$tmp/$2"
}

$readelf -lW "$library" >"$tmp/segments"
$readelf -dW "$library" >"$tmp/dynamic"
$readelf --dyn-syms -W "$library" >"$tmp/symbols"

has 'GNU_RELRO' segments || complain 'no RELRO'
has '(BIND_NOW|FLAGS_1.* NOW)' dynamic || complain 'symbols are bound late'
has 'GNU_STACK' segments || complain 'says nothing of the stack'
! has 'GNU_STACK.* RWE ' segments || complain 'an executable stack'
! has 'LOAD.* RWE ' segments || complain 'memory writable and executable'
has 'FLAGS_1.* NODELETE' dynamic || complain 'can be unloaded'
! has '(TEXTREL|RPATH|RUNPATH)' dynamic || complain 'text relocations or rpath'

if is_on -fstack-protector-strong -fno-stack-protector; then
	has 'UND __stack_chk_fail' symbols || complain 'no stack protector'
fi

# Each object must say so; what the linker says of the whole also depends on
# the C library's start files.
for object in src/.libs/*.o; do
	$readelf -nW "$object" >"$tmp/notes"
	if is_on -fcf-protection=full -fcf-protection=none; then
		has 'IBT, SHSTK' notes || complain "$object: no CET"
	fi
	if is_on -mbranch-protection=standard -mbranch-protection=none; then
		has 'BTI, PAC' notes || complain "$object: no BTI"
	fi
done

# config.h fortifies, so it has to come first.
for file in "$srcdir"/src/*.c; do
	[ "$(sed -n 's/^#include *//p' "$file" | head -n 1)" = '<config.h>' ] ||
		complain "$file: config.h is not its first header"
done
echo '#include <config.h>' >"$tmp/empty.c"
# fortify FLAG...: what _FORTIFY_SOURCE is after config.h.
fortify()
{
	${CC:-cc} -I. -U_FORTIFY_SOURCE "$@" -E -dM "$tmp/empty.c" |
		sed -n 's/^#define _FORTIFY_SOURCE //p'
}
case $(fortify -O2) in
[23]) ;;
*) complain 'not fortified' ;;
esac
[ "$(fortify -O2 -D_FORTIFY_SOURCE=1)" = 1 ] ||
	complain "the user's _FORTIFY_SOURCE is not respected"
[ -z "$(fortify -O0)" ] || complain 'fortified without optimization'

exit $status
