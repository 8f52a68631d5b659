/* SPDX-License-Identifier: MIT */
#include "loops.h"

#include <stdlib.h>
#include <string.h>

#include "../clock.h"
#include "../memory.h"

#define INLINED static inline __attribute__((always_inline))

static size_t slot_bytes(const struct seat *seat)
{
	return seat->form == FORM_PFN ? sizeof(uint32_t) : sizeof(uint64_t);
}

void seat_begin(struct seat *seat, size_t nr_slots)
{
	seat->nr_slots = nr_slots;
	seat->slots.any = need_zeroed(nr_slots, slot_bytes(seat));
	memset(seat->slots.any, 0xff, nr_slots * slot_bytes(seat));
}

void seat_end(struct seat *seat)
{
	free(seat->slots.any);
	seat->slots.any = NULL;
}

void loops_shuffle(struct seat *seat, size_t n)
{
	rng_shuffle(&seat->rng, seat->slots.any, n, slot_bytes(seat));
}

/* ---- One batch: the six ways to take it and to give it back --------------------------------- */

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

/* ---- Loops over batches --------------------------------------------------------------------- */

INLINED bool pairs(struct seat *seat, enum form form, enum calls calls, size_t repetitions)
{
	size_t batch = seat->batch, nr;

	for (; repetitions; repetitions--) {
		nr = take(seat, form, calls, 0, batch);
		if (give(seat, form, calls, 0, nr) != batch)
			return false;
	}
	return true;
}

INLINED bool split_pairs(struct seat *seat, enum form form, enum calls calls, size_t repetitions,
			 struct split *split)
{
	size_t batch = seat->batch, nr, nr_given;
	uint64_t start;

	for (; repetitions; repetitions--) {
		start = ticks();
		nr = take(seat, form, calls, 0, batch);
		split->alloc_ticks += ticks() - start;
		if (seat->pattern == PATTERN_RANDOM)
			loops_shuffle(seat, nr);
		start = ticks();
		nr_given = give(seat, form, calls, 0, nr);
		split->free_ticks += ticks() - start;
		split->nr_sections++;
		if (nr_given != batch)
			return false;
	}
	return true;
}

/* Move a random batch of the pool to its end; returns the first slot of that. */
static size_t pick_batch(struct seat *seat)
{
	uint32_t *pool = seat->slots.pfns;
	size_t left = seat->nr_slots, other;
	uint32_t spare;

	while (left > seat->nr_slots - seat->batch) {
		other = rng_below(&seat->rng, left--);
		spare = pool[other];
		pool[other] = pool[left];
		pool[left] = spare;
	}
	return left;
}

INLINED bool churn(struct seat *seat, enum calls calls, size_t repetitions, struct split *split)
{
	size_t first, nr, nr_given;
	uint64_t start;

	for (; repetitions; repetitions--) {
		first = pick_batch(seat);
		start = ticks();
		nr_given = give(seat, FORM_PFN, calls, first, seat->batch);
		split->free_ticks += ticks() - start;
		start = ticks();
		nr = take(seat, FORM_PFN, calls, first, seat->batch);
		split->alloc_ticks += ticks() - start;
		split->nr_sections++;
		if (nr != seat->batch || nr_given != nr) {
			seat->nr_slots = first + nr;
			return false;
		}
	}
	return true;
}

INLINED size_t take_all(struct seat *seat, enum form form, enum calls calls, size_t n)
{
	size_t done = 0, want, nr;

	while (done < n) {
		want = n - done < seat->batch ? n - done : seat->batch;
		nr = take(seat, form, calls, done, want);
		done += nr;
		if (nr < want)
			break;
	}
	return done;
}

INLINED size_t give_all(struct seat *seat, enum form form, enum calls calls, size_t n)
{
	size_t done, nr_given = 0, nr;

	for (done = 0; done < n; done += nr) {
		nr = n - done < seat->batch ? n - done : seat->batch;
		nr_given += give(seat, form, calls, done, nr);
	}
	return nr_given;
}

/* ---- Each loop for each form and kind of call ----------------------------------------------- */

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

bool loops_pairs(struct seat *seat, size_t repetitions)
{
	return SPECIALISED(pairs, seat, repetitions);
}

bool loops_split(struct seat *seat, size_t repetitions, struct split *split)
{
	return SPECIALISED(split_pairs, seat, repetitions, split);
}

bool loops_churn(struct seat *seat, size_t repetitions, struct split *split)
{
	if (seat->calls == CALLS_BULK)
		return churn(seat, CALLS_BULK, repetitions, split);
	return churn(seat, CALLS_SINGLE, repetitions, split);
}

size_t loops_take(struct seat *seat, size_t n)
{
	return SPECIALISED(take_all, seat, n);
}

size_t loops_give(struct seat *seat, size_t n)
{
	return SPECIALISED(give_all, seat, n);
}
