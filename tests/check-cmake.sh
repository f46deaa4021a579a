#!/bin/sh
# SPDX-License-Identifier: ISC
# A CMake project finds the installed library, and no other version of it;
# both of its programs run.  Without arguments, what was built here is
# installed into a folder of its own first.
# Usage: check-cmake.sh [DESTDIR LIBDIR]
set -eu

srcdir=${srcdir:-$(dirname "$0")/..}
srcdir=$(cd "$srcdir" && pwd)
if ! command -v cmake >/dev/null; then
	echo 'skipped: cmake is not here'
	exit 77
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fail()
{
	cat "$tmp/log"
	echo "check-cmake: $*"
	exit 1
}

if [ $# -eq 0 ]; then
	${MAKE:-make} install DESTDIR="$tmp/root" >"$tmp/log" 2>&1 ||
		fail 'not installed'
	set -- "$tmp/root" "$(sed -n "s/^libdir='\(.*\)'/\1/p" \
		libsodium-arena.la)"
fi
destdir=$1 libdir=$2
version=$(sed -n 's/^#define SODIUM_ARENA_VERSION_STRING "\(.*\)"/\1/p' \
	"$srcdir/include/sodium_arena.h")
major=${version%%.*} rest=${version#*.}
minor=${rest%%.*}

# What these hold is for the project alone.
unset MAKEFLAGS MFLAGS MAKELEVEL
cmake -S "$srcdir/tests/cmake" -B "$tmp/build" \
	-Dsodium-arena_DIR="$destdir$libdir/cmake/sodium-arena" \
	-DFIRST_DIR="$destdir$libdir/cmake/sodium-arena" \
	-DVERSION="$version" -DTOO_NEW="$major.$minor.999" \
	-DOTHER_SERIES="$((major + 1)).0.0;0.$((minor + 1)).0" \
	-DCMAKE_C_COMPILER="$(command -v "${CC:-cc}" || echo cc)" \
	-DCMAKE_C_FLAGS="${SA_SANITIZE-}" \
	-DCMAKE_EXE_LINKER_FLAGS="${LDFLAGS-} ${COVERAGE-}" >"$tmp/log" 2>&1 ||
	fail 'cmake found no library'
cmake --build "$tmp/build" >"$tmp/log" 2>&1 || fail 'nothing was built'
LD_LIBRARY_PATH=$destdir$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
for program in user user-static; do
	[ -x "$tmp/build/$program" ] || continue
	"$tmp/build/$program" >"$tmp/log" 2>&1 || fail "$program failed"
	echo "check-cmake: $program: ok"
done
[ -x "$tmp/build/user" ]
