#!/bin/sh
# SPDX-License-Identifier: ISC
# "make lint": what gcc's analyzer, clang-tidy, cppcheck, clang-format,
# codespell and shellcheck have to say, which has to be nothing; and that every
# test stands in the lists of tests/check-valgrind.sh.  A tool that
# is not there is named and left out; without any, 77.
# In the build folder, for config.h; CC, flags and what configure found come
# from make: hooks (programs in examples) and bench (sources).
# shellcheck disable=SC2086 # flags are words
# shellcheck disable=SC2012,SC2016 # names here are plain; $ is for sh -c
# shellcheck disable=SC2317 # lint() calls all these functions
set -eu

srcdir=${srcdir:-.}
flags="${flags-} -std=gnu11 -I. -I$srcdir/include"
bench_flags="$flags ${bench_flags-} -I$srcdir/bench"
flags="$flags -I$srcdir/src"
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

# tidy CONFIGURATION FLAGS OPTION..., the files on standard input.  The
# configuration makes warnings errors.
tidy()
{
	configuration=$1 words=$2
	shift 2
	each 2 sh -c 'clang-tidy --quiet '"--config-file=$configuration $*"' \
		"$@" -- '"$words" sh
}

# sources FOLDER...: their C files, but those that need another library.
sources()
{
	for folder; do
		ls "$srcdir/$folder"/*.c
	done | grep -v '/examples/hook_'
}

tidy_library()
{
	sources src | grep -v '/format\.c$' | tidy "$srcdir/.clang-tidy" "$flags"
}

# bugprone-branch-clone
#                     Types that are one here are others elsewhere.
# clang-analyzer-valist.Uninitialized
#                     clang 14 does not follow a va_list into a struct.
tidy_format()
{
	echo "$srcdir/src/format.c" | tidy "$srcdir/.clang-tidy" "$flags" \
		--checks=-bugprone-branch-clone,-clang-analyzer-valist.Uninitialized
}

tidy_programs()
{
	{
		sources tests examples fuzz tools
		for hook in ${hooks-}; do
			echo "$srcdir/$hook.c"
		done
	} | tidy "$srcdir/tests/.clang-tidy" \
		"$flags -I$srcdir/tools ${hook_flags-}"
}

tidy_bench()
{
	for file in ${bench-}; do
		echo "$srcdir/$file"
	done | grep '\.c$' | tidy "$srcdir/tests/.clang-tidy" "$bench_flags"
}

# duplicateCondition  A thread's number may be had between two looks at it.
# nullPointerRedundantCheck
#                     That sa_fatal_impossible() does not return is not seen.
# redundantContinue   It is how an empty loop says so.
# variableScope       Variables are declared where a function begins.
# ctuuninitvar        What a function is about to fill was not filled before.
# uninitvar           Likewise, of arrays and text in structs.
check_sources()
{
	cppcheck --quiet --std=c11 --error-exitcode=1 -DHAVE_CONFIG_H \
		--enable=warning,style,performance,portability \
		--suppress=duplicateCondition:"$srcdir/src/shards.c" \
		--suppress=nullPointerRedundantCheck:"$srcdir/src/hold.c" \
		--suppress=nullPointerRedundantCheck:"$srcdir/src/pool.c" \
		--suppress=redundantContinue --suppress=variableScope \
		-I. -I"$srcdir/include" -I"$srcdir/src" "$srcdir/src" \
		"$srcdir/fuzz" "$srcdir/tools"
	cppcheck --quiet --std=c11 --error-exitcode=1 -DHAVE_CONFIG_H \
		--enable=warning,style,performance,portability \
		--suppress=redundantContinue --suppress=variableScope \
		--suppress=ctuuninitvar:"$srcdir/examples/search.c" \
		--suppress=uninitvar:"$srcdir/bench/measure.c" \
		--suppress=uninitvar:"$srcdir/bench/report.c" \
		--suppress=uninitvar:"$srcdir/examples/report.c" \
		-I. -I"$srcdir/include" -I"$srcdir/bench" \
		"$srcdir/examples" "$srcdir/bench"
}

# The header's structs are laid out by hand, a table of members.
format()
{
	clang-format --Werror --dry-run "$srcdir"/src/*.[ch] \
		"$srcdir"/tests/*.[ch] "$srcdir"/examples/*.[ch] \
		"$srcdir"/bench/*.[ch] "$srcdir"/bench/*/*.[ch] \
		"$srcdir"/fuzz/*.[ch] "$srcdir"/tools/*.[ch]
}

# crate               Rust's word for a library.
# fo, nd              mdoc's macros.
spell()
{
	cd "$srcdir" && codespell --skip '*.svg,*.tsv,*/corpus/*,*/target/*' \
		--ignore-words-list crate,fo,nd \
		README.md HACKING.md NEWS SECURITY.md configure.ac \
		Makefile.am bootstrap bench bindings cmake doc examples fuzz \
		gdb include man model proof src tests tools
}

scripts()
{
	shellcheck -x "$srcdir/bootstrap" "$srcdir"/tests/*.sh \
		"$srcdir"/fuzz/*.sh "$srcdir"/model/*.sh "$srcdir"/proof/*.sh \
		"$srcdir/tools/completion/sodium-arena"
	! [ -e "$srcdir/.ci/run" ] || shellcheck "$srcdir/.ci/run"
}

valgrind_lists()
{
	sh "$srcdir/tests/check-valgrind.sh" lists
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
lint 'clang-tidy, format.c' clang-tidy tidy_format
lint 'clang-tidy, programs' clang-tidy tidy_programs
lint 'clang-tidy, benchmarks' clang-tidy tidy_bench
lint cppcheck cppcheck check_sources
lint clang-format "$formatter" format
lint codespell codespell spell
lint shellcheck shellcheck scripts
lint "Valgrind's lists" valgrind valgrind_lists

[ $tried -eq 1 ] || exit 77
exit $status
