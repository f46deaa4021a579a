#!/bin/sh
# SPDX-License-Identifier: ISC
# "make check-deb": the tarball, and the same tree as a checkout, give Debian
# packages that lintian finds no fault with, of the same files; and with those
# installed debian/tests pass.  They are removed again.  77: not Debian, not
# root, or something of it is installed already.
# Usage: check-deb.sh TARBALL, in the build folder; srcdir comes from make.
set -eu

tarball=$PWD/$1
srcdir=${srcdir:-.}
name=$(basename "$1" .tar.gz)
version=${name##*-}
ours='libsodium-arena0 libsodium-arena-dev libsodium-arena-doc
	libsodium-arena0-dbgsym sodium-arena-tools sodium-arena-tools-dbgsym
	autopkgtest-satdep'

skip()
{
	echo "check-deb: skipped: $*"
	exit 77
}

[ "$(id -u)" -eq 0 ] || skip 'only root may install packages'
for tool in dpkg-buildpackage dh lintian autopkgtest; do
	command -v $tool >/dev/null || skip "$tool was not found"
done
# shellcheck disable=SC2086 # words
if dpkg-query -W -f '${db:Status-Abbrev}\n' $ours 2>/dev/null | grep -q ^i; then
	skip 'packages of this name are installed'
fi

tmp=$(mktemp -d)
# lintian and apt read as others.
chmod 755 "$tmp"
# shellcheck disable=SC2086 # words
trap 'dpkg --purge $ours >/dev/null 2>&1
	chmod -R u+w "$tmp" && rm -rf "$tmp"' EXIT

# Run a command; what it prints matters only if it fails.
run()
{
	"$@" >"$tmp/log" 2>&1 || {
		cat "$tmp/log"
		echo "check-deb: failed: $*" >&2
		exit 1
	}
}

# What is in each package, whoever built it.
list()
{
	for file in "$1"/*.deb; do
		basename "$file"
		dpkg-deb -c "$file" | awk '{ print $1, $6, $7, $8 }' | sort
	done
}

# Tests have run elsewhere.
DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)${DEB_BUILD_OPTIONS:+ }${DEB_BUILD_OPTIONS-}"
DEBIAN_FRONTEND=noninteractive
export DEB_BUILD_OPTIONS DEBIAN_FRONTEND
# What these hold is for this build alone.
unset MAKEFLAGS MFLAGS MAKELEVEL

mkdir "$tmp/tarball"
cp "$tarball" "$tmp/tarball/sodium-arena_$version.orig.tar.gz"
tar -C "$tmp/tarball" -xzf "$tarball"
(cd "$tmp/tarball/$name" && run dpkg-buildpackage -us -uc)
list "$tmp/tarball" >"$tmp/files"
echo "check-deb: built from $1"

if git -c safe.directory='*' -C "$srcdir" ls-files >/dev/null 2>&1; then
	mkdir -p "$tmp/checkout/$name"
	git -c safe.directory='*' -C "$srcdir" ls-files -z --cached --others \
		--exclude-standard |
		tar -C "$srcdir" --null --files-from - --create |
		tar -C "$tmp/checkout/$name" --extract
	(cd "$tmp/checkout/$name" && run dpkg-buildpackage -us -uc -b)
	list "$tmp/checkout" | run diff "$tmp/files" -
	echo 'check-deb: built from the checkout: the same files'
fi

# Only an upload to Debian has a bug to close, and a debian/ of its own.
run lintian --fail-on error,warning --tag-display-limit 0 \
	--suppress-tags initial-upload-closes-no-bugs,no-debian-changes \
	"$tmp"/tarball/*.changes
echo 'check-deb: lintian has no word to say'

# What the tests find of make's they would take for theirs.
unset srcdir
run autopkgtest --no-built-binaries "$tmp"/tarball/*.deb \
	"$tmp/tarball/$name/" -- null
sed -n 's/^\([a-z]* *PASS\)$/check-deb: debian\/tests: \1/p' "$tmp/log" | sort -u
