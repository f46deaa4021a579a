/* SPDX-License-Identifier: ISC */
/* Deeds that a compiler would leave out or refuse, were they not volatile. */
#include <config.h>

#include "crimes/crime.h"

#include <stdint.h>
#include <stdlib.h>

#define FAR 4096

/* What was freed, and should not be known any more. */
static unsigned char *volatile stale;

static volatile unsigned char *byte_at(const struct scene *scene,
				       ptrdiff_t offset)
{
	return (volatile unsigned char *)((uintptr_t)scene->victim +
					  (uintptr_t)offset);
}

static void flip(const struct scene *scene, ptrdiff_t from, size_t count)
{
	volatile unsigned char *byte = byte_at(scene, from);

	for (; count > 0; count--, byte++)
		*byte ^= 0x5a;
}

static void read_bytes(const volatile unsigned char *byte, size_t count)
{
	for (; count > 0; count--)
		(void)*byte++;
}

static ptrdiff_t end_of(const struct scene *scene)
{
	return (ptrdiff_t)scene->size;
}

/* ------------------------------------------------------- out of bounds */

static void write_one_past(struct scene *scene)
{
	flip(scene, end_of(scene), 1);
}

static void write_nul_past(struct scene *scene)
{
	*byte_at(scene, end_of(scene)) = 0;
}

static void write_eight_past(struct scene *scene)
{
	flip(scene, end_of(scene), 8);
}

static void write_far_past(struct scene *scene)
{
	flip(scene, end_of(scene), FAR);
}

static void write_one_before(struct scene *scene)
{
	flip(scene, -1, 1);
}

static void write_sixteen_before(struct scene *scene)
{
	flip(scene, -16, 16);
}

static void read_one_past(struct scene *scene)
{
	read_bytes(byte_at(scene, end_of(scene)), 1);
}

static void read_far_past(struct scene *scene)
{
	read_bytes(byte_at(scene, end_of(scene)), FAR);
}

/* ----------------------------------------------------------- bad frees */

static void free_victim(struct scene *scene)
{
	stale = scene->victim;
	scene->victim = NULL;
	scene->peer->free(stale);
}

static void free_again(struct scene *scene)
{
	scene->peer->free(stale);
}

static void free_victim_and_others(struct scene *scene)
{
	size_t i;

	free_victim(scene);
	for (i = 0; i < 100; i++) {
		scene->peer->free(scene->crowd[i]);
		scene->crowd[i] = NULL;
	}
}

static void free_inside(struct scene *scene)
{
	stale = scene->victim + 16;
	free_again(scene);
}

static void free_on_stack(struct scene *scene)
{
	_Alignas(16) unsigned char bytes[64] = {0};

	stale = bytes + 16;
	free_again(scene);
}

static void free_of_heap(struct scene *scene)
{
	unsigned char *bytes = malloc(SMALL);

	stale = bytes + 16;
	free_again(scene);
}

/* -------------------------------------------------- use of freed, at rest */

static void write_stale(struct scene *scene)
{
	volatile unsigned char *byte = stale;
	size_t i;

	for (i = 0; i < scene->size; i++)
		byte[i] ^= 0x5a;
}

static void read_stale(struct scene *scene)
{
	read_bytes(stale, scene->size);
}

static void rest(struct scene *scene)
{
	if (scene->peer->rest(scene->victim) != 0)
		exit(EXIT_FAILURE);
}

static void write_inside(struct scene *scene)
{
	flip(scene, 0, scene->size);
}

const struct crime crimes[CRIMES] = {
	{"write 1 byte past the end", SMALL, NULL, write_one_past, 0},
	{"write a NUL past the end", SMALL, NULL, write_nul_past, 0},
	{"write 8 bytes past the end", SMALL, NULL, write_eight_past, 0},
	{"write 4 KiB past the end", SMALL, NULL, write_far_past, 0},
	{"write 1 byte past the end of 300,000", LARGE, NULL, write_one_past,
	 0},
	{"write 1 byte before the start", SMALL, NULL, write_one_before, 0},
	{"write 16 bytes before the start", SMALL, NULL, write_sixteen_before,
	 0},
	{"read 1 byte past the end", SMALL, NULL, read_one_past, 0},
	{"read 4 KiB past the end", SMALL, NULL, read_far_past, 0},
	{"free twice", SMALL, free_victim, free_again, 0},
	{"free twice, others in between", SMALL, free_victim_and_others,
	 free_again, 0},
	{"free a pointer into an object", SMALL, NULL, free_inside, 0},
	{"free a pointer into the stack", SMALL, NULL, free_on_stack, 0},
	{"free a pointer into the heap", SMALL, NULL, free_of_heap, 0},
	{"write to a freed object", SMALL, free_victim, write_stale, 0},
	{"read a freed object", SMALL, free_victim, read_stale, 0},
	{"write to an object at rest", SMALL, rest, write_inside, 1},
};
