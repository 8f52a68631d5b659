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

struct quire;

/*
 * What follows when a batch was not taken or given whole; its answer is the caller's.
 *
 * take: why is a code, and nothing has been done, or the number of pages that were taken. give: why
 * is 0, and nothing has been done, as some slots are no page's or pages are not held; or it is a
 * code, and the pages are free by state and lie in pfns.
 */
typedef size_t qi_take_rest(struct quire *q, size_t n, void *slots, uint32_t why);
typedef size_t qi_give_rest(struct quire *q, size_t n, const void *slots, uint32_t why,
			    const uint32_t *pfns);

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
	 * By form, for threads that are known, 1 <= n <= QI_SCRATCH: pages of this CPU's list, held,
	 * to slots; and the pages in slots, which are held, to the list. n, or what rest answers.
	 */
	size_t (*take[QI_FORM_OFFSET + 1])(struct quire *q, size_t n, void *slots,
					   qi_take_rest *rest);
	size_t (*give[QI_FORM_OFFSET + 1])(struct quire *q, size_t n, const void *slots,
					   qi_give_rest *rest);
};

/* The widest that this machine has: vectors_wide.c, vectors_one.c. */
const struct qi_vector *qi_vector_choose(void);

#endif /* QI_ALLOC_VECTOR_H */
