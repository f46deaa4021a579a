#!/bin/sh
# SPDX-License-Identifier: ISC
# Manual pages: each function of the header has a page of its name, which
# declares it as the header does; links lead to pages that name them; and
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

# One declaration a line, one blank between words, none beside a star.
declarations()
{
	tr '\n\t' '  ' | sed 's/;/;\n/g' |
		sed -n 's/ \{1,\}/ /g; s/ *\* */*/g; s/^ *//; s/( /(/g
			s/^extern //; /^[^(]*sa_[a-z_0-9]*(.*);$/p' |
		grep -v '^typedef' | LC_ALL=C sort
}

${CC:-cc} -E -P -D'__attribute__(x)=' "$srcdir/include/sodium_arena.h" |
	sed 's/^.*__extension__.*$//' | declarations |
	grep -E '[ *]sa_[a-z0-9_]+\(' >"$tmp/header" || true
[ -s "$tmp/header" ] || complain 'no function was found in the header'

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

[ $status -eq 0 ] || exit 1
if ! command -v mandoc >/dev/null; then
	echo 'skipped: mandoc is not here'
	exit 77
fi

mandoc -T lint -W warning $pages || complain 'mandoc has warnings'

# As a reader sees them.
for page in $families; do
	mandoc -T ascii -O width=200 "$page" | sed 's/.\x08//g' |
		sed -n '/^SYNOPSIS/,/^DESCRIPTION/p' | grep -v '#include\|^[A-Z]'
done | declarations >"$tmp/pages"
diff -u "$tmp/header" "$tmp/pages" ||
	complain '- declared in the header, + in a page'
exit $status
