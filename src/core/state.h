/* SPDX-License-Identifier: MIT */
/*
 * The state byte of each page: doc/metadata.md draws the machine. One byte a page stands in for the
 * kernel's struct page, and lets a free find the block's order and refuse a wrong page.
 *
 *	0x00		FREE: in a bitmap, list, depot, stash or on its way between them; also every page of a
 *			held block but its first, and every pfn without a page
 *	0x01		RESERVED: out of play
 *	0x02		HOLE: a pfn inside a region's pageblocks that has no page
 *	0x03		RETURNING: no longer reserved, on its way to the bitmap
 *	0x80 + k	HELD: first page of a held block of order k (with 0x40: from the stash)
 *	0x20 + k	DEFERRED: a freed block of order k that waits for the zone's next lock holder
 *	0x40 + k	CLAIMED: a block of order k set aside by an all-or-nothing request under way
 *
 * Zeroed memory is free memory: metadata of any size need not be touched to be made. Accesses are
 * relaxed single-byte atomics: who may change a byte is settled by who owns the page, and ownership
 * passes through locks. Only a wrong free reads a byte that somebody else may be writing.
 */
#ifndef QI_CORE_STATE_H
#define QI_CORE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	QI_STATE_FREE = 0x00,
	QI_STATE_RESERVED = 0x01,
	QI_STATE_HOLE = 0x02,
	QI_STATE_RETURNING = 0x03,
	QI_STATE_DEFERRED = 0x20,
	QI_STATE_CLAIMED = 0x40,
	QI_STATE_FROM_STASH = 0x40, /* with HELD */
	QI_STATE_HELD = 0x80,
	QI_STATE_ORDER_MASK = 0x1f,
};

typedef _Atomic uint8_t qi_state;

_Static_assert(sizeof(qi_state) == 1, "one byte a page");

static inline uint8_t qi_state_get(const qi_state *state, uint32_t pfn)
{
	return atomic_load_explicit(&state[pfn], memory_order_relaxed);
}

static inline void qi_state_set(qi_state *state, uint32_t pfn, uint8_t value)
{
	atomic_store_explicit(&state[pfn], value, memory_order_relaxed);
}

/* From one value to another in one step, against racing double frees. */
static inline bool qi_state_exchange(qi_state *state, uint32_t pfn, uint8_t from, uint8_t to)
{
	return atomic_compare_exchange_strong_explicit(&state[pfn], &from, to, memory_order_relaxed,
						       memory_order_relaxed);
}

static inline unsigned int qi_state_order(uint8_t value)
{
	return value & QI_STATE_ORDER_MASK;
}

static inline bool qi_state_is_held(uint8_t value)
{
	return (value & QI_STATE_HELD) != 0;
}

/* Whether n >= 1 pfns follow each other. Without an early exit, so that it is done by vectors. */
static inline bool qi_is_run(uint32_t n, const uint32_t *pfns)
{
	uint32_t first = pfns[0];
	uint32_t apart = 0;

	for (uint32_t i = 0; i < n; i++)
		apart |= pfns[i] ^ (first + i);
	return apart == 0;
}

/* The same, each below the one before. */
static inline bool qi_is_run_down(uint32_t n, const uint32_t *pfns)
{
	uint32_t first = pfns[0];
	uint32_t apart = 0;

	for (uint32_t i = 0; i < n; i++)
		apart |= pfns[i] ^ (first - i);
	return apart == 0;
}

#define QI_NO_RUN UINT32_MAX

/* The lowest of n pfns that follow each other, up or (as pages freed one by one lie in a list) down. */
static inline uint32_t qi_run_start(uint32_t n, const uint32_t *pfns)
{
	if (pfns[n - 1] - pfns[0] == n - 1)
		return qi_is_run(n, pfns) ? pfns[0] : QI_NO_RUN;
	if (pfns[0] - pfns[n - 1] == n - 1)
		return qi_is_run_down(n, pfns) ? pfns[n - 1] : QI_NO_RUN;
	return QI_NO_RUN;
}

/*
 * Octets: eight pages that follow each other from a multiple of eight are one word of states, read
 * or written at once where all eight belong to the caller.
 */
enum {
	QI_OCTET = 8,
};

typedef uint64_t __attribute__((may_alias)) qi_state_word;

static inline qi_state_word *qi_state_word_of(qi_state *state, uint32_t pfn)
{
	return (qi_state_word *)(void *)&state[pfn];
}

static inline uint64_t qi_state_eight_times(uint8_t value)
{
	return value * UINT64_C(0x0101010101010101);
}

static inline void qi_state_set_octets(qi_state *state, uint32_t pfn, uint32_t n, uint8_t value)
{
	for (uint32_t i = 0; i < n; i += QI_OCTET)
		__atomic_store_n(qi_state_word_of(state, pfn + i), qi_state_eight_times(value),
				 __ATOMIC_RELAXED);
}

/* All of count states from pfn on, at once; only for pages that the caller owns. */
void qi_state_fill(qi_state *state, uint32_t pfn, uint32_t count, uint8_t value);

#endif /* QI_CORE_STATE_H */
