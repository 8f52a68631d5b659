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
 * A word of a kind of call:
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
	uint64_t owner; /* qp_process() of the instance's process */
	uint32_t page_shift;
	uint32_t check; /* enum quire_check */
};

_Static_assert(offsetof(struct qi_ready, owner) == QP_CACHE_LINE, "one line");

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

static inline bool qi_word_checked(uint64_t word)
{
	return (word & QI_WORD_UNCHECKED) == 0;
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

#endif /* QI_ALLOC_READY_H */
