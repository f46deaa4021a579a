#!/bin/sh
# SPDX-License-Identifier: ISC
# Every input that fuzzing found worth keeping, run once more.
set -eu

srcdir=${srcdir:-.}
for target in operations options; do
	"fuzz/replay-$target" "$srcdir/fuzz/corpus/$target"
done
