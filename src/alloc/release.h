/* SPDX-License-Identifier: MIT */
/*
 * What frees of one page and of many have in common. What a page is, is read from its state byte
 * before anything is changed; its state says "free" before the page goes where others can take it. A
 * wrong page is reported and nothing else happens.
 */
#ifndef QI_ALLOC_RELEASE_H
#define QI_ALLOC_RELEASE_H

#include "alloc/array.h"

/*
 * A held page of order 0 becomes free by state; false: it is something else, see qi_release_other().
 */
static inline bool qi_accept_page(struct quire *q, uint32_t pfn)
{
	qi_state *state = q->space.state;

	if (qp_likely(q->ready.check == QUIRE_CHECK_ON)) {
		if (qp_unlikely(qi_state_get(state, pfn) != QI_STATE_HELD))
			return false;
		qi_state_set(state, pfn, QI_STATE_FREE);
		return true;
	}
	if (q->ready.check == QUIRE_CHECK_STRICT)
		return qi_state_exchange(state, pfn, QI_STATE_HELD, QI_STATE_FREE);
	/* Unchecked: only blocks of higher orders have their state kept. */
	return !qi_has_high(q) || qi_state_order(qi_state_get(state, pfn)) == 0;
}

/* A block whose state is free goes back. */
void qi_release_block(struct quire *q, uint32_t pfn, unsigned int order);

/*
 * Not a held page of order 0 as such: a block of a higher order, a page from the stash, or an
 * error, which is returned.
 */
int qi_release_other(struct quire *q, const char *call, uint32_t pfn, uint64_t address);

/* Free one page or block that the caller named by address: 0 or an error, reported. */
int qi_release(struct quire *q, const char *call, uint32_t pfn, uint64_t address);

/* The region of an offset form, or NULL with *error set and reported. */
const struct qi_region *qi_free_region(const struct quire *q, const char *call,
				       struct quire_region handle, int *error);

#endif /* QI_ALLOC_RELEASE_H */
