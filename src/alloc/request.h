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
	bool busy; /* outcome: a zone's lock was held, and the request may not wait */
};

/*
 * Check flags, order and what the form needs. handle is the region of the offset form, NULL of
 * others; *array's region is set from it. 0, or a negative error, reported.
 */
int qi_request_check(const struct quire *q, struct qi_request *request, struct qi_array *array,
		     const struct quire_region *handle);
/*
 * The part of it that may have become wrong by the time pages have been taken, before any is handed
 * out: a region without a mapping is counted before its pages can be taken. Asked first, and checked,
 * which reports, when the pages have gone back: whoever is told may ask for some.
 */
bool qi_request_is_mapped(const struct quire *q, const struct qi_request *request,
			  const struct qi_array *array);
int qi_request_check_mapped(const struct quire *q, const struct qi_request *request,
			    const struct qi_array *array);

/*
 * alloc/watch.c: whether what was not found may be there after all. Begin, look, and ask after a
 * failure; begin again before the next look. It begins as zero but for most.
 */
struct qi_watch {
	uint64_t moves;
	uint64_t arrivals;
	unsigned int most; /* looks at all */
	unsigned int looks; /* had, while others made progress */
	unsigned int waited; /* yields while nothing changed */
};

enum {
	QI_PATIENCE = 1000, /* yields while nothing changes; then whoever moves pages was stopped */
	QI_MOST_LOOKS_FOR_PAGE = 10000, /* any page, or any of a region: others took it each time */
	QI_MOST_LOOKS_FOR_BLOCK = 16, /* neighbours are needed: arrivals need not bring them */
	QI_MOST_LOOKS_FOR_RANGE = 1000, /* given pages are needed, and each arrival may be one */
};

void qi_watch_begin(const struct quire *q, struct qi_watch *watch);
/* Whether anybody is moving pages now. */
bool qi_watch_moving(const struct quire *q);
bool qi_watch_again(const struct quire *q, struct qi_watch *watch);

static inline unsigned int qi_most_looks(const struct qi_request *request)
{
	return request->order == 0 ? QI_MOST_LOOKS_FOR_PAGE : QI_MOST_LOOKS_FOR_BLOCK;
}

/*
 * alloc/take.c. Up to want (<= QI_SCRATCH) blocks. Fast: lists and zones, no more; may wait if the
 * request may. Look: one look everywhere, waiting for locks, after the lists have been drained
 * where that helps; begins the watch.
 */
uint32_t qi_take_fast(struct quire *q, struct qi_request *request, uint32_t want, uint32_t *pfns);
uint32_t qi_take_look(struct quire *q, struct qi_request *request, struct qi_watch *watch,
		      uint32_t want, uint32_t *pfns);

/*
 * One page that the CPU's list has ready, by far the most frequent case; QI_NO_PFN: the long way.
 */
static inline uint32_t qi_take_ready(struct quire *q, quire_gfp gfp, unsigned int order)
{
	uint32_t pfn;

	if (qp_unlikely((gfp | order) != 0 || !q->front.ready_take || !qi_alive(q)))
		return QI_NO_PFN;
	pfn = qi_front_take_one(&q->front);
	if (qp_likely(pfn != QI_NO_PFN) && qi_checked(q))
		qi_state_set(q->space.state, pfn, QI_STATE_HELD);
	return pfn;
}

/* As much effort as the request allows. *from_stash of them, the last ones, are from the stash. */
uint32_t qi_take(struct quire *q, struct qi_request *request, uint32_t want, uint32_t *pfns,
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

int qi_claim_begin(struct quire *q, struct qi_request *request, uint64_t n, struct qi_claim *claim);
/* Give back all that was claimed. */
void qi_claim_cancel(struct quire *q, struct qi_request *request, struct qi_claim *claim);
uint32_t qi_claim_collect(struct quire *q, struct qi_request *request, struct qi_claim *claim,
			  uint32_t want, uint32_t *pfns);

/* Free pages by all counts: an estimate under load, exact when quiet. */
uint64_t qi_count_free(const struct quire *q);

#endif /* QI_ALLOC_REQUEST_H */
