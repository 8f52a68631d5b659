/* SPDX-License-Identifier: MIT */
/*
 * Compiled several times; QI_VECTOR is the table's name. Loops are plain, without exits inside, so
 * that the compiler makes vectors of them.
 *
 * States of 16 pages that follow each other are read and written at once: all of them are the
 * caller's, or, if the caller is wrong, it is seen before anything is written. ThreadSanitizer is
 * told not to look, as elsewhere single states are atomics.
 */
#include "alloc/vector.h"

#include <stddef.h>

void *memset(void *to, int byte, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);

#define WHOLE __attribute__((no_sanitize("thread")))

enum {
	GROUP = 16, /* pages whose states are handled at once where they are a run */
};

static void to_slots(const struct qi_range *range, uint32_t n, const uint32_t *restrict pfns,
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
static bool from_slots(const struct qi_range *range, uint32_t n, const qi_slot *restrict slots,
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

static bool in_range(const struct qi_range *range, uint32_t n, const uint32_t *pfns)
{
	uint32_t first_pfn = range->first_pfn;
	uint32_t last = (uint32_t)(range->bytes >> range->shift) - 1;
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < n; i++)
		wrong |= pfns[i] - first_pfn > last;
	return wrong == 0;
}

static inline bool is_group(const uint32_t *pfns)
{
	uint32_t first = pfns[0];
	uint32_t apart = 0;

	for (uint32_t i = 0; i < GROUP; i++)
		apart |= pfns[i] ^ (first + i);
	return apart == 0;
}

static inline void set_group(qi_state *state, uint32_t pfn, uint8_t value)
{
	memset((void *)&state[pfn], value, GROUP);
}

static inline bool group_is_held(const qi_state *state, uint32_t pfn)
{
	uint64_t held = qi_state_eight_times(QI_STATE_HELD);
	uint64_t word[2];

	memcpy(word, (const void *)&state[pfn], GROUP);
	return ((word[0] ^ held) | (word[1] ^ held)) == 0;
}

WHOLE static void hold(qi_state *state, uint32_t n, const uint32_t *pfns)
{
	uint32_t i = 0;

	for (; n - i >= GROUP; i += GROUP) {
		if (is_group(pfns + i)) {
			set_group(state, pfns[i], QI_STATE_HELD);
			continue;
		}
		for (uint32_t j = 0; j < GROUP; j++)
			qi_state_set(state, pfns[i + j], QI_STATE_HELD);
	}
	for (; i < n; i++)
		qi_state_set(state, pfns[i], QI_STATE_HELD);
}

static inline uint32_t release_each(qi_state *state, uint32_t n, const uint32_t *pfns)
{
	uint32_t i = 0;

	for (; i < n && qi_state_get(state, pfns[i]) == QI_STATE_HELD; i++)
		qi_state_set(state, pfns[i], QI_STATE_FREE);
	return i;
}

WHOLE static uint32_t release(qi_state *state, uint32_t n, const uint32_t *pfns)
{
	uint32_t i = 0;

	for (; n - i >= GROUP; i += GROUP) {
		if (is_group(pfns + i) && group_is_held(state, pfns[i])) {
			set_group(state, pfns[i], QI_STATE_FREE);
		} else {
			uint32_t done = release_each(state, GROUP, pfns + i);

			if (done < GROUP)
				return i + done;
		}
	}
	return i + release_each(state, n - i, pfns + i);
}

const struct qi_vector QI_VECTOR = {
	.to_slots = to_slots,
	.from_slots = from_slots,
	.in_range = in_range,
	.hold = hold,
	.release = release,
};
