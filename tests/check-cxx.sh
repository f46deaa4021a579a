#!/bin/sh
# SPDX-License-Identifier: ISC
# sodium_arena.hpp needs no other header before it, and gives no warning: as
# C++17, as C++20, and without run-time types.  Its pointers own what is not
# complete yet.
set -eu

if [ -z "${CXX-}" ]; then
	echo 'skipped: configure found no C++17 compiler'
	exit 77
fi

source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
cat >"$source/alone.cc" <<'END'
#include <sodium_arena.hpp>

template class sodium_arena::allocator<int>;
template class sodium_arena::deleter<int>;
template class sodium_arena::deleter<sodium_arena::string>;
template class sodium_arena::deleter<sodium_arena::string[]>;

/* Owned before it is known what it is, moved, and handed over. */
struct hidden;
struct owner {
	sodium_arena::unique_ptr<hidden> one;
	sodium_arena::unique_ptr<hidden[]> many;
	sodium_arena::unique_ptr<owner> next;

	owner(owner &&other) noexcept;
	~owner();
};
struct hidden {
	virtual ~hidden() = default;
};
owner::owner(owner &&other) noexcept = default;
owner::~owner() = default;
END

status=0
for flags in -std=c++17 -std=c++20 '-std=c++17 -fno-rtti'; do
	# shellcheck disable=SC2086 # flags are words
	if ! $CXX $flags -x c++ -fsyntax-only - </dev/null 2>/dev/null; then
		echo "$flags: skipped, $CXX does not know it"
	elif $CXX $flags -Wall -Wextra -Wshadow -Wconversion -Werror \
		-pedantic-errors -fsyntax-only -I "${srcdir:-.}/include" \
		"$source/alone.cc"; then
		echo "$flags: ok"
	else
		echo "$flags: sodium_arena.hpp does not compile"
		status=1
	fi
done
exit $status
