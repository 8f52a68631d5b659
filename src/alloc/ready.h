/* SPDX-License-Identifier: MIT */
/*
 * The shortest ways through the most frequent calls: a page of order 0, normal effort, in an
 * instance with one region whose cache is `pcp`. All that they read of the instance is one line; what
 * does not hold in this instance is written there as a value that sends every call the long way.
 */
#ifndef QI_ALLOC_READY_H
#define QI_ALLOC_READY_H

#include "cache/front.h"

#include <quire/types.h>

/* Kept out of line, so that the shortest ways need no stack frame, or none beyond a batch. */
#define QI_LONG_WAY static __attribute__((noinline))

/*
 * Constant once set, with two exceptions: owner, set anew in a child that inherits; and what
 * depends on the region, set when it is added.
 */
struct qi_ready {
	uint32_t owner; /* qp_process() of the instance's process */
	uint32_t nr_cpus;
	uint32_t page_shift;
	uint32_t first_pfn; /* of the region */
	struct qi_pcp *pcps;
	qi_state *state;
	uintptr_t page_0; /* where pfn 0 would be mapped */
	uintptr_t addr; /* of the region */
	_Atomic uint64_t nr_mapped; /* its pages, for checked frees of pointers; 0: the long way */
	uint32_t check; /* enum quire_check */
	/* enum qi_way of allocations, by form of the page */
	_Atomic uint8_t pfns;
	_Atomic uint8_t pages;
	_Atomic uint8_t offsets;
	/* the rest has no room in that line */
	_Atomic uint64_t nr_pages; /* its pages, for other frees; 0: the long way */
};

_Static_assert(offsetof(struct qi_ready, nr_pages) == QP_CACHE_LINE, "one line");

enum qi_way {
	QI_WAY_SHORT, /* checked, and ready */
	QI_WAY_UNCHECKED, /* ready, and states of held pages are not kept */
	QI_WAY_LONG,
};

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

/*
 * Bytes to pages; huge for an address inside a page, whose low bits have become the highest. So one
 * comparison with the number of pages finds every wrong one.
 */
static inline uint64_t qi_ready_rotate(const struct qi_ready *ready, uint64_t bytes)
{
	uint32_t shift = ready->page_shift;

	return bytes >> shift | bytes << (64 - shift);
}

/* A page that is not held yet, or a code from QP_LEFT on: nothing has been done. */
static inline uint64_t qi_ready_pop(const struct qi_ready *ready)
{
	if (qp_unlikely(!qp_section_known(ready->owner)))
		return QP_STRANGER;
	return qp_pop_one(ready->pcps, &ready->nr_cpus);
}

/* The same, held, where the way is the short one. */
static inline uint64_t qi_ready_take(const struct qi_ready *ready)
{
	uint64_t pfn = qi_ready_pop(ready);

	if (qp_likely(pfn < QP_LEFT))
		atomic_store_explicit(&ready->state[pfn], QI_STATE_HELD, memory_order_relaxed);
	return pfn;
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
	return qp_push_one(ready->pcps, &ready->nr_cpus, pfn);
}

#endif /* QI_ALLOC_READY_H */
