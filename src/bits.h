/* SPDX-License-Identifier: ISC */
/*
 * Checked sums, alignment and unaligned words: what arithmetic the floors
 * above share.  Pure functions; no state.
 */
#ifndef SA_BITS_H
#define SA_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SA_LIKELY(x) __builtin_expect(!!(x), 1)
#define SA_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* What the compiler may take for granted. */
#define SA_ASSUME(condition) ((condition) ? (void)0 : __builtin_unreachable())
/* The compiler forgets how a value came about, and computes nothing from its
 * parts a second time. */
#define SA_OPAQUE(value) __asm__("" : "+r"(value))
/* Inlined at every call, or kept out of the way of the path that is hot.
 * Where nothing is to be inlined, coverage counts each branch once. */
#ifdef __NO_INLINE__
#define SA_INLINE static inline
#else
#define SA_INLINE static inline __attribute__((always_inline))
#endif
#define SA_COLD __attribute__((cold, noinline))

/* Begin to fetch a line that will be written, from wherever it is; any address
 * will do.  On x86-64 compilers ask for a line to read unless told that there
 * is PREFETCHW, which does nothing where there is none. */
SA_INLINE void sa_prefetch_to_write(const void *p)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw (%0)" : : "r"(p));
#else
	__builtin_prefetch(p, 1);
#endif
}

/* The line size that keeps two threads' data apart. */
#define SA_CACHE_LINE 64

/*@ requires \valid(sum);
    assigns *sum;
    ensures \result == 0 <==> a + b <= SIZE_MAX;
    ensures \result == 0 ==> *sum == a + b; */
SA_INLINE bool sa_add_overflows(size_t a, size_t b, size_t *sum)
{
	return __builtin_add_overflow(a, b, sum);
}

/*@ requires \valid(product);
    assigns *product;
    ensures \result == 0 <==> a * b <= SIZE_MAX;
    ensures \result == 0 ==> *product == a * b; */
SA_INLINE bool sa_mul_overflows(size_t a, size_t b, size_t *product)
{
	return __builtin_mul_overflow(a, b, product);
}

/*@ assigns \nothing;
    ensures \result == 1 <==> is_power_of_two(x); */
SA_INLINE bool sa_is_power_of_two(size_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

/* `alignment` is a power of two; the caller knows that the sum fits. */
/*@ requires is_power_of_two(alignment);
    requires x + alignment <= SIZE_MAX;
    assigns \nothing;
    ensures \result % alignment == 0; */
SA_INLINE size_t sa_align_up(size_t x, size_t alignment)
{
	return (x + alignment - 1) & ~(alignment - 1);
}

/*@ requires is_power_of_two(alignment);
    assigns \nothing;
    ensures \result % alignment == 0;
    ensures x - alignment < \result <= x; */
SA_INLINE size_t sa_align_down(size_t x, size_t alignment)
{
	return x & ~(alignment - 1);
}

/* The largest power of two that divides x; x is not 0. */
/*@ requires x != 0;
    assigns \nothing;
    ensures is_power_of_two(\result);
    ensures x % \result == 0 && x / \result % 2 == 1; */
SA_INLINE size_t sa_lowest_bit(size_t x)
{
	return x & (~x + 1);
}

/* The index of the lowest set bit; x is not 0. */
/*@ requires x != 0;
    assigns \nothing;
    ensures \result == lowest_bit(x); */
SA_INLINE unsigned sa_count_trailing_zeros(uint64_t x)
{
	return (unsigned)__builtin_ctzll(x);
}

/* The index of the highest set bit; x is not 0. */
/*@ requires x != 0;
    assigns \nothing;
    ensures \result <= 63;
    ensures power(\result) <= x < 2 * power(\result); */
SA_INLINE unsigned sa_floor_log2(uint64_t x)
{
	return 63u - (unsigned)__builtin_clzll(x);
}

SA_INLINE uint64_t sa_rotate_right(uint64_t x, unsigned n)
{
	return x >> (n & 63) | x << (-n & 63);
}

/* The high and the low half of a product, one upon the other; by parts where
 * the compiler has no type that holds it. */
SA_INLINE uint64_t sa_folded_product_by_parts(uint64_t a, uint64_t b)
{
	uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
	uint64_t one = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
	uint64_t other = (a & UINT32_MAX) * (b >> 32) + (one & UINT32_MAX);
	uint64_t high = (a >> 32) * (b >> 32) + (one >> 32) + (other >> 32);

	return high ^ (other << 32 | (low & UINT32_MAX));
}

#if defined(__x86_64__)
/* One instruction and its two registers; gcc's type of both asks for more. */
SA_INLINE uint64_t sa_folded_product(uint64_t a, uint64_t b)
{
	uint64_t low, high;

	__asm__("mulq %3" : "=a"(low), "=d"(high) : "%0"(a), "rm"(b) : "cc");
	return high ^ low;
}
#elif defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 sa_uint128;

SA_INLINE uint64_t sa_folded_product(uint64_t a, uint64_t b)
{
	sa_uint128 product = (sa_uint128)a * b;

	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}
#else
#define sa_folded_product sa_folded_product_by_parts
#endif

/* Eight bytes at any address, the first one lowest in the word. */
SA_INLINE uint64_t sa_load_word(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

SA_INLINE void sa_store_word(unsigned char *p, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	memcpy(p, &word, sizeof word);
}

#endif
