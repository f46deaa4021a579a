#!/bin/sh
# SPDX-License-Identifier: ISC
# Other libraries on the default arena: the examples that configure found the
# libraries for.  Each fails if a secret of its own is outside the arena.
set -u

status=77
for hook in sqlite sqlcipher jansson gmp openssl libgcrypt lua curl; do
	program=examples/hook_$hook
	case " ${HOOKS-} " in
	*" $program "*) ;;
	*)
		echo "skipped: $program: the library was not found"
		continue
		;;
	esac
	echo "$program:"
	case $hook in
	sql*) "./$program" 10000 ;; # rows
	*) "./$program" ;;
	esac
	case $? in
	0) [ $status -ne 77 ] || status=0 ;;
	77) ;;
	*)
		echo "$program failed"
		status=1
		;;
	esac
done
exit $status
