/* SPDX-License-Identifier: ISC */
/* What the proof takes for granted: the compilers' builtins. */
#ifndef PROOF_BUILTINS_H
#define PROOF_BUILTINS_H

/*@ axiomatic LowestBit {
      logic integer lowest_bit(integer x);
      axiom lowest_bit_range:
        \forall integer x; 0 <= lowest_bit(x) <= 63;
    } */

/*@ requires x != 0;
    assigns \nothing;
    ensures \result == lowest_bit(x); */
int __builtin_ctzll(unsigned long long x);

/*@ requires x != 0;
    assigns \nothing;
    ensures 0 <= \result <= 63; */
int __builtin_clzll(unsigned long long x);

/*@ assigns \nothing;
    ensures 0 <= \result <= 64; */
int __builtin_popcountll(unsigned long long x);

/*@ requires \valid(sum);
    assigns \result, *sum \from a, b;
    ensures \result == 0 ==> *sum == a + b; */
int __builtin_add_overflow(unsigned long a, unsigned long b,
			   unsigned long *sum);

/*@ requires \valid(product);
    assigns \result, *product \from a, b;
    ensures \result == 0 ==> *product == a * b; */
int __builtin_mul_overflow(unsigned long a, unsigned long b,
			   unsigned long *product);

#endif
