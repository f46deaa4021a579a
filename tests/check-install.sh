#!/bin/sh
# SPDX-License-Identifier: ISC
# "make installcheck": a program finds the installed library through
# pkg-config, and runs with it, shared and static.
# Usage: check-install.sh DESTDIR LIBDIR PKGCONFIGDIR INCLUDEDIR
# shellcheck disable=SC2046,SC2086 # flags are words
set -eu

destdir=$1 libdir=$2 pkgconfigdir=$3 includedir=$4
search=$destdir$pkgconfigdir${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fail()
{
	echo "check-install: $*" >&2
	exit 1
}

# pkg-config for what lies in DESTDIR as if that were the root.
flags()
{
	PKG_CONFIG_PATH=$search PKG_CONFIG_SYSROOT_DIR=$destdir \
		${PKG_CONFIG:-pkg-config} "$@"
}

compile()
{
	${CC:-cc} ${CFLAGS-} "$@"
}

cat >"$tmp/program.c" <<'END'
#include <sodium_arena.h>
#include <string.h>

int main(void)
{
	sa_arena *arena = sa_arena_create(NULL);
	char *secret = sa_arena_dup(arena, "secret", 7);
	int bad = !secret || strcmp(secret, "secret") != 0 ||
		strcmp(sa_arena_version_string(), SODIUM_ARENA_VERSION_STRING);

	sa_arena_free(arena, secret);
	sa_arena_destroy(arena);
	sa_free(sa_malloc(1));
	return bad;
}
END

case " $(flags --libs sodium-arena) " in
*' -lsodium '*) fail 'libsodium is not private' ;;
*' -lsodium-arena '*) ;;
*) fail 'pkg-config does not know the library' ;;
esac

tried=0
if [ -e "$destdir$libdir/libsodium-arena.so" ]; then
	compile "$tmp/program.c" -o "$tmp/shared" \
		$(flags --cflags --libs sodium-arena)
	LD_LIBRARY_PATH=$destdir$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
		"$tmp/shared" || fail "shared: the program failed"
	echo 'check-install: shared: ok'
	tried=1
fi

# Some systems have no static libsodium, and no sanitizer links statically.
echo 'int main(void) { return 0; }' >"$tmp/empty.c"
if ! [ -e "$destdir$libdir/libsodium-arena.a" ]; then
	echo 'check-install: static: not installed'
elif ! compile -static "$tmp/empty.c" -o "$tmp/empty" \
	$(flags --static --libs libsodium) 2>/dev/null; then
	echo 'check-install: static: skipped, no static linking here'
else
	compile -static "$tmp/program.c" -o "$tmp/static" \
		$(flags --static --cflags --libs sodium-arena)
	"$tmp/static" || fail "static: the program failed"
	echo 'check-install: static: ok'
	tried=1
fi
[ $tried -eq 1 ] || fail 'no library is installed'

# A header needs no other before it, in either language.
strict='-Wall -Wextra -Werror -pedantic-errors -fsyntax-only'
alone()
{
	echo "#include <$1>" >"$tmp/alone.c"
	shift
	"$@" $strict "$tmp/alone.c" $(flags --cflags sodium-arena) ||
		fail "not so: $* $(cat "$tmp/alone.c")"
}

for header in sodium_arena.h sodium_arena_buffer.h; do
	alone $header compile -std=c11
	if command -v c++ >/dev/null; then
		alone $header c++ -std=c++17 -x c++
	fi
done
if command -v c++ >/dev/null; then
	alone sodium_arena.hpp c++ -std=c++17 -x c++
fi
echo 'check-install: headers: ok'

# So do the adapters; each needs the header of its library.
for adapter in sqlite gmp lua openssl gcrypt; do
	header=sodium_arena_$adapter.h
	sed -n '/sodium_arena/!s/^#include </#include </p' \
		"$destdir$includedir/$header" >"$tmp/needs.c"
	if ! compile -fsyntax-only "$tmp/needs.c" 2>/dev/null; then
		echo "check-install: $header: skipped, no library for it"
		continue
	fi
	alone $header compile -std=c11
	if command -v c++ >/dev/null; then
		alone $header c++ -std=c++17 -x c++
	fi
	echo "check-install: $header: ok"
done
