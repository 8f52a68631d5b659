/* SPDX-License-Identifier: MIT */
/*
 * A zone: the free pages of some regions behind one lock, handed out in batches (doc/zone.md).
 *
 * 1. Pages are taken up to 64 at a time from the most fragmented pageblock: a few words, not a
 * loop. 2. Blocks given back merge implicitly, as bits beside each other; a pageblock that becomes
 * whole goes up one level, where the same happens with superblocks. 3. Who may not wait only tries
 * the lock. A free that fails so is deferred: the page's state says so and its pageblock goes on a
 * stack, which the next holder of the lock takes up (core/deferred.c). 4. Pages that are moved by
 * way of somebody's stack are announced in `transit`, so that nobody who finds nothing calls that
 * exhaustion while some are on their way. 5. A small stash of pages in atomic slots serves those
 * who may not wait (core/stash.c).
 *
 * Functions ending in _locked want the zone's lock. Nothing here touches a page or the caller's
 * memory under the lock; arrays of pfns are the caller's scratch, at most QI_SCRATCH long.
 *
 *	nr_free = items free in the open pageblocks of this zone + 512 × pageblocks free in its superblocks
 */
#ifndef QI_CORE_ZONE_H
#define QI_CORE_ZONE_H

#include "core/space.h"
#include "port/port.h"

enum {
	QI_SCRATCH = 64, /* pfns; one word of a bitmap, one line of states */
	/*
	 * Of pages that are moved by hundreds, what one hold of the lock has to do with: pageblocks
	 * that it takes from; runs that it is given, and pages after which it is not given more.
	 */
	QI_MOST_PARTS = 16,
	QI_MOST_RUNS = 32,
	QI_MANY = 2048,
	QI_MAX_STASH = 64,
	/*
	 * Attempts at a zone's lock by those who may not wait, a moment apart: about as long as
	 * others hold it for a batch. Deferring costs more; waiting without bound may be for
	 * somebody we interrupted.
	 */
	QI_TRIES = 16,
	/* and of those who would have many pages to defer: one more for each that many */
	QI_PAGES_A_TRY = 4,
};

#define QI_NO_PFN UINT32_MAX

/* Pages of one pageblock in somebody's hand: a set of them, or a run. */
struct qi_part {
	uint32_t block;
	uint32_t n;
	struct qi_bits items;
};

struct qi_run {
	uint32_t pfn; /* the lowest */
	uint32_t n;
};

struct qi_zone {
	struct qp_lock lock;
	uint32_t index;
	uint32_t nr_stash; /* slots in use; constant */
	/* protected by lock; the atomic ones may be read without */
	struct qi_bins block_bins;
	struct qi_bins super_bins;
	_Atomic uint64_t nr_free;
	_Atomic uint64_t nr_taken;
	_Atomic uint64_t nr_given;
	_Atomic uint64_t nr_locks;
	_Atomic uint64_t nr_contended;
	/* not protected */
	_Atomic uint64_t nr_busy;
	_Atomic uint64_t nr_deferred; /* pages waiting */
	_Atomic uint64_t nr_deferred_ever;
	_Atomic uint32_t deferred; /* stack of pageblocks: number + 1 of the topmost; 0: empty */
	_Atomic uint32_t stash_missing; /* empty slots; a hint */
	_Atomic uint64_t transit; /* movers in the low half, moves finished in the high half */
	_Atomic uint64_t nr_stash_taken;
	_Atomic uint32_t stash[QI_MAX_STASH]; /* QI_NO_PFN: empty */
};

/* Event counts, written under a lock and read without. */
static inline void qi_count(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static inline uint64_t qi_count_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit((_Atomic uint64_t *)counter, memory_order_relaxed);
}

/* Event counts written by anybody. */
static inline void qi_count_shared(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void qi_zone_init(struct qi_zone *zone, uint32_t index, uint32_t nr_stash);

/*
 * Lock, and take up what was deferred. qi_zone_try() makes a few attempts and gives up,
 * qi_zone_try_for() some more, for those who have that many pages to give. Release unlocks, and takes
 * up what was deferred meanwhile; unlock fills the stash first.
 */
void qi_zone_lock(struct qi_space *space, struct qi_zone *zone);
bool qi_zone_try(struct qi_space *space, struct qi_zone *zone);
bool qi_zone_try_for(struct qi_space *space, struct qi_zone *zone, uint32_t nr_pages);
void qi_zone_release(struct qi_space *space, struct qi_zone *zone);
void qi_zone_unlock(struct qi_space *space, struct qi_zone *zone);

/* Either of them. */
static inline bool qi_zone_enter(struct qi_space *space, struct qi_zone *zone, bool may_wait)
{
	if (!may_wait)
		return qi_zone_try(space, zone);
	qi_zone_lock(space, zone);
	return true;
}

/* Pages of order 0: take up to want (<= QI_SCRATCH); give any of this zone. */
uint32_t qi_zone_take_locked(struct qi_space *space, struct qi_zone *zone, uint32_t want,
			     uint32_t *pfns);
void qi_zone_give_locked(struct qi_space *space, struct qi_zone *zone, uint32_t n,
			 const uint32_t *pfns);

/*
 * The same by hundreds, at one hold of the lock: take up to want pages, of up to QI_MOST_PARTS
 * pageblocks, and return how many pageblocks; give runs, of which those of one pageblock that
 * follow each other are filed once.
 */
uint32_t qi_zone_take_parts_locked(struct qi_space *space, struct qi_zone *zone, size_t want,
				   struct qi_part *parts);
void qi_zone_give_runs_locked(struct qi_space *space, struct qi_zone *zone, uint32_t nr,
			      const struct qi_run *runs);

/* How many of n leading pfns are first, and each the one above the last one, or below. */
uint32_t qi_count_run(uint32_t first, bool down, uint32_t n, const uint32_t *pfns);
/* How many of n leading pfns are a run, up or down, of one pageblock, and which; at least 1. */
uint32_t qi_zone_leading_run(uint32_t n, const uint32_t *pfns, struct qi_run *run);

/* A block of any order, or QI_NO_PFN; and back. */
uint32_t qi_zone_take_block_locked(struct qi_space *space, struct qi_zone *zone,
				   unsigned int order);
void qi_zone_give_block_locked(struct qi_space *space, struct qi_zone *zone, uint32_t pfn,
			       unsigned int order);

/* Up to want blocks of one order that lie in one region: walks its pageblocks. */
uint32_t qi_zone_take_in_region_locked(struct qi_space *space, struct qi_zone *zone,
				       const struct qi_region *region, unsigned int order,
				       uint32_t want, uint32_t *pfns);

/* Whether a page is free in this zone's bitmaps. */
bool qi_zone_has_page_locked(const struct qi_space *space, uint32_t pfn);
/*
 * Of the pages pfn to pfn + n - 1 of one pageblock, the first that is not free; QI_NO_PFN: all are.
 */
uint32_t qi_zone_lacks_locked(const struct qi_space *space, uint32_t pfn, uint32_t n);
/* Take the pages pfn to pfn + n - 1 of one pageblock, all free. */
void qi_zone_take_range_locked(struct qi_space *space, struct qi_zone *zone, uint32_t pfn,
			       uint32_t n);

/* The pages of a region just published: all free. */
void qi_zone_add_region_locked(struct qi_space *space, struct qi_zone *zone,
			       const struct qi_region *region);

/*
 * A held block of order >= 9 is about to be freed in smaller parts: its pageblocks need bits of
 * their own.
 */
void qi_zone_open_held_locked(struct qi_space *space, struct qi_zone *zone, uint32_t pfn,
			      unsigned int order);

/* A page that is free by state and in no bitmap, list or hand (alloc/recover.c) is free again. */
void qi_zone_restore_page_locked(struct qi_space *space, struct qi_zone *zone, uint32_t pfn);

/* Whether bins, units and counts agree; a slow walk, for tests. */
bool qi_zone_valid_locked(const struct qi_space *space, const struct qi_zone *zone);

/* core/deferred.c: one block; or n pages of order 0. */
void qi_zone_defer_block(struct qi_space *space, struct qi_zone *zone, uint32_t pfn,
			 unsigned int order);
void qi_zone_defer(struct qi_space *space, struct qi_zone *zone, uint32_t n, const uint32_t *pfns);
void qi_zone_take_up_locked(struct qi_space *space, struct qi_zone *zone);

static inline bool qi_zone_has_deferred(const struct qi_zone *zone)
{
	return atomic_load((_Atomic uint32_t *)&zone->deferred) != 0;
}

/* core/stash.c: without any lock, up to want pages; and filling empty slots. */
uint32_t qi_stash_take(struct qi_zone *zone, uint32_t want, uint32_t *pfns);
void qi_stash_fill_locked(struct qi_space *space, struct qi_zone *zone);
uint32_t qi_stash_count(const struct qi_zone *zone);

/* core/transit.c: around every move of pages by way of scratch, moved = whether any page was. */
#define QI_MOVER UINT64_C(1)
#define QI_MOVE_ENDED (UINT64_C(1) << 32)

void qi_transit_begin(struct qi_zone *zone);
void qi_transit_end(struct qi_zone *zone, bool moved);

#endif /* QI_CORE_ZONE_H */
