/* SPDX-License-Identifier: MIT */
/*
 * A request as all calls see it: what is asked for, checked once; and the two efforts that serve
 * it.
 */
#ifndef QI_ALLOC_REQUEST_H
#define QI_ALLOC_REQUEST_H

#include "alloc/array.h"

struct qi_request {
	const char *call; /* for reports */
	quire_gfp gfp;
	unsigned int order;
	const struct qi_region *only; /* pages of this region alone; NULL: any */
};

/*
 * Check flags, order and what the form needs. handle is the region of the offset form, NULL of
 * others; *array's region is set from it. 0, or a negative error, reported.
 */
int qi_request_check(const struct quire *q, struct qi_request *request, struct qi_array *array,
		     const struct quire_region *handle);

/*
 * Whether movements of pages may still bring what was not found. Begin, look, and ask after a
 * failure; begin again before the next look. attempt begins as 0.
 */
struct qi_watch {
	uint64_t seen;
	unsigned int attempt;
};

enum {
	QI_PATIENCE =
		1000, /* attempts while nothing changes; then whoever is moving pages has been stopped */
};

void qi_watch_begin(const struct quire *q, struct qi_watch *watch);
bool qi_watch_again(const struct quire *q, struct qi_watch *watch);

/*
 * alloc/take.c. Up to want (<= QI_SCRATCH) blocks. Fast: lists and zones, no more; may wait if the
 * request may. Look: one look everywhere, waiting for locks, after the lists have been drained
 * where that helps; begins the watch.
 */
uint32_t qi_take_fast(struct quire *q, const struct qi_request *request, uint32_t want,
		      uint32_t *pfns);
uint32_t qi_take_look(struct quire *q, const struct qi_request *request, struct qi_watch *watch,
		      uint32_t want, uint32_t *pfns);

/* As much effort as the request allows. *from_stash of them, the last ones, are from the stash. */
uint32_t qi_take(struct quire *q, const struct qi_request *request, uint32_t want, uint32_t *pfns,
		 uint32_t *from_stash);

/* Everything in lists, depot and stashes goes to the zones. May wait. */
void qi_drain_everything(struct quire *q);

/* Blocks taken but not handed out go back. */
void qi_untake(struct quire *q, unsigned int order, uint32_t n, const uint32_t *pfns);

/* States, zeroes and checking tools: the blocks are the caller's from now on. */
void qi_hand_out(struct quire *q, const struct qi_request *request, uint32_t n,
		 const uint32_t *pfns, uint32_t from_stash);

/*
 * alloc/claim.c. All or nothing: n blocks set aside, or none and a negative error; then they are
 * collected in batches, ascending. The turn to claim is held from a successful begin until the last
 * block has been collected.
 */
struct qi_claim {
	uint64_t left; /* blocks to be collected */
	uint32_t next; /* pfn where the search goes on */
};

int qi_claim_begin(struct quire *q, const struct qi_request *request, uint64_t n,
		   struct qi_claim *claim);
uint32_t qi_claim_collect(struct quire *q, const struct qi_request *request, struct qi_claim *claim,
			  uint32_t want, uint32_t *pfns);

/* Free pages by all counts: an estimate under load, exact when quiet. */
uint64_t qi_count_free(const struct quire *q);

#endif /* QI_ALLOC_REQUEST_H */
