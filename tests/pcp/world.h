/* SPDX-License-Identifier: MIT */
/*
 * An instance, its metadata and the record of who holds which of its pages, in one piece of memory
 * that a traced child shares with its tracer; and an account of every page.
 */
#ifndef QT_WORLD_H
#define QT_WORLD_H

#include "test.h"

#include "alloc/instance.h"

enum {
	WORLD_PAGES = 4096,
	WORLD_CPUS = 2,
	WORLD_BATCH = 16,
};

/* Where it can be saved, one while the other is in use. */
enum world_saved {
	WORLD_AT_STOP,
	WORLD_BETWEEN,
	WORLD_SAVES,
};

/* Pages that one party holds. */
struct holding {
	uint32_t nr;
	uint32_t pfns[WORLD_PAGES];
};

struct world {
	struct quire *q;
	unsigned char *saved[WORLD_SAVES];
	size_t bytes; /* of all that is shared and saved */
	uint32_t first_pfn;
	struct holding child; /* the party that is stepped */
	struct holding others;
	atomic_bool ended; /* the child has done what it had to */
	atomic_bool meddled; /* a second child has, too */
	atomic_bool fencing; /* and stands in its fence */
	const char *why; /* what is wrong, as it finds */
	atomic_bool fell_short; /* it got less than it asked for, or a call refused a page */
	struct qt_reports reports;
};

/* Where CPU 0's list and the depot are to stand when the child begins. */
struct standing {
	uint32_t listed; /* pages in CPU 0's list */
	uint32_t in_depot; /* batches */
	uint32_t held; /* pages that the child holds, at least 64 */
};

struct world *world_begin(const struct standing *standing);
/* Give back what the parties hold, assert that nothing is missing, and end it. */
void world_end(struct world *w);

/* As it is now, and as it was then; between two steps of the children. */
void world_save(struct world *w, enum world_saved place);
void world_restore(struct world *w, enum world_saved place);

/* Take n pages (<= 64), or give back the last n. */
void world_take(struct world *w, struct holding *who, uint32_t n, quire_gfp gfp);
void world_give(struct world *w, struct holding *who, uint32_t n);

/* CPU 0's record. */
struct qi_pcp *world_pcp(struct world *w);
/* Sections of CPU 0 that have begun anew. */
uint64_t world_aborts(struct world *w);
/* Whether a lock is held that a drain would wait for; and that it would wait for at its end. */
bool world_locked(const struct world *w);
bool world_zone_locked(const struct world *w);

/*
 * Account for every page: empties the lists and takes all that is free. NULL: each page is held by
 * one party or was free once, and everybody agrees on the numbers. Otherwise what is wrong.
 */
const char *world_audit(struct world *w);

#endif /* QT_WORLD_H */
