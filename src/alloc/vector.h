/* SPDX-License-Identifier: MIT */
/*
 * What bulk calls do to each page of a batch: conversions between forms, and the states. One source
 * (vector.c), compiled once for each width of vectors that a processor may have; which one an
 * instance uses is chosen when it is made.
 */
#ifndef QI_ALLOC_VECTOR_H
#define QI_ALLOC_VECTOR_H

#include "core/state.h"

/* Slots of the caller, which are pointers or offsets: 64 bits. */
typedef uint64_t __attribute__((may_alias)) qi_slot;

/* Where slots count from, and which are pages. */
struct qi_range {
	uint64_t start; /* of the region, as the slots give addresses */
	uint64_t bytes; /* at most 2^63 */
	uint32_t first_pfn;
	uint32_t shift;
	uint64_t inside; /* bits of an address that must be 0 */
};

struct qi_vector {
	/* n pages of the range to slots. */
	void (*to_slots)(const struct qi_range *range, uint32_t n, const uint32_t *pfns,
			 qi_slot *slots);
	/* n slots to pages; false: some are no page's, and pfns means nothing. */
	bool (*from_slots)(const struct qi_range *range, uint32_t n, const qi_slot *slots,
			   uint32_t *pfns);
	/* Whether all are pages of the range. */
	bool (*in_range)(const struct qi_range *range, uint32_t n, const uint32_t *pfns);
	/* n pages of the caller become held. */
	void (*hold)(qi_state *state, uint32_t n, const uint32_t *pfns);
	/* Held pages become free, in order, up to the first that is not held; how many. */
	uint32_t (*release)(qi_state *state, uint32_t n, const uint32_t *pfns);
	/* Runs: slots become first, first + step and so on; how many of n slots are that. */
	void (*run_to_slots)(uint64_t first, uint64_t step, uint32_t n, qi_slot *slots);
	uint32_t (*run_in_slots)(uint64_t first, uint64_t step, uint32_t n, const qi_slot *slots);
	/* n pages from pfn on are held, and become free; false: some are not, and nothing was done. */
	bool (*release_run)(qi_state *state, uint32_t pfn, uint32_t n);
};

/* The widest that this machine has: vectors_wide.c, vectors_one.c. */
const struct qi_vector *qi_vector_choose(void);

#endif /* QI_ALLOC_VECTOR_H */
