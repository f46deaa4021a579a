/* SPDX-License-Identifier: ISC */
/* The crimes: what each does to a victim amid others of its kind. */
#ifndef CRIMES_CRIME_H
#define CRIMES_CRIME_H

#include "crimes/peer.h"

/* Small objects, the victim in their midst. */
#define CROWD 1024
#define SMALL 32
#define LARGE 300000

struct scene {
	const struct peer *peer;
	unsigned char *crowd[CROWD];
	size_t size;           /* of the victim, which may be a large one */
	unsigned char *victim; /* NULL: it was freed */
};

struct crime {
	const char *title;
	size_t size;
	/* Before it, what leads to it. */
	void (*prepare)(struct scene *scene);
	void (*commit)(struct scene *scene);
	int needs_rest; /* a peer that can make objects inaccessible */
};

#define CRIMES 17
extern const struct crime crimes[CRIMES];

#endif
