/* SPDX-License-Identifier: MIT */
/*
 * What bulk calls do to each page of a batch: conversions between forms, and the states; and the
 * whole of a batch between a list and the caller. One source (vector.c), compiled once for each width
 * of vectors that a processor may have; which one an instance uses is chosen when it is made.
 */
#ifndef QI_ALLOC_VECTOR_H
#define QI_ALLOC_VECTOR_H

#include "alloc/ready.h"

/* Slots of the caller, which are pointers or offsets: 64 bits. */
typedef uint64_t __attribute__((may_alias)) qi_slot;

enum qi_form {
	QI_FORM_PAGE,
	QI_FORM_PFN,
	QI_FORM_OFFSET,

};

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
	/*
	 * By form, for threads that are known, n <= QI_SCRATCH: pages of this CPU's list, held, to
	 * slots; how many, or a code, and nothing has been done.
	 */
	uint32_t (*take[QI_FORM_OFFSET + 1])(const struct qi_ready *ready,
					     const struct qi_range *range, uint32_t n, void *slots);
	/*
	 * The pages in n slots, held, to this CPU's list: n. 0: some are no pages or not held, and
	 * nothing has been done. A code: they are free by state, lie in pfns, and the list has not
	 * taken them.
	 */
	uint32_t (*give[QI_FORM_OFFSET + 1])(const struct qi_ready *ready,
					     const struct qi_range *range, uint32_t n,
					     const void *slots, uint32_t *pfns);
};

/* The widest that this machine has: vectors_wide.c, vectors_one.c. */
const struct qi_vector *qi_vector_choose(void);

#endif /* QI_ALLOC_VECTOR_H */
