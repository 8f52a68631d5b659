/* SPDX-License-Identifier: MIT */
/*
 * What is done to each page of a batch in memory, and the table of it all; included by the one file
 * that says how whole batches are moved, which is compiled several times: QI_VECTOR is the table's
 * name. Loops are plain, without exits inside, so that the compiler makes vectors of them.
 *
 * States of pages that follow each other are read and written at once: all of them are the
 * caller's, or, if the caller is wrong, it is seen before anything is written. ThreadSanitizer is
 * told not to look, as elsewhere single states are atomics.
 */
#ifndef QI_ALLOC_VECTOR_EACH_H
#define QI_ALLOC_VECTOR_EACH_H

#include "alloc/ready_bulk.h"

#define INLINED static inline __attribute__((always_inline))
#define WHOLE static __attribute__((no_sanitize("thread")))

enum {
	GROUP = 16, /* pages whose states are handled at once where they are a run */
	BATCH = 64, /* the same for whole batches, most of which are one */
};

WHOLE void to_slots(const struct qi_range *range, uint32_t n, const uint32_t *restrict pfns,
		    qi_slot *restrict slots)
{
	uint64_t pfn_0 = range->start - ((uint64_t)range->first_pfn << range->shift);
	uint32_t shift = range->shift;

	for (uint32_t i = 0; i < n; i++)
		slots[i] = pfn_0 + ((uint64_t)pfns[i] << shift);
}

/*
 * Wrong distances show in the top bit of distance (before the range) or of last - distance (behind
 * it).
 */
WHOLE bool from_slots(const struct qi_range *range, uint32_t n, const qi_slot *restrict slots,
		      uint32_t *restrict pfns)
{
	uint64_t start = range->start;
	uint64_t last = range->bytes - 1;
	uint64_t inside = range->inside;
	uint32_t first_pfn = range->first_pfn;
	uint32_t shift = range->shift;
	uint64_t wrong = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t distance = slots[i] - start;

		wrong |= (distance & inside) | ((distance | (last - distance)) >> 63);
		pfns[i] = first_pfn + (uint32_t)(distance >> shift);
	}
	return wrong == 0;
}

WHOLE bool in_range(const struct qi_range *range, uint32_t n, const uint32_t *pfns)
{
	uint32_t first_pfn = range->first_pfn;
	uint32_t last = (uint32_t)(range->bytes >> range->shift) - 1;
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < n; i++)
		wrong |= pfns[i] - first_pfn > last;
	return wrong == 0;
}

/* ---- States: n is a constant in the inlined functions, so that their loops are vectors ------- */

INLINED bool run_is_held(const qi_state *state, uint32_t pfn, uint32_t n)
{
	const unsigned char *bytes = (const void *)&state[pfn];
	uint64_t differ = 0;

	for (uint32_t i = 0; i < n; i += 8) {
		uint64_t word;

		__builtin_memcpy(&word, bytes + i, sizeof(word));
		differ |= word ^ qi_state_eight_times(QI_STATE_HELD);
	}
	return differ == 0;
}

INLINED void set_run(qi_state *state, uint32_t pfn, uint32_t n, uint8_t value)
{
	__builtin_memset((void *)&state[pfn], value, n);
}

INLINED bool hold_run(qi_state *state, uint32_t n, const uint32_t *pfns)
{
	uint32_t start = qi_run_start(n, pfns);

	if (start == QI_NO_RUN)
		return false;
	set_run(state, start, n, QI_STATE_HELD);
	return true;
}

INLINED bool release_run(qi_state *state, uint32_t n, const uint32_t *pfns)
{
	uint32_t start = qi_run_start(n, pfns);

	if (start == QI_NO_RUN || !run_is_held(state, start, n))
		return false;
	set_run(state, start, n, QI_STATE_FREE);
	return true;
}

static inline void hold_each(qi_state *state, uint32_t n, const uint32_t *pfns)
{
	for (uint32_t i = 0; i < n; i++)
		qi_state_set(state, pfns[i], QI_STATE_HELD);
}

static inline uint32_t release_each(qi_state *state, uint32_t n, const uint32_t *pfns)
{
	uint32_t i = 0;

	for (; i < n && qi_state_get(state, pfns[i]) == QI_STATE_HELD; i++)
		qi_state_set(state, pfns[i], QI_STATE_FREE);
	return i;
}

WHOLE void hold(qi_state *state, uint32_t n, const uint32_t *pfns)
{
	uint32_t i = 0;

	if (n == BATCH && hold_run(state, BATCH, pfns))
		return;
	for (; n - i >= GROUP; i += GROUP) {
		if (!hold_run(state, GROUP, pfns + i))
			hold_each(state, GROUP, pfns + i);
	}
	hold_each(state, n - i, pfns + i);
}

WHOLE uint32_t release(qi_state *state, uint32_t n, const uint32_t *pfns)
{
	uint32_t i = 0;

	if (n == BATCH && release_run(state, BATCH, pfns))
		return BATCH;
	for (; n - i >= GROUP; i += GROUP) {
		uint32_t done = GROUP;

		if (!release_run(state, GROUP, pfns + i))
			done = release_each(state, GROUP, pfns + i);
		if (done < GROUP)
			return i + done;
	}
	return i + release_each(state, n - i, pfns + i);
}

/* ---- Runs of any length ---------------------------------------------------------------------- */

WHOLE void run_to_slots(uint64_t first, uint64_t step, uint32_t n, qi_slot *slots)
{
	for (uint32_t i = 0; i < n; i++)
		slots[i] = first + i * step;
}

/* Whether n slots, a constant, are next, next + step and so on. */
INLINED bool go_on(uint64_t next, uint64_t step, uint32_t n, const qi_slot *slots)
{
	uint64_t apart = 0;

	for (uint32_t i = 0; i < n; i++) {
		apart |= slots[i] ^ next;
		next += step;
	}
	return apart == 0;
}

WHOLE uint32_t run_in_slots(uint64_t first, uint64_t step, uint32_t n, const qi_slot *slots)
{
	uint32_t i = 0;

	while (n - i >= BATCH && go_on(first + i * step, step, BATCH, slots + i))
		i += BATCH;
	while (n - i >= GROUP && go_on(first + i * step, step, GROUP, slots + i))
		i += GROUP;
	while (i < n && slots[i] == first + i * step)
		i++;
	return i;
}

WHOLE bool release_long_run(qi_state *state, uint32_t pfn, uint32_t n)
{
	const unsigned char *bytes = (const void *)&state[pfn];
	uint32_t differ = 0;

	for (uint32_t i = 0; i < n; i++)
		differ |= bytes[i] ^ (uint32_t)QI_STATE_HELD;
	if (differ != 0)
		return false;
	set_run(state, pfn, n, QI_STATE_FREE);
	return true;
}

/*
 * The table, for the file's own take() and give(), whose forms are constants.
 */
#define QI_DEFINE_BATCHES(name, form)                                                              \
	WHOLE size_t take_##name(struct quire *q, size_t n, void *slots, qi_take_rest *rest)       \
	{                                                                                          \
		return take(form, q, n, slots, rest);                                              \
	}                                                                                          \
                                                                                                   \
	WHOLE size_t give_##name(struct quire *q, size_t n, const void *slots, qi_give_rest *rest) \
	{                                                                                          \
		return give(form, q, n, slots, rest);                                              \
	}

#define QI_DEFINE_VECTOR                                         \
	QI_DEFINE_BATCHES(pages, QI_FORM_PAGE)                   \
	QI_DEFINE_BATCHES(pfns, QI_FORM_PFN)                     \
	QI_DEFINE_BATCHES(offsets, QI_FORM_OFFSET)               \
                                                                 \
	const struct qi_vector QI_VECTOR = {                     \
		.to_slots = to_slots,                            \
		.from_slots = from_slots,                        \
		.in_range = in_range,                            \
		.hold = hold,                                    \
		.release = release,                              \
		.run_to_slots = run_to_slots,                    \
		.run_in_slots = run_in_slots,                    \
		.release_run = release_long_run,                 \
		.take = { take_pages, take_pfns, take_offsets }, \
		.give = { give_pages, give_pfns, give_offsets }, \
	};

#endif /* QI_ALLOC_VECTOR_EACH_H */
