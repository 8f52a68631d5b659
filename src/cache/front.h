/* SPDX-License-Identifier: MIT */
/*
 * The order-0 front end: per-CPU lists in front of one zone, or none. The kind is one predicted
 * branch.
 *
 *	kind	take			give
 *	NONE	zone			zone, else deferred
 *	LOCKED	list, depot, zone	list, depot, zone, else deferred
 *
 * Lists and depot hold pages of the home zone alone. Refill and overflow move batches by way of the
 * caller's stack, announced as in transit. A give never waits and never fails.
 */
#ifndef QI_CACHE_FRONT_H
#define QI_CACHE_FRONT_H

#include "cache/depot.h"
#include "cache/list.h"

enum qi_front_kind {
	QI_FRONT_NONE = 1, /* the values of enum quire_cache */
	QI_FRONT_LOCKED = 2,
};

struct qi_front {
	/* constant */
	uint32_t kind;
	uint32_t nr_cpus;
	uint32_t high; /* of every list; 0: lists are bypassed */
	uint32_t batch;
	bool one_list; /* everybody uses list 0 */
	bool noirq; /* handlers and those who may not wait go to the zone */
	bool ready_take; /* normal requests for one page may use the fast cases below */
	bool ready_give;
	unsigned char *lists;
	size_t list_bytes; /* from one list to the next */
	struct qi_space *space;
	struct qi_zone *home;
	/* each with protection of its own */
	struct qi_depot depot;
	_Atomic uint64_t nr_drains;
	_Atomic uint64_t nr_drained_pages;
};

static inline struct qi_list *qi_front_list(const struct qi_front *front, uint32_t cpu)
{
	return (struct qi_list *)(void *)(front->lists + cpu * front->list_bytes);
}

/* The list for this thread now, or NULL if its CPU has none. There are lists. */
static inline struct qi_list *qi_front_my_list(const struct qi_front *front)
{
	uint32_t cpu = front->one_list ? 0 : qp_cpu();

	if (qp_unlikely(cpu >= front->nr_cpus))
		return NULL;
	return qi_front_list(front, cpu);
}

/*
 * Fast cases: one page from or to this CPU's list, where ready_take or ready_give says so.
 * QI_NO_PFN or false: use the general ones.
 */
static inline uint32_t qi_front_take_one(struct qi_front *front)
{
	struct qi_list *list = qi_front_my_list(front);
	uint32_t pfn;

	if (qp_unlikely(list == NULL || !qi_list_try(list)))
		return QI_NO_PFN;
	pfn = qi_list_pop_one_locked(list);
	qi_list_release(list);
	return pfn;
}

static inline bool qi_front_give_one(struct qi_front *front, uint32_t pfn)
{
	struct qi_list *list = qi_front_my_list(front);
	bool pushed;

	if (qp_unlikely(list == NULL || !qi_list_try(list)))
		return false;
	pushed = qi_list_push_one_locked(list, pfn);
	qi_list_release(list);
	return pushed;
}

/* Bytes from one list to the next for lists of that many slots. */
size_t qi_front_list_bytes(uint32_t high);
/*
 * Set up the lists; the constants above are set, but for the ready ones. shown: somebody wants to
 * see each page on its way, so there are no fast cases.
 */
void qi_front_init_lists(struct qi_front *front, bool shown);

/* What lists, depot and home zone give at once: up to want (<= QI_SCRATCH) pages. */
uint32_t qi_front_take(struct qi_front *front, bool may_wait, uint32_t want, uint32_t *pfns);

/* Give n (<= QI_SCRATCH) pages of any zones. They are free by state. Never waits, never fails. */
void qi_front_give(struct qi_front *front, uint32_t n, const uint32_t *pfns);

/* A block of any order straight to its zone, or deferred. */
void qi_front_give_block(struct qi_front *front, uint32_t pfn, unsigned int order);

/* The zone of a page. */
struct qi_zone *qi_front_zone_of(const struct qi_front *front, uint32_t pfn);

/*
 * cache/drain.c: may wait. Take pages out of one list until keep are left, or out of the depot; how
 * many.
 */
uint64_t qi_front_drain_cpu(struct qi_front *front, uint32_t cpu, uint32_t keep);
uint64_t qi_front_drain_depot(struct qi_front *front);
/* Up to want pages for the caller itself, from wherever lists and depot hold some. */
uint32_t qi_front_claim(struct qi_front *front, uint32_t want, uint32_t *pfns);
/* Pages in all lists. */
uint64_t qi_front_count_lists(const struct qi_front *front);

#endif /* QI_CACHE_FRONT_H */
