/* SPDX-License-Identifier: ISC */
/* When a region pays for its move to huge pages, and what that may cost. */
#include <config.h>

#include "huge.h"

#include <errno.h>

#include "annotate.h"
#include "os.h"
#include "proc.h"

/* Moving costs as much as five times opening and closing with small pages,
 * some 500 us for 2 MiB.  A region that is closed for good does not pay. */
#define CLOSINGS_BEFORE 2

/* One transition moves so many and leaves the rest to the next ones. */
#define MOVES_MAX 32

/* The largest huge page that regions are made for: see growth. */
#define HUGE_MAX ((size_t)2 << 20)

sa_huge_mover sa_huge_begin(sa_arena *arena)
{
	return (sa_huge_mover){.arena = arena, .left = MOVES_MAX};
}

/* Is there a closing to count, and is it the one that pays? */
static bool is_due(const sa_huge_mover *mover, sa_region *region)
{
	if (region->state != SA_REGION_WHOLE || mover->left == 0 ||
	    region->closings >= CLOSINGS_BEFORE)
		return false;
	return ++region->closings == CLOSINGS_BEFORE;
}

/* Where memory has huge pages already, there is nothing to do. */
static size_t ask(void)
{
	size_t huge = sa_proc_gives_huge_pages() ? 0 : sa_proc_huge_page_size();

	return huge <= HUGE_MAX ? huge : 0;
}

void sa_huge_end(sa_huge_mover *mover)
{
	if (mover->scratch.start != NULL &&
	    sa_region_destroy(&mover->scratch) != 0)
		sa_arena_fail(mover->arena, errno);
}

static bool make_scratch(sa_huge_mover *mover, size_t size)
{
	size_t need = size + sa_os_page_size;

	if (mover->scratch.start != NULL && mover->scratch.size >= need)
		return true;
	sa_huge_end(mover);
	if (sa_region_create(&mover->scratch, need, 0, SA_ARENA_MLOCK_REQUIRED,
			     SA_ARENA_FORK_EXCLUDE) == 0)
		return true;
	mover->scratch.start = NULL;
	return false;
}

static void move(sa_huge_mover *mover, sa_region *region)
{
	bool was_locked = region->locked;

	mover->left--;
	if (sa_region_make_huge(region, &mover->scratch) == 0)
		return;
	/* It goes on with what pages it has. */
	if (was_locked && !region->locked) {
		sa_arena_fail(mover->arena, EPERM);
		atomic_fetch_sub(&mover->arena->locked_size, region->size);
	}
}

void sa_huge_consider(sa_huge_mover *mover, sa_region *region)
{
	int kept = errno;

	/* A debugger would have to see through the move. */
	if (sa_annotate_is_on() || !is_due(mover, region))
		return;
	if (!mover->is_asked) {
		mover->is_asked = true;
		mover->huge = ask();
	}
	if (mover->huge != 0 && sa_region_is_huge_sized(region, mover->huge) &&
	    make_scratch(mover, region->size))
		move(mover, region);
	errno = kept;
}
