#!/bin/sh
# SPDX-License-Identifier: ISC
# masks.sh: Z3 proves, by bits and for every 64-bit word, what proof/builtins.h
# says of masks (axiomatic Masks).  Each line asks for a counterexample.
set -eu

formulas()
{
	cat <<-'EOF'
	(declare-const x (_ BitVec 64))
	(define-fun one () (_ BitVec 64) (_ bv1 64))
	(define-fun zero () (_ BitVec 64) (_ bv0 64))
	(define-fun lowest () (_ BitVec 64) (bvand x (bvadd one (bvnot x))))
	EOF
	powers=
	k=0
	while [ "$k" -lt 64 ]; do
		a="(bvshl one (_ bv$k 64))"
		powers="$powers (= p $a)"
		mask="(bvnot (bvsub $a one))"
		down="(bvand x $mask)"
		# The distance of what is masked says the same as its range.
		never "(and (= (bvurem $down $a) zero)
			(bvule $down x) (bvult (bvsub x $down) $a))"
		never "(=> (= lowest $a) (and (= (bvurem x $a) zero)
			(= (bvurem (bvudiv x $a) (_ bv2 64)) one)))"
		k=$((k + 1))
	done
	printf '(define-fun is_power ((p (_ BitVec 64))) Bool (or %s))\n' \
		"$powers"
	never "(=> (distinct x zero) (= (is_power x)
		(= (bvand x (bvsub x one)) zero)))"
	never "(=> (distinct x zero) (is_power lowest))"
}

never()
{
	printf '(push)(assert (not %s))(check-sat)(pop)\n' "$1"
}

answers=$(formulas | z3 -in)
if [ "$(printf '%s\n' "$answers" | sort | uniq -c | tr -s ' ')" != \
	' 130 unsat' ]; then
	printf '%s\n' "$answers" | sort | uniq -c
	exit 1
fi
echo 'masks: 130 of 130'
