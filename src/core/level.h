/* SPDX-License-Identifier: MIT */
/*
 * A level: units of 512 items each, and the bins that sort a zone's units by how fragmented they
 * are.
 *
 * 1. Level 0's units are pageblocks and its items pages; level 1's units are superblocks and its
 *    items pageblocks. Orders 0 to 9 of level 0 and 9 to 18 of level 1 are this one code.
 * 2. A unit is *open* while its bits and counts mean something. On level 0 a unit that is wholly
 *    free is closed and its bit in level 1 set instead; so is a unit that was handed out whole. Its
 *    bits are then left as they are, and a zone of any size is made without touching them. Level
 *    1's units are always open.
 * 3. Open units with free items hang in a bin of their zone: by largest free order; those of order
 *    0 by number of free items as well, so that a nearly full zone does not visit sixty units for
 *    sixty items.
 * 4. Items are taken from the most fragmented unit that will do, which leaves the others to become
 *    whole.
 *
 * Invariants, checked by qi_level_unit_valid():
 *	open:	nr_free = ones in bits, state = FULL iff nr_free = 0, else ORDER_0 + largest(bits)
 *	level 0, open: nr_free < 512		bin = bin_for(unit), or none when closed or full
 *
 * Everything here is protected by the lock of the zone that the unit belongs to, but for
 * `deferred`.
 */
#ifndef QI_CORE_LEVEL_H
#define QI_CORE_LEVEL_H

#include "core/bits.h"

#include <stdatomic.h>

enum {
	QI_UNIT_CLOSED = 0, /* zeroed memory is a closed unit */
	QI_UNIT_FULL = 1,
	QI_UNIT_ORDER_0 = 2, /* + largest free order */

	/*
	 * Bins 0 to 3: largest order 0, with at least 1, 4, 16, 64 items. Then one for each order 1
	 * to 9.
	 */
	QI_BIN_ORDER_1 = 4,
	QI_NR_BINS = QI_BIN_ORDER_1 + 9,
	QI_NO_BIN = 15,
};

#define QI_NO_UNIT UINT32_MAX

struct qi_unit {
	_Atomic uint16_t nr_free; /* read without the lock by statistics */
	uint8_t state; /* QI_UNIT_* */
	uint8_t bin; /* meaningful when open */
	uint32_t prev; /* QI_NO_UNIT: first of its bin */
	uint32_t next;
	_Atomic uint32_t deferred; /* see core/deferred.c; not protected by the zone's lock */
};

static inline uint32_t qi_unit_free(const struct qi_unit *unit)
{
	return atomic_load_explicit((_Atomic uint16_t *)&unit->nr_free, memory_order_relaxed);
}

static inline void qi_unit_set_free(struct qi_unit *unit, uint32_t nr_free)
{
	atomic_store_explicit(&unit->nr_free, (uint16_t)nr_free, memory_order_relaxed);
}

_Static_assert(sizeof(struct qi_bits) == 64, "a unit's bits are one cache line");
_Static_assert(sizeof(struct qi_unit) == 16, "metadata bound: doc/metadata.md");

/* The units of one level, all zones together. */
struct qi_level {
	struct qi_bits *bits;
	struct qi_unit *units;
};

/* The bins of one zone on one level. Protected by the zone's lock. */
struct qi_bins {
	uint32_t first[QI_NR_BINS];
	uint32_t filled; /* bit b: bin b is not empty */
};

void qi_bins_init(struct qi_bins *bins);

/* Open a unit that is in no bin, with the items set in bits (NULL: all of them), and file it. */
void qi_level_open(struct qi_level *level, struct qi_bins *bins, uint32_t unit,
		   const struct qi_bits *free);

/* Close an open unit: out of its bin; level 0 only. */
void qi_level_close(struct qi_level *level, struct qi_bins *bins, uint32_t unit);

/*
 * The best unit to take a block of that order, or want items of order 0, from; QI_NO_UNIT if there
 * is none.
 */
uint32_t qi_level_choose(const struct qi_bins *bins, unsigned int order, uint32_t want);

/*
 * Take up to want items of a unit, lowest first, as base + item. Returns how many; >= 1 as the unit
 * is in a bin.
 */
uint32_t qi_level_take_items(struct qi_level *level, struct qi_bins *bins, uint32_t unit,
			     uint32_t want, uint32_t base, uint32_t *out);

/* The same, into a set. */
uint32_t qi_level_move_items(struct qi_level *level, struct qi_bins *bins, uint32_t unit,
			     uint32_t want, struct qi_bits *out);

/* Take a block of that order, which the unit has; its first item. */
uint32_t qi_level_take_block(struct qi_level *level, struct qi_bins *bins, uint32_t unit,
			     unsigned int order);

/* Take items that are all free. */
void qi_level_take_range(struct qi_level *level, struct qi_bins *bins, uint32_t unit,
			 uint32_t first, uint32_t count);

/*
 * Make items free, without filing: add to a unit as often as needed, then qi_level_file() it once
 * with the largest order that any of these returned. The items must not be free.
 */
unsigned int qi_level_add(struct qi_level *level, uint32_t unit, uint32_t first, uint32_t count);
/* The same where the caller has set the bits of count items. */
unsigned int qi_level_added(struct qi_level *level, uint32_t unit, uint32_t count);
void qi_level_file(struct qi_level *level, struct qi_bins *bins, uint32_t unit,
		   unsigned int merged);

bool qi_level_unit_valid(const struct qi_level *level, uint32_t unit, bool may_be_whole);

#endif /* QI_CORE_LEVEL_H */
