/* SPDX-License-Identifier: ISC */
/* A fuzzer's bytes, read from the front; behind their end all are zero. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

/* What fuzzers and replay call. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_input {
	const uint8_t *next, *end;
} fuzz_input;

static inline uint8_t fuzz_byte(fuzz_input *input)
{
	return input->next < input->end ? *input->next++ : 0;
}

static inline uint64_t fuzz_word(fuzz_input *input)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < 8; i++)
		word |= (uint64_t)fuzz_byte(input) << 8 * i;
	return word;
}

#endif
