#!/bin/sh
# SPDX-License-Identifier: ISC
# Manual pages: each function of the headers has a page of its name, which
# declares it as its header does; links lead to pages that name them; the
# overview names each header, and what programs call of the adapters for other
# libraries; examples that are whole programs compile without a warning; and
# mandoc finds nothing to warn of.
# shellcheck disable=SC2086 # lists of pages are words
set -eu

srcdir=${srcdir:-.}
man=$srcdir/man
# Built in the source folder, links lie among the pages.
pages=$(grep -L '^\.so ' "$man"/*.[0-9] || true)
families=$(printf '%s\n' "$pages" | grep '\.3$')
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

complain()
{
	echo "$*"
	status=1
}

# Adapters hold inline functions alone; the other headers hold none.
adapters=$(grep -l '^static inline' "$srcdir"/include/*.h)
headers=$(grep -L '^static inline' "$srcdir"/include/*.h)

# One declaration a line, one blank between words, none beside a star, behind
# the name of the header.
declarations()
{
	tr '\n\t' '  ' | sed 's/;/;\n/g' |
		sed -n 's/ \{1,\}/ /g; s/ *\* */*/g; s/^ *//; s/( /(/g
			s/^extern //; /^[^(]*sa_[a-z_0-9]*(.*);$/p' |
		grep -v '^typedef' | sed "s/^/$1: /"
}

# What the file says itself, not what it includes.
own_lines()
{
	${CC:-cc} -E -I "$srcdir/include" -D'__attribute__(x)=' "$1" |
		awk -v name="\"$1\"" '
			/^# [0-9]+ "/ { is_own = index($0, name); next }
			is_own'
}

for header in $headers; do
	own_lines "$header" | declarations "$(basename "$header")"
done | LC_ALL=C sort >"$tmp/header"
for header in $headers; do
	grep -q "^$(basename "$header"): " "$tmp/header" ||
		complain "$header: no function was found"
done

sed -n 's/.*[ *]\(sa_[a-z0-9_]*\)(.*/\1/p' "$tmp/header" |
	while read -r name; do
		grep -q "^\\.Nm $name\\( ,\\)\\{0,1\\}\$" $families ||
			echo "$name: in no page"
	done >"$tmp/unnamed"
! [ -s "$tmp/unnamed" ] || complain "$(cat "$tmp/unnamed")"

# Links are made, each for its page, by what Makefile.am lists.
for page in $families; do
	main=$(basename "$page" .3)
	sed -n 's/^\.Nm \(sa_[a-z0-9_]*\).*/\1/p' "$page" | sort -u |
		while read -r name; do
			[ "$name" = "$main" ] && continue
			link=man/$name.3
			[ -e "$link" ] || { echo "$link: missing"; continue; }
			grep -qx "\\.so man3/$main\\.3" "$link" ||
				echo "$link: leads elsewhere"
		done
done >"$tmp/links"
! [ -s "$tmp/links" ] || complain "$(cat "$tmp/links")"

# Of an adapter, the overview names what the adapter itself does not use.
overview=$man/sodium-arena.7
for header in $headers $adapters "$srcdir"/include/*.hpp; do
	name=$(basename "$header")
	grep -Fqx ".It In $name" "$overview" || echo "$name: not in the overview"
done >"$tmp/overview"
for adapter in $adapters; do
	entries=$(sed '/^#/d' "$adapter" | ${CC:-cc} -E -P -x c - |
		grep -oE '\bsa_[a-z0-9_]+' | sort | uniq -u |
		grep -E "^sa_$(basename "$adapter" .h | sed 's/.*_//')_" ||
		true)
	[ "$entries" ] || echo "$adapter: nothing for programs to call"
	for entry in $entries; do
		grep -q "^\\.Fn $entry\\( ,\\)\\{0,1\\}\$" "$overview" ||
			echo "$entry: not in the overview"
	done
done >>"$tmp/overview"
! [ -s "$tmp/overview" ] || complain "$(cat "$tmp/overview")"

# What begins with #include is a whole program.
examples=0
for page in $pages; do
	program=$tmp/$(basename "$page").c
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh [^E]/p' "$page" |
		sed -n '/^#include/,/^\.Ed/p' |
		sed '/^\.Ed/d; s/^\\&//; s/\\e/\\/g' >"$program"
	[ -s "$program" ] || continue
	examples=$((examples + 1))
	${CC:-cc} ${TUTORIAL_CFLAGS-} -std=gnu11 -Wall -Wextra -Wpedantic \
		-Werror -I "$srcdir/include" -c -o "$tmp/example.o" \
		"$program" || complain "$page: its example does not compile"
done
[ $examples -gt 0 ] || complain 'no page has an example that is a program'

[ $status -eq 0 ] || exit 1
if ! command -v mandoc >/dev/null; then
	echo 'skipped: mandoc is not here'
	exit 77
fi

mandoc -T lint -W warning $pages || complain 'mandoc has warnings'

# As a reader sees them, behind the header that the page says to include.
for page in $families; do
	mandoc -T ascii -O width=200 "$page" | sed 's/.\x08//g' |
		sed -n '/^SYNOPSIS/,/^DESCRIPTION/p' | grep -v '#include\|^[A-Z]' |
		declarations "$(sed -n 's/^\.In //p' "$page")"
done | LC_ALL=C sort >"$tmp/pages"
diff -u "$tmp/header" "$tmp/pages" ||
	complain '- declared in a header, + in a page'
exit $status
