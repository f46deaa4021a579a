#!/bin/bash
# SPDX-License-Identifier: ISC
# Build for another processor with Debian's cross compilers, and run the tests
# under qemu-user, or as they are where the kernel runs both (i386 on amd64).
# Usage: cross.sh ARCH [TEST...]; ARCH is Debian's name of it.  As root or with
# sudo, after ./bootstrap, on Debian 12; libraries of the other processor go to
# a temporary folder, not to the system.  KEEP=FOLDER works there and keeps it;
# JOBS=N instead of one for each processor.
# shellcheck disable=SC2046,SC2086 # lists are words
# shellcheck disable=SC2317 # quietly() calls functions
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)

die()
{
	echo "cross: $*" >&2
	exit 1
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# host: GNU's name; multiarch: Debian's folder; emulator: none where the kernel
# does it itself.
arch=${1-}
case $arch in
i386) host=i686-linux-gnu multiarch=i386-linux-gnu emulator=i386 ;;
arm64) host=aarch64-linux-gnu emulator=aarch64 ;;
armhf) host=arm-linux-gnueabihf emulator=arm ;;
ppc64el) host=powerpc64le-linux-gnu emulator=ppc64le ;;
s390x) host=s390x-linux-gnu emulator=s390x ;;
*) die 'which? i386, arm64, armhf, ppc64el, s390x' ;;
esac
shift
multiarch=${multiarch-$host}
[ "$arch:$(uname -m)" != i386:x86_64 ] || emulator=
[ -x "$root/configure" ] || die 'run ./bootstrap first'

export DEBIAN_FRONTEND=noninteractive
if [ -n "${KEEP-}" ]; then
	mkdir -p "$KEEP"
	tmp=$(cd "$KEEP" && pwd)
else
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
fi
# Some tests become an ordinary user, and want to read this.
chmod 755 "$tmp"

install_tools()
{
	local packages=(make pkg-config "gcc-${host/_/-}" "g++-${host/_/-}"
		"libc6-dev-$arch-cross")

	# Its loader where programs look for it, or what plays the processor.
	packages+=("${emulator:+qemu-user-static}")
	[ -n "$emulator" ] || packages[-1]=libc6-i386
	dpkg -s "${packages[@]}" >/dev/null 2>&1 ||
		as_root apt-get install -y --no-install-recommends \
			"${packages[@]}"
}

# apt-get for the other processor, with lists of its own.
foreign()
{
	apt-get -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
		-o Dir::State="$tmp/apt" -o Dir::State::status="$tmp/apt/status" \
		-o Dir::Cache="$tmp/apt" -o Acquire::Languages=none "$@"
}

unpack_libraries()
{
	local package

	mkdir -p "$tmp/apt/lists/partial" "$tmp/apt/archives/partial" \
		"$tmp/debs" "$tmp/sysroot"
	: >"$tmp/apt/status"
	foreign update
	(cd "$tmp/debs" && foreign download libsodium-dev libsodium23 check \
		libsubunit-dev libsubunit0)
	for package in "$tmp"/debs/*.deb; do
		dpkg -x "$package" "$tmp/sysroot"
	done
}

# What `make check` puts before each test program.
runner()
{
	[ -z "$emulator" ] ||
		echo "qemu-$emulator-static -L /usr/$host" \
			"-E LD_LIBRARY_PATH=$libraries"
}

# Scripts would start what was built without the emulator.
tests_for_emulator()
{
	# shellcheck disable=SC2016 # make expands it
	printf 'include Makefile\nall-tests:\n\t@echo $(TESTS)\n' |
		make -s -f - all-tests | tr ' ' '\n' |
		grep -vE '/check-(cmake|command|corpus|debuggers|gdb|hooks|tutorial)\.' |
		tr '\n' ' '
}

quietly()
{
	"$@" >"$tmp/log" 2>&1 || {
		cat "$tmp/log"
		die "failed: $*"
	}
}

quietly install_tools
libraries=$tmp/sysroot/usr/lib/$multiarch
[ -d "$tmp/sysroot" ] || quietly unpack_libraries
# The compiler's own; not the C library beside them, which the loader finds.
ln -sf /usr/"$host"/lib/{libgcc_s.so.1,libstdc++.so.6} "$libraries/"
export PKG_CONFIG_LIBDIR=$libraries/pkgconfig
export PKG_CONFIG_SYSROOT_DIR=$tmp/sysroot
export LDFLAGS="-Wl,-rpath-link,$libraries"
mkdir -p "$tmp/build"
cd "$tmp/build"
[ -e Makefile ] || quietly "$root/configure" --host="$host" \
	PKG_CONFIG=pkg-config --enable-werror --disable-peers \
	CPPFLAGS="-isystem $tmp/sysroot/usr/include"
jobs=${JOBS-$(nproc)}
quietly make -j"$jobs"
quietly make -j"$jobs" bench/sodium-arena-bench
status=0
export VERBOSE=1
tests=$*
if [ -n "$emulator" ]; then
	# Emulation is slow.
	export CK_TIMEOUT_MULTIPLIER="${CK_TIMEOUT_MULTIPLIER-10}"
	tests=${tests:-$(tests_for_emulator)}
else
	# The build's own tools pass over libraries of another processor.
	export LD_LIBRARY_PATH=$libraries
fi
make -k -j"$jobs" check LOG_COMPILER="$(runner)" ${tests:+TESTS="$tests"} \
	>"$tmp/log" 2>&1 || status=$?
grep -aE '^((PASS|FAIL|SKIP|ERROR): |# [A-Z]+: )' "$tmp/log" || cat "$tmp/log"
grep -ahE '^(skipped: |.*:[FE]:)' tests/*.log || true
if [ -n "$emulator" ] && [ $# -eq 0 ]; then
	for target in operations options; do
		$(runner) "fuzz/replay-$target" "$root/fuzz/corpus/$target" ||
			status=1
	done
fi
exit $status
