/* SPDX-License-Identifier: ISC */
/*
 * Allocators on which crimes are committed.  A child makes one, commits one
 * crime and takes it down; none is used twice.
 */
#ifndef CRIMES_PEER_H
#define CRIMES_PEER_H

#include <stddef.h>

struct peer {
	const char *title;
	const char *(*version)(void);
	/* For some 1,500 small objects and a large one.  0, or -1. */
	int (*setup)(void);
	void *(*alloc)(size_t size);
	void (*free)(void *object);
	/* Make the object inaccessible while it is not in use; NULL: cannot. */
	int (*rest)(void *object);
	/* When all objects were given back; NULL: nothing to do. */
	void (*teardown)(void);
};

extern const struct peer peer_arena, peer_sodium, peer_openssl, peer_libgcrypt,
	peer_plain;

#endif
