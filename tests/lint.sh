#!/bin/sh
# SPDX-License-Identifier: ISC
# "make lint": what gcc's analyzer, clang-tidy, cppcheck, clang-format,
# codespell and shellcheck have to say, which has to be nothing.  A tool that
# is not there is named and left out; without any, 77.
# In the build folder, for config.h; CC and flags come from make.
# shellcheck disable=SC2086 # flags are words
# shellcheck disable=SC2012,SC2016 # names here are plain; $ is for sh -c
# shellcheck disable=SC2317 # lint() calls all these functions
set -eu

srcdir=${srcdir:-.}
flags="${flags-} -std=gnu11 -I. -I$srcdir/include -I$srcdir/src"
flags="$flags -I$srcdir/bench"
tried=0 status=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# lint NAME TOOL COMMAND...: the command's status says whether all is well.
lint()
{
	name=$1 tool=$2
	shift 2
	if ! command -v "$tool" >/dev/null; then
		echo "lint: $name: skipped, $tool was not found"
		return
	fi
	tried=1
	if "$@" >"$tmp/output" 2>&1; then
		echo "lint: $name: ok"
	else
		cat "$tmp/output"
		echo "lint: $name: NOT OK"
		status=1
	fi
}

# each N COMMAND...: with N of the files on standard input at a time.
each()
{
	count=$1
	shift
	xargs -P "$(getconf _NPROCESSORS_ONLN)" -n "$count" "$@"
}

analyze()
{
	ls "$srcdir"/src/*.c | each 4 sh -c '
		for file; do
			$0 -c -o /dev/null "$file" || exit 1
		done' "$gcc $flags -O2 -fanalyzer -Werror"
}

# tidy CONFIGURATION, the files on standard input.  The configuration makes
# warnings errors.
tidy()
{
	each 4 sh -c 'clang-tidy --quiet --config-file="$0" "$@" -- '"$flags" "$1"
}

tidy_library()
{
	ls "$srcdir"/src/*.c | tidy "$srcdir/.clang-tidy"
}

tidy_programs()
{
	ls "$srcdir"/tests/*.c "$srcdir"/bench/*.c "$srcdir"/examples/*.c |
		tidy "$srcdir/tests/.clang-tidy"
}

# duplicateCondition  A thread's number may be had between two looks at it.
# nullPointerRedundantCheck
#                     That sa_fatal_impossible() does not return is not seen.
# redundantContinue   It is how an empty loop says so.
# variableScope       Variables are declared where a function begins.
check_library()
{
	cppcheck --quiet --std=c11 --error-exitcode=1 -DHAVE_CONFIG_H \
		--enable=warning,style,performance,portability \
		--suppress=duplicateCondition:"$srcdir/src/shards.c" \
		--suppress=nullPointerRedundantCheck:"$srcdir/src/hold.c" \
		--suppress=redundantContinue --suppress=variableScope \
		-I. -I"$srcdir/include" -I"$srcdir/src" "$srcdir/src"
}

# The header's structs are laid out by hand, a table of members.
format()
{
	clang-format --Werror --dry-run "$srcdir"/src/*.[ch] \
		"$srcdir"/tests/*.[ch] "$srcdir"/examples/*.[ch] \
		"$srcdir"/bench/*.[ch] "$srcdir"/bench/allocators/*.[ch]
}

spell()
{
	cd "$srcdir" && codespell --skip '*.svg,*.tsv' \
		README.md HACKING.md NEWS SECURITY.md configure.ac \
		Makefile.am bootstrap bench doc examples include model \
		src tests
}

scripts()
{
	shellcheck -x "$srcdir/bootstrap" "$srcdir"/tests/*.sh \
		"$srcdir"/model/*.sh
	! [ -e "$srcdir/.ci/run" ] || shellcheck "$srcdir/.ci/run"
}

# Releases of clang-format differ in taste.
formatter=clang-format
case $(clang-format --version 2>/dev/null) in
*' 14.'*) ;;
?*) formatter='clang-format 14' ;;
esac
gcc=${CC:-gcc}
case $($gcc -v 2>&1) in
*'gcc version '*) ;;
*) gcc=gcc ;;
esac

lint "gcc -fanalyzer" "${gcc%% *}" analyze
lint 'clang-tidy, the library' clang-tidy tidy_library
lint 'clang-tidy, programs' clang-tidy tidy_programs
lint cppcheck cppcheck check_library
lint clang-format "$formatter" format
lint codespell codespell spell
lint shellcheck shellcheck scripts

[ $tried -eq 1 ] || exit 77
exit $status
