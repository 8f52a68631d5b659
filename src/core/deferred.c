/* SPDX-License-Identifier: MIT */
/*
 * Deferred frees: a page whose zone is locked is left to the lock's next holder. The argument is in
 * doc/deferred.md; in short
 *
 *	defer(page):				take_up(), lock held:
 *	D1 state[page] = DEFERRED + order	T1 b = exchange(zone.deferred, empty)
 *	D2 if block.link != OFF_STACK: return	T2 for each block on b:
 *	   (one step: OFF_STACK -> LINKING)	T3	next = block.link
 *	D3 push block on zone.deferred		T4	block.link = OFF_STACK
 *	D4 try the lock; got it: take_up()	T5	free every page whose state is DEFERRED
 *
 * All of these are sequentially consistent. If D2 finds the block on the stack, T4 has not happened
 * yet, so T5 will see D1. If D4 fails, the holder's unlock comes after D3, and its look after the
 * unlock sees D3.
 */
#include "core/zone.h"

/* block.link: 0 off the stack, else 1 + the next block, or: */
enum {
	OFF_STACK = 0,
};
#define LAST UINT32_MAX

static void push(struct qi_space *space, struct qi_zone *zone, uint32_t block)
{
	struct qi_unit *unit = &space->blocks.units[block];
	uint32_t off = OFF_STACK;
	uint32_t top;

	/*
	 * LAST while linking: who meets it only needs to know that the block is not off the stack.
	 */
	if (!atomic_compare_exchange_strong(&unit->deferred, &off, LAST))
		return;
	top = atomic_load(&zone->deferred);
	do {
		atomic_store(&unit->deferred, top == 0 ? LAST : top);
	} while (!atomic_compare_exchange_weak(&zone->deferred, &top, block + 1));
}

/* Counted first, so that the count never falls short of the pages. */
static void count_deferred(struct qi_zone *zone, uint64_t nr_pages)
{
	qi_count_shared(&zone->nr_deferred, nr_pages);
	qi_count_shared(&zone->nr_deferred_ever, nr_pages);
}

static void try_take_up(struct qi_space *space, struct qi_zone *zone)
{
	if (!qp_lock_try(&zone->lock))
		return;
	qi_count(&zone->nr_locks, 1);
	qi_zone_take_up_locked(space, zone);
	qi_zone_unlock(space, zone);
}

void qi_zone_defer_block(struct qi_space *space, struct qi_zone *zone, uint32_t pfn,
			 unsigned int order)
{
	count_deferred(zone, UINT64_C(1) << order);
	atomic_store(&space->state[pfn], (uint8_t)(QI_STATE_DEFERRED + order));
	push(space, zone, qi_block_of(pfn));
	try_take_up(space, zone);
}

void qi_zone_defer(struct qi_space *space, struct qi_zone *zone, uint32_t n, const uint32_t *pfns)
{
	count_deferred(zone, n);
	for (uint32_t i = 0; i < n; i++) {
		atomic_store(&space->state[pfns[i]], (uint8_t)QI_STATE_DEFERRED);
		/* The last page of each stretch in one pageblock stands for all of it. */
		if (i + 1 == n || qi_block_of(pfns[i + 1]) != qi_block_of(pfns[i]))
			push(space, zone, qi_block_of(pfns[i]));
	}
	try_take_up(space, zone);
}

static void take_up_page(struct qi_space *space, struct qi_zone *zone, uint32_t pfn,
			 unsigned int order)
{
	qi_state_set(space->state, pfn, QI_STATE_FREE);
	qi_zone_give_block_locked(space, zone, pfn, order);
	atomic_fetch_sub_explicit(&zone->nr_deferred, UINT64_C(1) << order, memory_order_relaxed);
}

/* Most words of states have no deferred page in them, and are passed over whole. */
static void take_up_block(struct qi_space *space, struct qi_zone *zone, uint32_t block)
{
	uint32_t first = block << QI_UNIT_ORDER;

	for (uint32_t at = first; at < first + QI_UNIT_ITEMS; at += QI_OCTET) {
		uint64_t states = __atomic_load_n(qi_state_word_of(space->state, at),
						  __ATOMIC_SEQ_CST);

		if ((states & qi_state_eight_times(QI_STATE_DEFERRED)) == 0)
			continue;
		for (uint32_t pfn = at; pfn < at + QI_OCTET; pfn++) {
			/*
			 * Acquires what the deferring thread did, also where it found the block on
			 * the stack.
			 */
			uint8_t state = atomic_load(&space->state[pfn]);

			if ((state & QI_STATE_DEFERRED) != 0)
				take_up_page(space, zone, pfn, qi_state_order(state));
		}
	}
}

void qi_zone_take_up_locked(struct qi_space *space, struct qi_zone *zone)
{
	uint32_t top = atomic_exchange(&zone->deferred, 0);

	while (top != 0) {
		uint32_t block = top - 1;
		uint32_t link = atomic_load(&space->blocks.units[block].deferred);

		atomic_store(&space->blocks.units[block].deferred, OFF_STACK);
		top = link == LAST ? 0 : link;
		take_up_block(space, zone, block);
	}
}
