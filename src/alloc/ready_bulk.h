/* SPDX-License-Identifier: MIT */
/*
 * The shortest ways for many pages, in instances where alloc/ready.h says so. Batches of a few pages
 * are done here; for longer ones it pays to call code made for this machine's vectors.
 */
#ifndef QI_ALLOC_READY_BULK_H
#define QI_ALLOC_READY_BULK_H

#include "alloc/array.h"

enum {
	QI_FEW = 8,
};

static inline const struct qi_range *qi_ready_range(const struct quire *q, enum qi_form form)
{
	return form == QI_FORM_OFFSET ? &q->by_offset : &q->by_address;
}

/* n pages to the slots from at on. */
static inline void qi_ready_write(const struct quire *q, enum qi_form form, void *slots, size_t at,
				  uint32_t n, const uint32_t *pfns)
{
	const struct qi_range *range = qi_ready_range(q, form);

	if (form == QI_FORM_PFN) {
		uint32_t *out = (uint32_t *)slots + at;

		for (uint32_t i = 0; n <= QI_FEW && i < n; i++)
			out[i] = pfns[i];
		if (n > QI_FEW)
			memcpy(out, pfns, n * sizeof(*pfns));
		return;
	}
	if (n > QI_FEW) {
		q->vector->to_slots(range, n, pfns, (qi_slot *)slots + at);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		((qi_slot *)slots)[at + i] = range->start + ((uint64_t)(pfns[i] - range->first_pfn)
							     << range->shift);
}

/* n pages from the slots from at on; false: some are no page's. */
static inline bool qi_ready_read(const struct quire *q, enum qi_form form, const void *slots,
				 size_t at, uint32_t n, uint32_t *pfns)
{
	const struct qi_range *range = qi_ready_range(q, form);
	uint64_t nr_pages = qi_ready_get(&q->ready.nr_pages);
	bool good = true;

	if (n > QI_FEW && form == QI_FORM_PFN) {
		memcpy(pfns, (const uint32_t *)slots + at, n * sizeof(*pfns));
		return q->vector->in_range(range, n, pfns);
	}
	if (n > QI_FEW)
		return q->vector->from_slots(range, n, (const qi_slot *)slots + at, pfns);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t index;

		if (form == QI_FORM_PFN)
			index = ((const uint32_t *)slots)[at + i] - range->first_pfn;
		else
			index = qi_ready_rotate(&q->ready,
						((const qi_slot *)slots)[at + i] - range->start);
		pfns[i] = range->first_pfn + (uint32_t)index;
		good &= index < nr_pages;
	}
	return good;
}

static inline void qi_ready_hold(const struct quire *q, uint32_t n, const uint32_t *pfns)
{
	if (q->ready.check == QUIRE_CHECK_OFF)
		return;
	if (n > QI_FEW) {
		q->vector->hold(q->ready.state, n, pfns);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		qi_state_set(q->ready.state, pfns[i], QI_STATE_HELD);
}

/* Held pages become free, up to the first that is not held; how many. */
static inline uint32_t qi_ready_release(const struct quire *q, uint32_t n, const uint32_t *pfns)
{
	uint32_t i = 0;

	if (n > QI_FEW)
		return q->vector->release(q->ready.state, n, pfns);
	for (; i < n && qi_state_get(q->ready.state, pfns[i]) == QI_STATE_HELD; i++)
		qi_state_set(q->ready.state, pfns[i], QI_STATE_FREE);
	return i;
}

#endif /* QI_ALLOC_READY_BULK_H */
