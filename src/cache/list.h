/* SPDX-License-Identifier: MIT */
/*
 * One CPU's list of free pages, behind a lock that its users only try: who fails goes to the zone.
 * Pages leave in the order in which they came in a batch, so ascending batches stay ascending: the
 * top of the stack is slot count - 1 and holds the first page of the batch pushed last.
 */
#ifndef QI_CACHE_LIST_H
#define QI_CACHE_LIST_H

#include "core/zone.h"

enum {
	QI_LIST_MAX = 2048, /* slots */
};

/* Everything but the counters is protected by held; high and batch are constant. */
struct qi_list {
	_Atomic uint32_t held; /* 1: somebody uses the list */
	_Atomic uintptr_t owner; /* who; debug builds only */
	_Atomic uint32_t count;
	uint32_t high; /* most pages; 0: nobody uses lists */
	uint32_t batch;
	_Atomic uint64_t nr_pops;
	_Atomic uint64_t nr_pushes;
	_Atomic uint64_t nr_busy; /* the ones below are written by anybody */
	_Atomic uint64_t nr_refills;
	_Atomic uint64_t nr_refill_pages;
	_Atomic uint64_t nr_overflows;
	_Atomic uint64_t nr_overflow_pages;
	uint32_t slots[];
};

enum qi_push {
	QI_PUSHED,
	QI_PUSH_FULL,
	QI_PUSH_BUSY,
};

static inline bool qi_list_try(struct qi_list *list)
{
	if (atomic_load_explicit(&list->held, memory_order_relaxed) != 0 ||
	    atomic_exchange_explicit(&list->held, 1, memory_order_acquire) != 0)
		return false;
	if (QI_DEBUG)
		atomic_store_explicit(&list->owner, qp_self(), memory_order_relaxed);
	return true;
}

static inline void qi_list_release(struct qi_list *list)
{
	if (QI_DEBUG)
		atomic_store_explicit(&list->owner, 0, memory_order_relaxed);
	atomic_store_explicit(&list->held, 0, memory_order_release);
}

static inline uint32_t qi_list_count(const struct qi_list *list)
{
	return atomic_load_explicit((_Atomic uint32_t *)&list->count, memory_order_relaxed);
}

/* For drains and fork, which wait. */
void qi_list_lock(struct qi_list *list);

/* Top page of a list that the caller has, or QI_NO_PFN. */
static inline uint32_t qi_list_pop_one_locked(struct qi_list *list)
{
	uint32_t count = qi_list_count(list);

	if (qp_unlikely(count == 0))
		return QI_NO_PFN;
	atomic_store_explicit(&list->count, count - 1, memory_order_relaxed);
	qi_count(&list->nr_pops, 1);
	return list->slots[count - 1];
}

static inline bool qi_list_push_one_locked(struct qi_list *list, uint32_t pfn)
{
	uint32_t count = qi_list_count(list);

	if (qp_unlikely(count >= list->high))
		return false;
	list->slots[count] = pfn;
	atomic_store_explicit(&list->count, count + 1, memory_order_relaxed);
	qi_count(&list->nr_pushes, 1);
	return true;
}

/* Up to want pages; how many. */
uint32_t qi_list_pop_locked(struct qi_list *list, uint32_t want, uint32_t *pfns);
/* All n pages, or none if they do not fit below high. */
bool qi_list_push_locked(struct qi_list *list, uint32_t n, const uint32_t *pfns);

/* The same with a try: 0 pages, or BUSY, when somebody else has the list. */
uint32_t qi_list_pop(struct qi_list *list, uint32_t want, uint32_t *pfns);
enum qi_push qi_list_push(struct qi_list *list, uint32_t n, const uint32_t *pfns);

#endif /* QI_CACHE_LIST_H */
