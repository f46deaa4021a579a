#!/bin/sh
# SPDX-License-Identifier: ISC
# The Rust crate builds with the library just built, and passes its tests; 77
# where there is no cargo.  Nothing is downloaded.
set -eu

skip()
{
	echo "skipped: $*"
	exit 77
}

# Sets library_names: empty when only the static library was built.
# shellcheck source=/dev/null
. ./libsodium-arena.la
[ -n "$library_names" ] || skip 'no shared library was built'
[ -z "${SANITIZE-}" ] || skip 'Rust programs are not linked with sanitizers'
PATH=$PATH:${CARGO_HOME:-${HOME-}/.cargo}/bin
command -v cargo >/dev/null || skip 'there is no cargo'
arch=$(rustc --print cfg | sed -n 's/^target_arch="\(.*\)"/\1/p')
case $arch in
riscv*) macro=__riscv ;;
x86) macro=__i386__ ;;
*) macro=__${arch}__ ;;
esac
# shellcheck disable=SC2086 # flags are words
echo | ${CC:-cc} ${flags-} -dM -E - | grep -q "^#define $macro " ||
	skip "rustc compiles for $arch, and this build is for another processor"

# The trait is not stable yet.
RUSTC_BOOTSTRAP=1
# cargo would give its build of this very crate to others.
SODIUM_ARENA_LIB_DIR=$PWD/.libs
LD_LIBRARY_PATH=$PWD/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
CARGO_TARGET_DIR=$PWD/bindings/rust/target
export RUSTC_BOOTSTRAP SODIUM_ARENA_LIB_DIR LD_LIBRARY_PATH CARGO_TARGET_DIR

# Warnings are not for a newer compiler to fail by.
echo '#![feature(allocator_api)] use std::alloc::Allocator;
	pub fn f<A: Allocator>(a: A) -> A { a }' >check-rust.rs
trap 'rm -f check-rust.rs check-rust.rmeta' EXIT
rustc --crate-type lib --emit metadata -o check-rust.rmeta check-rust.rs ||
	skip 'this compiler has no Allocator trait'

# cargo writes beside the sources, which may be read-only.
rm -rf bindings/rust/crate
mkdir -p bindings/rust/crate
(cd "${srcdir:-.}/bindings/rust" && tar -cf - Cargo.toml build.rs src tests) |
	tar -xf - -C bindings/rust/crate
chmod -R u+w bindings/rust/crate
cargo test --offline --manifest-path bindings/rust/crate/Cargo.toml
