#!/bin/sh
# SPDX-License-Identifier: ISC
# The shared library exports the functions that the installed headers declare:
# all of them and nothing else; the version script lists the same, and Debian's
# list of symbols where it is at hand.
set -eu

srcdir=${srcdir:-.}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Sets library_names: empty when only the static library was built.
# shellcheck source=/dev/null
. ./libsodium-arena.la
if [ -z "$library_names" ]; then
	echo 'no shared library was built'
	exit 77
fi

# Without comments, a name before a parenthesis is a function's.  Headers for
# other libraries' hooks hold inline functions alone.
for header in "$srcdir"/include/*.h; do
	case $header in
	*_gcrypt.h | *_gmp.h | *_lua.h | *_openssl.h | *_sqlite.h) continue ;;
	esac
	${CC:-cc} -E -P -I "$srcdir/include" "$header"
done |
	grep -oE '(^|[^A-Za-z0-9_])sa_[a-z0-9_]+[[:space:]]*\(' |
	grep -oE 'sa_[a-z0-9_]+' | LC_ALL=C sort -u >"$tmp/header"

# Type A is the version node itself.
${NM:-nm} -D --defined-only ".libs/${library_names%% *}" |
	awk '$(NF - 1) != "A" { sub(/@.*/, "", $NF); print $NF }' |
	LC_ALL=C sort -u >"$tmp/library"

sed -n 's/^[[:space:]]*\(sa_[a-z0-9_]*\);.*/\1/p' \
	"$srcdir/src/libsodium-arena.map" | LC_ALL=C sort -u >"$tmp/map"

debian=$srcdir/debian/libsodium-arena0.symbols
lists='library map'
if [ -e "$debian" ]; then
	lists="$lists package"
	sed -n 's/^ \(sa_[a-z0-9_]*\)@.*/\1/p' "$debian" |
		LC_ALL=C sort -u >"$tmp/package"
fi

status=0
for list in header $lists; do
	if ! [ -s "$tmp/$list" ]; then
		echo "no function was found in the $list"
		status=1
	fi
done
for list in $lists; do
	if ! (cd "$tmp" && diff -u header "$list"); then
		echo "- declared in the headers, + in the $list"
		status=1
	fi
done
exit $status
