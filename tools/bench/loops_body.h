/* SPDX-License-Identifier: MIT */
/*
 * The loops over batches, for the file of an allocator to include after its operations. It has
 * defined, for constants form and calls and always inlined,
 *
 *	size_t take(const struct seat *, enum form, enum calls, size_t first, size_t n)
 *		fills slots first to first + n - 1 and returns how many came, those at the front;
 *	size_t give(const struct seat *, enum form, enum calls, size_t first, size_t n)
 *		frees them and returns how many were taken back;
 *	SPECIALISED(loop, seat, ...)
 *		evaluates to loop(seat, FORM, CALLS, ...) with constants that are the seat's.
 *
 * So Quire and its peers are measured by the same loops, each with its calls inlined as far as its
 * header lets a user's compiler do that.
 */
#ifndef TOOL_LOOPS_BODY_H
#define TOOL_LOOPS_BODY_H

#include <stdlib.h>
#include <string.h>

#include "../clock.h"
#include "../memory.h"
#include "loops.h"

_Static_assert(sizeof(void *) == sizeof(uint64_t), "slots of pages and of offsets are alike");

size_t seat_slot_bytes(const struct seat *seat)
{
	return seat->form == FORM_PFN ? sizeof(uint32_t) : sizeof(uint64_t);
}

void seat_begin(struct seat *seat, size_t nr_slots)
{
	seat->nr_slots = nr_slots;
	seat->slots.any = need_lines(nr_slots, seat_slot_bytes(seat));
	memset(seat->slots.any, 0xff, nr_slots * seat_slot_bytes(seat));
}

void seat_end(struct seat *seat)
{
	free(seat->slots.any);
	seat->slots.any = NULL;
}

void loops_shuffle(struct seat *seat, size_t n)
{
	rng_shuffle(&seat->rng, seat->slots.any, n, seat_slot_bytes(seat));
}

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

INLINED void swap_slots(struct seat *seat, enum form form, size_t a, size_t b)
{
	if (form == FORM_PFN) {
		uint32_t spare = seat->slots.pfns[a];

		seat->slots.pfns[a] = seat->slots.pfns[b];
		seat->slots.pfns[b] = spare;
	} else {
		uint64_t spare = seat->slots.offsets[a];

		seat->slots.offsets[a] = seat->slots.offsets[b];
		seat->slots.offsets[b] = spare;
	}
}

/* Move a random batch of the pool to its end; returns the first slot of that. */
INLINED size_t pick_batch(struct seat *seat, enum form form)
{
	size_t left = seat->nr_slots, other;

	while (left > seat->nr_slots - seat->batch) {
		other = rng_below(&seat->rng, left--);
		swap_slots(seat, form, other, left);
	}
	return left;
}

INLINED bool churn(struct seat *seat, enum form form, enum calls calls, size_t repetitions,
		   struct split *split)
{
	size_t first, nr, nr_given;
	uint64_t start;

	for (; repetitions; repetitions--) {
		first = pick_batch(seat, form);
		start = ticks();
		nr_given = give(seat, form, calls, first, seat->batch);
		split->free_ticks += ticks() - start;
		start = ticks();
		nr = take(seat, form, calls, first, seat->batch);
		split->alloc_ticks += ticks() - start;
		split->nr_sections++;
		if (nr != seat->batch || nr_given != nr) {
			seat->nr_slots = first + nr;
			return false;
		}
	}
	return true;
}

/* split is a constant NULL or never NULL. */
INLINED bool produce(struct seat *seat, enum form form, enum calls calls, struct ring *ring,
		     size_t repetitions, struct split *split)
{
	size_t batch = seat->batch, first, nr;
	uint64_t start = 0;

	for (; repetitions; repetitions--) {
		first = ring_place_to_fill(ring) * batch;
		if (split)
			start = ticks();
		nr = take(seat, form, calls, first, batch);
		if (split) {
			split->alloc_ticks += ticks() - start;
			split->nr_sections++;
		}
		if (nr != batch) {
			give(seat, form, calls, first, nr);
			break;
		}
		ring_put(ring);
	}
	ring_stop(ring);
	return repetitions == 0;
}

INLINED bool consume(struct seat *seat, enum form form, enum calls calls, struct ring *ring,
		     size_t repetitions, struct split *split)
{
	size_t batch = seat->batch, nr_bad = 0, place;
	uint64_t start = 0;

	for (; repetitions && ring_place_to_empty(ring, &place); repetitions--) {
		if (split)
			start = ticks();
		nr_bad += give(seat, form, calls, place * batch, batch) != batch;
		if (split) {
			split->free_ticks += ticks() - start;
			split->nr_sections++;
		}
		ring_taken(ring);
	}
	return repetitions == 0 && !nr_bad;
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
	return SPECIALISED(churn, seat, repetitions, split);
}

bool loops_produce(struct seat *seat, struct ring *ring, size_t repetitions, struct split *split)
{
	if (!split)
		return SPECIALISED(produce, seat, ring, repetitions, NULL);
	return SPECIALISED(produce, seat, ring, repetitions, split);
}

bool loops_consume(struct seat *seat, struct ring *ring, size_t repetitions, struct split *split)
{
	if (!split)
		return SPECIALISED(consume, seat, ring, repetitions, NULL);
	return SPECIALISED(consume, seat, ring, repetitions, split);
}

size_t loops_take(struct seat *seat, size_t n)
{
	return SPECIALISED(take_all, seat, n);
}

size_t loops_give(struct seat *seat, size_t n)
{
	return SPECIALISED(give_all, seat, n);
}

#endif /* TOOL_LOOPS_BODY_H */
