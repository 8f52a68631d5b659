/* SPDX-License-Identifier: MIT */
/*
 * The shortest ways through the most frequent calls: a page of order 0, normal effort, in an
 * instance with one region whose cache is `pcp`. All that single calls read of the instance, and of
 * its states the page's own, is one line; what does not hold in this instance is written there as a
 * value that sends every call the long way. It is loads and stores that such a call is made of, so
 * what can be read at once is one word.
 */
#ifndef QI_ALLOC_READY_H
#define QI_ALLOC_READY_H

#include "cache/front.h"

#include <quire/types.h>

/* Kept out of line, so that the shortest ways need no stack frame, or none beyond a batch. */
#define QI_LONG_WAY static __attribute__((noinline))

/*
 * A word of a kind of single call:
 *
 *	bits 0 to 5	page_shift: where machines look for it when they shift
 *	bits 6 to 30	number of the instance's process; 0, which no process has: the long way
 *	bit 31		states of held pages are not kept
 *	bits 32 to 63	take: CPUs with lists. Give: the pfn behind the last page
 *
 * Stored when all that it speaks for is there, and read before that: release, acquire.
 */
#define QI_WORD_KEY UINT64_C(0x7fffffff)
#define QI_WORD_UNCHECKED (UINT64_C(1) << 31)
#define QI_WORD_BOUND_SHIFT 32

/*
 * Constant once set, with two exceptions: owner, set anew in a child that inherits; and what
 * depends on the region, set when it is added.
 */
struct qi_ready {
	/* single calls; the first may be held up by headers of lists (struct qp_rseq_area) */
	_Atomic uint64_t take_offset;
	_Atomic uint64_t take_pfn;
	_Atomic uint64_t take_page;
	_Atomic uint64_t give_page;
	_Atomic uint64_t give_other; /* by pfn or offset */
	struct qi_pcp *pcps;
	uintptr_t page_0; /* where pfn 0 would be mapped */
	uint32_t nr_cpus;
	uint32_t first_pfn; /* of the region */
	/* bulk calls, and everybody else */
	uint32_t owner; /* qp_process() of the instance's process */
	uint32_t page_shift;
	qi_state *state;
	uintptr_t addr; /* of the region */
	uint32_t check; /* enum quire_check */
	/* enum qi_way of allocations, by form of the page */
	_Atomic uint8_t pfns;
	_Atomic uint8_t pages;
	_Atomic uint8_t offsets;
	_Atomic uint64_t nr_pages; /* the region's, for frees; 0: the long way */
};

_Static_assert(offsetof(struct qi_ready, owner) == QP_CACHE_LINE, "one line");

enum qi_way {
	QI_WAY_SHORT, /* checked, and ready */
	QI_WAY_UNCHECKED, /* ready, and states of held pages are not kept */
	QI_WAY_LONG,
};

static inline uint64_t qi_ready_word(const _Atomic uint64_t *word)
{
	return atomic_load_explicit((_Atomic uint64_t *)word, memory_order_acquire);
}

/* 0 in a process whose number has no room. */
static inline uint64_t qi_ready_make_word(const struct qi_ready *ready, bool checked,
					  uint32_t bound)
{
	uint64_t key = ready->owner | ready->page_shift;

	_Static_assert(QP_KEY_MASK == 63, "page_shift is below it");
	if (key > QI_WORD_KEY)
		return 0;
	return key | (checked ? 0 : QI_WORD_UNCHECKED) | (uint64_t)bound << QI_WORD_BOUND_SHIFT;
}

static inline bool qi_ready_known(uint64_t word)
{
	return qp_section_known((uintptr_t)(word & QI_WORD_KEY));
}

static inline uint64_t qi_ready_bound(uint64_t word)
{
	return word >> QI_WORD_BOUND_SHIFT;
}

/* Pages to bytes. */
static inline uint64_t qi_word_bytes(uint64_t word, uint64_t pages)
{
	return pages << (word & QP_KEY_MASK);
}

/*
 * Bytes to pages; huge for an address inside a page, whose low bits have become the highest. So one
 * comparison with the number of pages finds every wrong one.
 */
static inline uint64_t qi_word_pages(uint64_t word, uint64_t bytes)
{
	return bytes >> (word & QP_KEY_MASK) | bytes << (-word & QP_KEY_MASK);
}

static inline uint64_t qi_ready_get(const _Atomic uint64_t *value)
{
	return atomic_load_explicit((_Atomic uint64_t *)value, memory_order_acquire);
}

static inline uint32_t qi_ready_way(const _Atomic uint8_t *way)
{
	return atomic_load_explicit((_Atomic uint8_t *)way, memory_order_acquire);
}

static inline uintptr_t qi_ready_page(const struct qi_ready *ready, uint64_t pfn)
{
	return ready->page_0 + (pfn << ready->page_shift);
}

/* As qi_word_pages(). */
static inline uint64_t qi_ready_rotate(const struct qi_ready *ready, uint64_t bytes)
{
	uint32_t shift = ready->page_shift;

	return bytes >> shift | bytes << (64 - shift);
}

/* A page that is not held yet, or a code from QP_LEFT on: nothing has been done. */
static inline uint64_t qi_ready_pop(const struct qi_ready *ready)
{
	uint64_t pfn;
	uint32_t popped;

	if (qp_unlikely(!qp_section_known(ready->owner)))
		return QP_STRANGER;
	popped = qp_pop_one(ready->pcps, ready->nr_cpus, &pfn);
	return qp_likely(popped < QP_LEFT) ? pfn : popped;
}

/*
 * Whether a held page of a checked instance has become free by state; false: nothing has been done.
 * It then goes where others can take it.
 */
static inline bool qi_ready_accept(const struct qi_ready *ready, uint64_t pfn)
{
	qi_state *state = &ready->state[pfn];

	if (qp_unlikely(!qp_section_known(ready->owner) ||
			atomic_load_explicit(state, memory_order_relaxed) != QI_STATE_HELD))
		return false;
	atomic_store_explicit(state, QI_STATE_FREE, memory_order_relaxed);
	return true;
}

/* 1, or a code from QP_LEFT on. */
static inline uint32_t qi_ready_push(const struct qi_ready *ready, uint64_t pfn)
{
	return qp_push_one(ready->pcps, ready->nr_cpus, pfn);
}

#endif /* QI_ALLOC_READY_H */
