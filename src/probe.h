/* SPDX-License-Identifier: ISC */
/*
 * Static probes for tracers (USDT, provider "sodium_arena"), where sys/sdt.h
 * was found: a no-op instruction each, and a note of where its arguments are.
 * Never on the path that allocates and frees.  Arguments are no secrets.
 */
#ifndef SA_PROBE_H
#define SA_PROBE_H

/* Another C library than configure's may lack the header. */
#if defined(HAVE_PROBES) && __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
/* Clang finds the header's variadic macros pedantic. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
#define SA_PROBE2(name, a, b) DTRACE_PROBE2(sodium_arena, name, a, b)
#define SA_PROBE3(name, a, b, c) DTRACE_PROBE3(sodium_arena, name, a, b, c)
#define SA_PROBE5(name, a, b, c, d, e)                                         \
	DTRACE_PROBE5(sodium_arena, name, a, b, c, d, e)
#else
#define SA_PROBE2(name, a, b) ((void)(a), (void)(b))
#define SA_PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#define SA_PROBE5(name, a, b, c, d, e)                                         \
	((void)(a), (void)(b), (void)(c), (void)(d), (void)(e))
#endif

#endif
