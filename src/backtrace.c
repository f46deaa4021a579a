/* SPDX-License-Identifier: ISC */
/* Stacks by the unwinder, their names by the sanitizer. */
#include <config.h>

#include "backtrace.h"

#include <string.h>
#include <unistd.h>

#if defined(HAVE_SANITIZER_ASAN_INTERFACE_H) &&                                \
	__has_include(<sanitizer/asan_interface.h>) && __has_include(<unwind.h>)

#include <sanitizer/common_interface_defs.h>
#include <unwind.h>

/* All of them are there in programs that are built with the sanitizer. */
#pragma weak __sanitizer_symbolize_pc
#pragma weak _Unwind_Backtrace
#ifdef __ARM_EABI_UNWINDER__
/* What _Unwind_GetIP() calls, which is none itself there. */
#pragma weak _Unwind_VRS_Get
#define GET_IP _Unwind_VRS_Get
#else
#pragma weak _Unwind_GetIP
#define GET_IP _Unwind_GetIP
#endif

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context,
				     void *into)
{
	sa_backtrace *trace = into;
	uintptr_t at = (uintptr_t)_Unwind_GetIP(context);

	if (trace->depth == SA_BACKTRACE_DEPTH || at == 0)
		return _URC_END_OF_STACK;
	trace->at[trace->depth++] = at;
	return _URC_NO_REASON;
}

void sa_backtrace_take(sa_backtrace *trace)
{
	trace->depth = 0;
	if (_Unwind_Backtrace != NULL && GET_IP != NULL)
		_Unwind_Backtrace(add_frame, trace);
}

static void name_frame(uintptr_t pc, char *text, size_t size)
{
	if (__sanitizer_symbolize_pc != NULL)
		/* The call lies before the address that it returns to. */
		__sanitizer_symbolize_pc((void *)(pc - 1), "%p %F %L", text,
					 size);
}

#else

void sa_backtrace_take(sa_backtrace *trace)
{
	trace->depth = 0;
}

static void name_frame(uintptr_t pc, char *text, size_t size)
{
	(void)pc;
	(void)text;
	(void)size;
}

#endif

bool sa_backtrace_is_same(const sa_backtrace *a, const sa_backtrace *b)
{
	return a->depth == b->depth &&
	       memcmp(a->at, b->at, a->depth * sizeof a->at[0]) == 0;
}

static void tell_frame(uint32_t number, uintptr_t pc, sa_line *line)
{
	char text[1024] = "";

	name_frame(pc, text, sizeof text);
	sa_line_clear(line);
	sa_line_add(line, "    #");
	sa_line_add_unsigned(line, number);
	sa_line_add(line, " ");
	sa_line_add(line, text);
	sa_line_add(line, "\n");
	(void)sa_line_write(line, STDERR_FILENO);
}

void sa_backtrace_tell(const sa_backtrace *trace, const char *what,
		       sa_line *line)
{
	if (trace->depth == 0)
		return;
	sa_line_clear(line);
	sa_line_add(line, what);
	sa_line_add(line, " here:\n");
	(void)sa_line_write(line, STDERR_FILENO);
	/* The first two are sa_backtrace_take()'s and its caller's. */
	for (uint32_t i = 2; i < trace->depth; i++)
		tell_frame(i - 2, trace->at[i], line);
}
