/* SPDX-License-Identifier: ISC */
/* What the proof takes for granted: the compilers' builtins. */
#ifndef PROOF_BUILTINS_H
#define PROOF_BUILTINS_H

/*@ predicate is_power_of_two(integer x) =
      \exists integer k; 0 <= k <= 63 && x == (1 << k); */

/* What WP's provers know too little of, by integers; proof/masks.sh proves it
 * by bits.  Written as WP orders the operands, or it would not be found. */
/*@ axiomatic Masks {
      axiom power_range:
        \forall integer x; is_power_of_two(x) ==> 0 < x <= 1 << 63;
      axiom power_by_mask:
        \forall integer x; 0 < x <= 0xffffffffffffffff ==>
          ((x & (x - 1)) == 0 <==> is_power_of_two(x));
      axiom align_down_by_mask:
        \forall integer x, a;
          is_power_of_two(a) && 0 <= x <= 0xffffffffffffffff ==>
            (x & (unsigned long)(~(a - 1))) % a == 0 &&
            x - a < (x & (unsigned long)(~(a - 1))) <= x;
      axiom align_by_mask:
        \forall integer mask, x, a;
          is_power_of_two(a) && mask == (unsigned long)(~(a - 1)) &&
          0 <= x <= 0xffffffffffffffff ==>
            (mask & x) % a == 0 && x - a < (mask & x) <= x;
      axiom lowest_by_negative:
        \forall integer x; 0 < x <= 0xffffffffffffffff ==>
          is_power_of_two(x & (unsigned long)(1 + (unsigned long)(~x))) &&
          x % (x & (unsigned long)(1 + (unsigned long)(~x))) == 0 &&
          x / (x & (unsigned long)(1 + (unsigned long)(~x))) % 2 == 1;
    } */

/* 2^k, in ranges where the provers need no more of it. */
/*@ axiomatic Powers {
      logic integer power(integer k);
      axiom power_0: power(0) == 1;
      axiom power_next:
        \forall integer k; 0 <= k ==> power(k + 1) == 2 * power(k);
    } */

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
    ensures 0 <= \result <= 63;
    ensures power(63 - \result) <= x < 2 * power(63 - \result); */
int __builtin_clzll(unsigned long long x);

/*@ assigns \nothing;
    ensures 0 <= \result <= 64; */
int __builtin_popcountll(unsigned long long x);

/*@ requires \valid(sum);
    assigns \result, *sum \from a, b;
    ensures \result == 0 <==> a + b <= 0xffffffffffffffff;
    ensures \result == 0 ==> *sum == a + b; */
int __builtin_add_overflow(unsigned long a, unsigned long b,
			   unsigned long *sum);

/*@ requires \valid(product);
    assigns \result, *product \from a, b;
    ensures \result == 0 <==> a * b <= 0xffffffffffffffff;
    ensures \result == 0 ==> *product == a * b; */
int __builtin_mul_overflow(unsigned long a, unsigned long b,
			   unsigned long *product);

#endif
