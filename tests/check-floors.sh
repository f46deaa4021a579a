#!/bin/sh
# SPDX-License-Identifier: ISC
# The house stands: a file of src/ includes only its own floor and those below
# it, only os.c maps memory, few files know libsodium, none knows the heap.
set -eu

cd "${srcdir:-.}/src"
exec awk '
BEGIN {
	stands(0, "annotate backtrace bits fatal holders line probe")
	stands(1, "lock os proc signals terminal thread")
	stands(2, "history meta region report")
	stands(3, "bitmap canary counters mark random sizeclass vmname zero")
	stands(4, "large pagemap slab tract verify")
	stands(5, "access arena fault found growth hold huge larges object " \
		"pools preflight registry resize shard shards slabs stats supply sweep " \
		"veil")
	stands(6, "api buffer format lifetime malloc passphrase pool")
	may_include["sys/mman.h"] = " os.c "
	may_include["sodium.h"] = " api.c buffer.c random.c region.c registry.c zero.c "
	heap = "malloc|calloc|realloc|reallocarray|free|aligned_alloc|" \
		"posix_memalign|memalign|strdup|strndup|asprintf|vasprintf"
	heap = "(^|[^A-Za-z0-9_>.])(" heap ")[ \t]*[(]"
}

function stands(level, nouns,   noun, count, i)
{
	count = split(nouns, noun, " ")
	for (i = 1; i <= count; i++)
		floor[noun[i]] = level
}

function complain(what)
{
	printf "src/%s:%d: %s\n", file, FNR, what
	failed = 1
}

function check_include(header,   noun)
{
	if (header in may_include && !index(may_include[header], " " file " "))
		complain(header " may not be included here")
	noun = header
	if (!sub(/[.]h$/, "", noun) || !(noun in floor))
		return
	includes++
	if (floor[noun] > floor[self])
		complain("floor " floor[self] " includes " header ", of floor " \
			floor[noun])
}

# The line without strings, characters and comments.
function code_of(line,   code, c, end)
{
	while (line != "") {
		if (in_comment) {
			end = index(line, "*/")
			if (!end)
				return code
			line = substr(line, end + 2)
			in_comment = 0
		} else if (line ~ /^\/\//) {
			return code
		} else if (line ~ /^\/[*]/) {
			line = substr(line, 3)
			in_comment = 1
		} else if (match(line, /^"([^"\\]|\\.)*"/) ||
			   match(line, /^\047([^\047\\]|\\.)*\047/)) {
			line = substr(line, RLENGTH + 1)
			code = code " \"\" "
		} else {
			code = code substr(line, 1, 1)
			line = substr(line, 2)
		}
	}
	return code
}

FNR == 1 {
	in_comment = 0
	file = substr(FILENAME, 3)
	self = file
	sub(/[.][ch]$/, "", self)
	if (!(self in floor)) {
		complain("stands on no floor: add it to check-floors.sh")
		floor[self] = 6
	}
	files++
}

match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]+/) && !in_comment {
	header = substr($0, RSTART, RLENGTH)
	sub(/.*[<"]/, "", header)
	check_include(header)
}

code_of($0) ~ heap {
	complain("the heap is not for the library")
}

END {
	printf "%d files, %d includes of one another\n", files, includes
	exit failed || !files || !includes
}
' ./*.[ch]
