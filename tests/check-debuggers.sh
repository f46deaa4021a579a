#!/bin/sh
# SPDX-License-Identifier: ISC
# Memory debuggers tell of mistakes with arena objects: each of
# tests/debuggee.c's deeds is done under memcheck and AddressSanitizer, and the
# report has to name the fault, the function that commits it and the one that
# allocated the object.  What is no mistake is told of by none of them, nor by
# helgrind, DRD and ThreadSanitizer.
# shellcheck disable=SC2086 # flags are words
set -eu

srcdir=${srcdir:-.}
SHELL=${SHELL:-/bin/sh}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0 done=0 skipped=
# Makes addresses the same each time; configure.ac says why.
same_addresses=${same_addresses-}

if [ -n "${SANITIZE-}" ]; then
	echo 'skipped: the library itself is instrumented'
	exit 77
fi
if ! grep -q '^#define HAVE_SANITIZER_ASAN_INTERFACE_H 1' config.h; then
	echo 'skipped: built without annotations'
	exit 77
fi

# compile NAME FLAG...: the program with these flags; false if it cannot be
# made, or does not run.
compile()
{
	name=$1
	shift
	$SHELL ./libtool --quiet --tag=CC --mode=link ${CC:-cc} -std=gnu11 \
		-Wall -Wextra -gdwarf-4 -O0 -fno-omit-frame-pointer "$@" \
		-I"$srcdir/include" -pthread -o "$tmp/$name" \
		"$srcdir/tests/debuggee.c" libsodium-arena.la \
		${SODIUM_LIBS:--lsodium} -no-install >"$tmp/output" 2>&1 ||
		return 1
	run "./$name" behave
	[ "$status" -eq 0 ]
}

# Sets status; the report is in $tmp/report.
run()
{
	status=0
	# The shell itself tells of signals.
	{
		(cd "$tmp" && exec $same_addresses "$@") \
			>"$tmp/report" 2>&1 </dev/null ||
			status=$?
	} 2>/dev/null
	# Valgrind 3.19 does not read all of what clang 14 says of the library.
	sed -i -e '/^###* *unhandled dwarf2/d' -e '/^get_Form_/d' \
		-e '/^--[0-9]*-- /d' "$tmp/report"
}

complain()
{
	failed=1
	echo "$deed: $*"
	sed 's/^/	/' "$tmp/report"
}

# expect PATTERN...: the report has lines that match them, in that order.
expect()
{
	cp "$tmp/report" "$tmp/rest"
	for pattern in "$@"; do
		line=$(grep -nE -m 1 -e "$pattern" "$tmp/rest" | cut -d: -f1)
		if [ -z "$line" ]; then
			complain "the report lacks: $pattern"
			return 0
		fi
		sed "1,${line}d" "$tmp/rest" >"$tmp/left"
		mv "$tmp/left" "$tmp/rest"
	done
	done=$((done + 1))
}

# What a debugger says when there is nothing to say.
expect_silence()
{
	if [ "$status" -ne 0 ] || [ -s "$tmp/report" ]; then
		complain "status $status, and the report should be empty"
	else
		done=$((done + 1))
	fi
}

# deed | what the report calls it | who commits it | where the address is | who
# else is named: L allocate_it and F release_it, R resize_it, P end_pool
deeds='copy-behind read memmove|copy_behind 0.behind.24 L
free-inside free release_it 16.inside.32 L
free-large-twice free release_it 0.inside.20000 LF
free-twice free release_it 0.inside.32 LF
free-twice-in-pool free release_it 0.inside.41 LF
read-after-pool read read_it 5.inside.41 LP
read-behind read read_it 0.behind.33 L
read-behind-reopened read read_it 0.behind.32 L
read-freed read read_it 5.inside.32 LF
read-freed-in-pool read read_it 5.inside.41 LF
read-freed-large read read_it 5.inside.20000 LF
read-moved read read_it 5.inside.32 LR
read-reset read read_it 0.inside.32 LS
read-shrunk read read_it 0.behind.35 L
write-before write write_it 1.before.33 L
write-before-large write write_it 1.before.20000 L
write-behind write write_it 0.behind.33 L
write-behind-in-pool write write_it 0.behind.41 L
write-behind-large write write_it 0.behind.20001 L
write-behind-of-many write write_it 0.behind.33 L
write-freed write write_it 5.inside.32 LF'

function_of()
{
	case $1 in
	*F) echo release_it ;;
	*P) echo end_pool ;;
	*R) echo resize_it ;;
	*S) echo read_reset ;;
	esac
}

# 20000 as memcheck writes it.
with_comma()
{
	echo "$1" | sed 's/\(.*[0-9]\)\([0-9]\{3\}\)$/\1,\2/'
}

expect_memcheck()
{
	size=$(with_comma "$size")
	case $kind in
	free) first='Invalid free\(\)' ;;
	*) first="Invalid $kind of size" ;;
	esac
	case $where in
	behind) where=after ;;
	esac
	freer=$(function_of "$named")
	if [ -n "$freer" ]; then
		expect "$first" "(at|by) .*: ($culprit) " \
			"is $offset bytes $where a block of size $size free'd" \
			"by .*: $freer " "Block was alloc'd at" \
			'by .*: allocate_it '
	else
		expect "$first" "(at|by) .*: ($culprit) " \
			"is $offset bytes $where a block of size $size " \
			'by .*: allocate_it '
	fi
}

expect_asan()
{
	case $kind-$deed in
	free-free-inside) first='sodium-arena: invalid pointer' ;;
	free-*) first='sodium-arena: double free' ;;
	*-read-freed-large) first='AddressSanitizer: SEGV' ;;
	*) first='AddressSanitizer: use-after-poison' ;;
	esac
	set -- "$first" "#[0-9]+ .* ($culprit) " "is $offset bytes $where \
an object of $size bytes of arena \"vault\"" 'allocated here' \
		'#[0-9]+ .* allocate_it '
	freer=$(function_of "$named")
	if [ -n "$freer" ]; then
		set -- "$@" 'freed here' "#[0-9]+ .* $freer "
	fi
	expect "$@"
}

# commit_all JUDGE COMMAND...: every deed, some in a single-threaded arena too.
commit_all()
{
	judge=$1
	shift
	for flag in shared single; do
		while read -r deed kind culprit place named; do
			case $flag-$deed in
			single-*-reopened | single-free-twice) ;;
			single-*) continue ;;
			esac
			offset=${place%%.*}
			size=${place##*.}
			where=${place#*.}
			where=${where%.*}
			run "$@" "$deed" "$flag"
			"$judge"
		done <<-EOF
			$deeds
		EOF
	done
}

behave()
{
	for deed in behave behave-and-destroy behave-in-pool share; do
		run "$@" "$deed"
		expect_silence
	done
	deed=behave-and-destroy
	run "$@" "$deed" single
	expect_silence
}

check_memcheck()
{
	set -- valgrind -q --leak-check=full --errors-for-leak-kinds=definite
	commit_all expect_memcheck "$@" ./plain
	for deed in leak leak-large; do
		run "$@" ./plain "$deed"
		case $deed in
		leak) expect '800 bytes in 4 blocks are definitely lost' \
			'by .*: allocate_it ' 'by .*: lose ' ;;
		*) expect '80,000 bytes in 4 blocks are definitely lost' \
			'by .*: allocate_it ' 'by .*: lose ' ;;
		esac
	done
	behave "$@" --error-exitcode=9 ./plain
	# The same without being told: nothing but the library's own reports.
	for deed in write-behind read-freed leak; do
		run env SODIUM_ARENA_ANNOTATE=0 "$@" ./plain "$deed"
		expect_silence
	done
}

check_asan()
{
	ASAN_OPTIONS=detect_leaks=0
	export ASAN_OPTIONS
	commit_all expect_asan ./asan
	behave ./asan
	for deed in write-behind read-freed; do
		run env SODIUM_ARENA_ANNOTATE=0 ./asan "$deed"
		expect_silence
	done
	unset ASAN_OPTIONS
	for deed in leak leak-large; do
		run ./asan "$deed"
		expect 'sodium-arena: alive at exit: 4 objects, 8(00|0000) ' \
			'allocated here' '#[0-9]+ .* allocate_it ' '#.* lose '
	done
	deed=behave-and-destroy
	run ./asan "$deed"
	expect_silence
}

# It needs to know the loader's functions: a package of debugging information,
# for another processor's programs than its own.
valgrind_starts()
{
	run valgrind -q ./plain behave
	! grep -q 'Fatal error at startup' "$tmp/report"
}

if compile plain; then
	:
else
	cat "$tmp/output" "$tmp/report" 2>/dev/null
	echo 'the program does not work'
	exit 1
fi
if command -v valgrind >/dev/null 2>&1 &&
	grep -q '^#define HAVE_VALGRIND_MEMCHECK_H 1' config.h &&
	valgrind_starts; then
	check_memcheck
	for tool in helgrind drd; do
		behave valgrind -q --tool=$tool --error-exitcode=9 ./plain
	done
else
	skipped="$skipped valgrind"
fi
# The counters of a library that is shared cannot be reached from outside.
if compile asan -fsanitize=address \
	${COVERAGE:+"$COVERAGE" -static -DCOUNTED}; then
	check_asan
else
	skipped="$skipped address-sanitizer"
fi
if compile tsan -fsanitize=thread; then
	behave ./tsan
else
	skipped="$skipped thread-sanitizer"
fi

echo "$done reports as they should be"
[ -z "$skipped" ] || echo "skipped:$skipped"
[ "$failed" -eq 0 ] || exit 1
[ "$done" -ne 0 ] || exit 77
