/* SPDX-License-Identifier: MIT */
/* Quire's operations: the six ways to take a batch and to give it back. */
#include "loops.h"

#include <quire/quire.h>

#include "measure.h"

void loops_thread_begin(void)
{
}

void loops_thread_end(void)
{
}

uint64_t seat_nr_managed(const struct cell *cell)
{
	return instance_stats(cell->instance).managed;
}

struct seat seat_make(const struct cell *cell, unsigned int thread)
{
	return (struct seat){
		.q = cell->instance->q,
		.region = cell->instance->region,
		.form = cell->form,
		.calls = cell->calls,
		.pattern = cell->pattern,
		.order = cell->order,
		.batch = cell->batch,
		.rng = rng_make(cell->seed, thread),
	};
}

INLINED size_t take_pages(struct quire *q, unsigned int order, void **pages, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		pages[i] = quire_alloc(q, 0, order);
		if (!pages[i])
			break;
	}
	return i;
}

INLINED size_t take_pfns(struct quire *q, unsigned int order, uint32_t *pfns, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		pfns[i] = quire_alloc_pfn(q, 0, order);
		if (pfns[i] == QUIRE_NO_PFN)
			break;
	}
	return i;
}

INLINED size_t take_offsets(struct quire *q, struct quire_region region, unsigned int order,
			    uint64_t *offsets, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		offsets[i] = quire_alloc_offset(q, region, 0, order);
		if (offsets[i] == QUIRE_NO_OFFSET)
			break;
	}
	return i;
}

INLINED size_t take(const struct seat *s, enum form form, enum calls calls, size_t first, size_t n)
{
	if (form == FORM_PAGE) {
		if (calls == CALLS_BULK)
			return quire_alloc_bulk(s->q, 0, s->order, n, s->slots.pages + first);
		return take_pages(s->q, s->order, s->slots.pages + first, n);
	}
	if (form == FORM_PFN) {
		if (calls == CALLS_BULK)
			return quire_alloc_bulk_pfn(s->q, 0, s->order, n, s->slots.pfns + first);
		return take_pfns(s->q, s->order, s->slots.pfns + first, n);
	}
	if (calls == CALLS_BULK)
		return quire_alloc_bulk_offset(s->q, s->region, 0, s->order, n,
					       s->slots.offsets + first);
	return take_offsets(s->q, s->region, s->order, s->slots.offsets + first, n);
}

INLINED size_t give_single(const struct seat *s, enum form form, size_t first, size_t n)
{
	struct quire *q = s->q;
	size_t nr_bad = 0, i;

	for (i = first; i < first + n; i++) {
		if (form == FORM_PAGE)
			nr_bad += quire_free(q, s->slots.pages[i]) != 0;
		else if (form == FORM_PFN)
			nr_bad += quire_free_pfn(q, s->slots.pfns[i]) != 0;
		else
			nr_bad += quire_free_offset(q, s->region, s->slots.offsets[i]) != 0;
	}
	return n - nr_bad;
}

INLINED size_t give(const struct seat *s, enum form form, enum calls calls, size_t first, size_t n)
{
	if (calls == CALLS_SINGLE)
		return give_single(s, form, first, n);
	if (form == FORM_PAGE)
		return quire_free_bulk(s->q, n, s->slots.pages + first);
	if (form == FORM_PFN)
		return quire_free_bulk_pfn(s->q, n, s->slots.pfns + first);
	return quire_free_bulk_offset(s->q, s->region, n, s->slots.offsets + first);
}

/* Evaluates to loop(seat, FORM, CALLS, ...) with constants, so that the compiler specialises it. */
#define SPECIALISED(loop, seat, ...)                                                               \
	((seat)->calls == CALLS_BULK                                                               \
		 ? ((seat)->form == FORM_PAGE  ? loop(seat, FORM_PAGE, CALLS_BULK, __VA_ARGS__)    \
		    : (seat)->form == FORM_PFN ? loop(seat, FORM_PFN, CALLS_BULK, __VA_ARGS__)     \
					       : loop(seat, FORM_OFFSET, CALLS_BULK, __VA_ARGS__)) \
		 : ((seat)->form == FORM_PAGE ? loop(seat, FORM_PAGE, CALLS_SINGLE, __VA_ARGS__)   \
		    : (seat)->form == FORM_PFN                                                     \
			    ? loop(seat, FORM_PFN, CALLS_SINGLE, __VA_ARGS__)                      \
			    : loop(seat, FORM_OFFSET, CALLS_SINGLE, __VA_ARGS__)))

#include "loops_body.h"
