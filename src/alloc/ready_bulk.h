/* SPDX-License-Identifier: MIT */
/*
 * The shortest ways for many pages, in instances where alloc/ready.h says so: single pages here,
 * batches by code made for this machine's vectors. The form is a constant of each caller.
 */
#ifndef QI_ALLOC_READY_BULK_H
#define QI_ALLOC_READY_BULK_H

#include "alloc/array.h"
#include "alloc/ready_one.h"

enum {
	QI_FEW = 4, /* pages from which on a batch is faster than single pages */
};

/* The only one, where pages are ready: offsets are into it. */
static const struct quire_region qi_first_region = { .id = 1 };

/* An array of slots that calls write, and of slots that calls read. */
static inline void qi_array_out(struct qi_array *array, void *slots)
{
	if (array->form == QI_FORM_PAGE)
		array->out.pages = slots;
	else if (array->form == QI_FORM_PFN)
		array->out.pfns = slots;
	else
		array->out.offsets = slots;
}

static inline void qi_array_in(struct qi_array *array, const void *slots)
{
	if (array->form == QI_FORM_PAGE)
		array->in.pages = slots;
	else if (array->form == QI_FORM_PFN)
		array->in.pfns = slots;
	else
		array->in.offsets = slots;
}

static inline const struct qi_range *qi_ready_range(const struct quire *q, enum qi_form form)
{
	return form == QI_FORM_OFFSET ? &q->by_offset : &q->by_address;
}

static inline void *qi_ready_slot(enum qi_form form, const void *slots, size_t at)
{
	size_t bytes = form == QI_FORM_PFN ? sizeof(uint32_t) : sizeof(qi_slot);

	return (char *)(uintptr_t)slots + at * bytes;
}

/* What calls of that form must know. */
static inline uint64_t qi_ready_take_of(const struct quire *q, enum qi_form form)
{
	if (form == QI_FORM_PFN)
		return qi_ready_word(&q->ready.take_pfn);
	return qi_ready_word(form == QI_FORM_PAGE ? &q->ready.take_page : &q->ready.take_offset);
}

static inline uint64_t qi_ready_give_of(const struct quire *q, enum qi_form form)
{
	return qi_ready_word(form == QI_FORM_PAGE ? &q->ready.give_page : &q->ready.give_other);
}

/* One page to a slot, and back: huge for what is no page's. */
static inline void qi_ready_write_one(const struct quire *q, enum qi_form form, uint64_t word,
				      void *slots, size_t at, uint64_t pfn)
{
	if (form == QI_FORM_PFN)
		((uint32_t *)slots)[at] = (uint32_t)pfn;
	else if (form == QI_FORM_PAGE)
		((qi_slot *)slots)[at] = q->ready.page_0 + qi_word_bytes(word, pfn);
	else
		((qi_slot *)slots)[at] = qi_word_bytes(word, pfn - q->ready.first_pfn);
}

static inline uint64_t qi_ready_read_one(const struct quire *q, enum qi_form form, uint64_t word,
					 const void *slots, size_t at)
{
	if (form == QI_FORM_PFN)
		return ((const uint32_t *)slots)[at];
	if (form == QI_FORM_PAGE)
		return qi_word_pages(word, ((const qi_slot *)slots)[at] - q->ready.page_0);
	return qi_word_pages(word, ((const qi_slot *)slots)[at]) + q->ready.first_pfn;
}

/* A batch of pages to the slots from at on, and held. */
static inline void qi_ready_write(struct quire *q, enum qi_form form, void *slots, size_t at,
				  uint32_t n, const uint32_t *pfns)
{
	if (qi_checked(q))
		q->vector->hold(q->states, n, pfns);
	if (form == QI_FORM_PFN)
		memcpy((uint32_t *)slots + at, pfns, n * sizeof(*pfns));
	else
		q->vector->to_slots(qi_ready_range(q, form), n, pfns, (qi_slot *)slots + at);
}

/*
 * The pages in n slots from at on, which are held and become free by state, up to the first that is
 * not; none if any slot is no page's. How many. Unchecked, all are taken to be held.
 */
static inline uint32_t qi_ready_read(struct quire *q, enum qi_form form, const void *slots,
				     size_t at, uint32_t n, uint32_t *pfns)
{
	const struct qi_range *range = qi_ready_range(q, form);
	bool good;

	if (form == QI_FORM_PFN) {
		memcpy(pfns, (const uint32_t *)slots + at, n * sizeof(*pfns));
		good = q->vector->in_range(range, n, pfns);
	} else {
		good = q->vector->from_slots(range, n, (const qi_slot *)slots + at, pfns);
	}
	if (qp_unlikely(!good))
		return 0;
	return qi_checked(q) ? q->vector->release(q->states, n, pfns) : n;
}

#endif /* QI_ALLOC_READY_BULK_H */
