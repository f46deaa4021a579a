#!/bin/sh
# SPDX-License-Identifier: ISC
# "make check-musl": the library compiles with musl without a warning, and
# calls no function of the C library that musl lacks.  77: no musl-gcc.
# In the build folder, for config.h; srcdir and flags come from make.
# shellcheck disable=SC2086 # flags are words
set -eu

srcdir=${srcdir:-.}
if ! command -v musl-gcc >/dev/null; then
	echo 'check-musl: skipped, musl-gcc was not found'
	exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# libsodium's headers alone: what lies beside them is another C library's.
mkdir "$tmp/include"
header=$(echo '#include <sodium.h>' | ${CC:-cc} ${flags-} -E - |
	sed -n 's/^# [0-9]* "\(.*\/sodium\.h\)".*/\1/p' | head -n 1)
ln -s "$header" "${header%.h}" "$tmp/include/"

for file in "$srcdir"/src/*.c; do
	name=$(basename "$file" .c)
	musl-gcc ${flags-} -Werror -O2 -fPIC -I. -I"$srcdir/include" \
		-I"$srcdir/src" -I"$tmp/include" -c "$file" -o "$tmp/$name.o"
done

# All that is left undefined but libsodium's has to be musl's or gcc's.
echo 'int main(void) { return 0; }' >"$tmp/main.c"
if ! musl-gcc "$tmp/main.c" "$tmp"/*.o -o "$tmp/main" -Wl,-z,now \
	-Wl,--warn-unresolved-symbols 2>"$tmp/messages"; then
	cat "$tmp/messages"
	exit 1
fi
missing=$(sed -n "s/.*undefined reference to .\([A-Za-z0-9_]*\).*/\1/p" \
	"$tmp/messages" | grep -vE '^(sodium|randombytes|crypto)_' |
	sort -u || true)
if [ -n "$missing" ]; then
	echo "check-musl: not there:" $missing
	exit 1
fi
echo 'check-musl: ok'
