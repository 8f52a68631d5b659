/* SPDX-License-Identifier: MIT */
/* One page the shortest way, in instances where alloc/ready.h says so. */
#ifndef QI_ALLOC_READY_ONE_H
#define QI_ALLOC_READY_ONE_H

#include "alloc/instance.h"

/* A page, held if states are kept: 1; or a code from QP_LEFT on, and nothing has been done. */
static inline uint32_t qi_ready_take(struct quire *q, uint64_t word, uint64_t *pfn)
{
	uint32_t popped = qp_pop_one(q->ready.pcps, (uint32_t)qi_ready_bound(word), pfn);

	if (qp_likely(popped < QP_LEFT) && qp_likely(qi_word_checked(word)))
		atomic_store_explicit(&q->states[*pfn], QI_STATE_HELD, memory_order_relaxed);
	return popped;
}

/* The same, out of line, when that has left and why; false: nothing has been done. */
static inline bool qi_ready_take_shared(struct quire *q, uint32_t why, uint32_t *pfn)
{
	if (!qi_front_take_one_shared(&q->front, why, pfn))
		return false;
	if (qi_checked(q))
		qi_state_set(q->states, *pfn, QI_STATE_HELD);
	return true;
}

/*
 * Whether a page below the word's bound becomes free by state; false: nothing has been done. Pfns
 * below the region's first have no page, and are never held.
 */
static inline bool qi_ready_accept(struct quire *q, uint64_t word, uint64_t pfn)
{
	if (qp_unlikely(!qi_word_checked(word)))
		return pfn >= q->ready.first_pfn && !qi_has_high(q);
	if (qp_unlikely(atomic_load_explicit(&q->states[pfn], memory_order_relaxed) !=
			QI_STATE_HELD))
		return false;
	atomic_store_explicit(&q->states[pfn], QI_STATE_FREE, memory_order_relaxed);
	return true;
}

/*
 * A page into its CPU's list, by a thread that is known: 1; or a code from QP_LEFT on, and it is
 * free by state. QP_STRANGER: nothing has been done.
 */
static inline uint32_t qi_ready_give(struct quire *q, uint64_t word, uint64_t pfn)
{
	if (qp_unlikely(pfn >= qi_ready_bound(word) || !qi_ready_accept(q, word, pfn)))
		return QP_STRANGER;
	return qp_push_one(q->ready.pcps, q->ready.nr_cpus, pfn);
}

#endif /* QI_ALLOC_READY_ONE_H */
