#!/bin/sh
# SPDX-License-Identifier: ISC
# "make check-dist": "make dist" gives the same bytes whenever it is run, by
# whomever; and what it gives builds without autotools.
# Usage: check-dist.sh TARBALL, in the build folder; MAKE is set.
set -eu

tarball=$1
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp" && rm -rf "$tmp"' EXIT

fail()
{
	echo "check-dist: $*" >&2
	exit 1
}

# dist UMASK COPY
dist()
{
	(umask "$1" && ${MAKE:-make} dist >"$tmp/log" 2>&1) || {
		cat "$tmp/log"
		fail 'make dist failed'
	}
	mv "$tarball" "$tmp/$2"
}

dist 022 first.tar.gz
sleep 1
dist 077 second.tar.gz
cmp "$tmp/first.tar.gz" "$tmp/second.tar.gz" ||
	fail 'two runs of "make dist" give different bytes'
dated=$(SOURCE_DATE_EPOCH=86400 && export SOURCE_DATE_EPOCH &&
	dist 022 dated.tar.gz &&
	TZ=UTC tar --full-time -tvzf "$tmp/dated.tar.gz" |
	grep -cv ' 1970-01-02 00:00:00 ') || true
[ "$dated" = 0 ] || fail "SOURCE_DATE_EPOCH is ignored in $dated files"
echo "check-dist: $tarball: the same bytes"

# Who calls one of these leaves its name.
mkdir "$tmp/bin"
# shellcheck disable=SC2016 # $0 is theirs
for tool in aclocal autoconf autoheader autom4te automake autoreconf \
	autoscan libtoolize m4; do
	printf '#!/bin/sh\necho "$0" >>"%s"\nexit 1\n' "$tmp/called" \
		>"$tmp/bin/$tool"
	chmod +x "$tmp/bin/$tool"
done
for tool in aclocal automake; do
	for version in 1.15 1.16 1.17 1.18; do
		cp "$tmp/bin/$tool" "$tmp/bin/$tool-$version"
	done
done
tar -C "$tmp" -xzf "$tmp/first.tar.gz"
mkdir "$tmp/build"
cd "$tmp/build"
PATH=$tmp/bin:$PATH
(../"${tarball%.tar.gz}"/configure --disable-tests --disable-peers &&
	${MAKE:-make} &&
	${MAKE:-make} install DESTDIR="$tmp/root") >"$tmp/log" 2>&1 || {
	cat "$tmp/log"
	fail 'the tarball does not build'
}
! [ -e "$tmp/called" ] ||
	fail "the tarball wants autotools: $(sort -u "$tmp/called")"
examples/minimal >"$tmp/log" 2>&1 || {
	cat "$tmp/log"
	fail 'the tarball builds what does not run'
}
echo 'check-dist: builds without autotools'
