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

/*
 * Constant once set, with two exceptions: owner, set anew in a child that inherits; and what
 * depends on the region, set when it is added.
 */
struct qi_ready {
	uint32_t owner; /* qp_process() of the instance's process */
	uint32_t check; /* enum quire_check */
	uint32_t nr_cpus;
	uint32_t page_shift;
	struct qi_pcp *pcps;
	qi_state *state;
	uintptr_t page_0; /* where pfn 0 would be mapped */
	uint32_t first_pfn; /* of the region */
	_Atomic uint32_t
		nr_pages; /* of the region, for frees of pfns and offsets; 0: the long way */
	_Atomic uint32_t nr_mapped; /* the same, for frees of pointers */
	_Atomic uint8_t long_pfns; /* 0: allocations may take the shortest way; 1: the long one */
	_Atomic uint8_t long_pages; /* the same, for pointers */
	_Atomic uint8_t long_offsets;
};

_Static_assert(sizeof(struct qi_ready) <= QP_CACHE_LINE, "one line");

static inline uint32_t qi_ready_get(const _Atomic uint32_t *value)
{
	return atomic_load_explicit((_Atomic uint32_t *)value, memory_order_acquire);
}

/* 0 if a request with these arguments may take the shortest way; flag: long_pfns, … */
static inline uint32_t qi_ready_not(const _Atomic uint8_t *flag, uint32_t gfp, unsigned int order)
{
	return gfp | order | atomic_load_explicit((_Atomic uint8_t *)flag, memory_order_acquire);
}

static inline uintptr_t qi_ready_page(const struct qi_ready *ready, uint32_t pfn)
{
	return ready->page_0 + ((uintptr_t)pfn << ready->page_shift);
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

/* A page, held, or a code from QP_LEFT on: nothing has been done. */
static inline uint32_t qi_ready_take(const struct qi_ready *ready)
{
	uint32_t pfn;

	if (qp_unlikely(!qp_section_known(ready->owner)))
		return QP_STRANGER;
	pfn = qp_pop_one(ready->pcps, ready->nr_cpus);
	if (qp_likely(pfn < QP_LEFT && ready->check != QUIRE_CHECK_OFF))
		qi_state_set(ready->state, pfn, QI_STATE_HELD);
	return pfn;
}

/*
 * Whether a page that exists has become free by state; false: nothing has been done. It then goes
 * where others can take it.
 */
static inline bool qi_ready_accept(const struct qi_ready *ready, uint32_t pfn)
{
	if (qp_unlikely(ready->check != QUIRE_CHECK_ON || !qp_section_known(ready->owner) ||
			qi_state_get(ready->state, pfn) != QI_STATE_HELD))
		return false;
	qi_state_set(ready->state, pfn, QI_STATE_FREE);
	return true;
}

/* 1, or a code from QP_LEFT on. */
static inline uint32_t qi_ready_push(const struct qi_ready *ready, uint32_t pfn)
{
	return qp_push_one(ready->pcps, ready->nr_cpus, pfn);
}

#endif /* QI_ALLOC_READY_H */
