/* SPDX-License-Identifier: MIT */
/*
 * The order-0 front end: per-CPU lists in front of one zone, or none. The kind is one predicted
 * branch.
 *
 *	kind	take			give
 *	NONE	zone			zone, else deferred
 *	LOCKED	list, depot, zone	list, depot, zone, else deferred
 *	PCP	the same, but lists are entered by sections (doc/sections.md) instead of a lock
 *
 * Lists and depot hold pages of the home zone alone. Refill and overflow move batches by way of the
 * caller's stack, announced as in transit. A give never waits and never fails.
 */
#ifndef QI_CACHE_FRONT_H
#define QI_CACHE_FRONT_H

#include "cache/depot.h"
#include "cache/pcp.h"
#include "port/shared.h"

enum qi_front_kind {
	QI_FRONT_NONE = 1, /* the values of enum quire_cache */
	QI_FRONT_LOCKED = 2,
	QI_FRONT_PCP = 3,
};

struct qi_front {
	/* constant */
	uint32_t nr_cpus;
	/*
	 * The kind, where normal requests for one page, or a batch, may use the fast cases below;
	 * 0 where not.
	 */
	uint8_t ready_take;
	uint8_t ready_give;
	bool one_list; /* everybody uses list 0 */
	bool noirq; /* handlers and those who may not wait go to the zone */
	struct qi_pcp *pcps;
	uint32_t kind;
	uint32_t high; /* most pages of a list, ever; 0: lists are bypassed */
	struct qi_adapt adapt; /* not constant */
	uint32_t made_base; /* adapt's when it was made */
	uint32_t made_batch;
	uint32_t nr_depot; /* most batches of the depot, whatever their size */
	_Atomic uint32_t nr_isolated; /* CPUs; not constant */
	unsigned char *lists;
	size_t list_bytes; /* from one list to the next */
	struct qi_space *space;
	struct qi_zone *home;
	struct qi_depot *depot;
	/* each with protection of its own */
	_Atomic uint64_t nr_drains;
	_Atomic uint64_t nr_drained_pages;
};

/* CPUs with lists, for loops over them. */
static inline uint32_t qi_front_nr_lists(const struct qi_front *front)
{
	return front->high > 0 ? front->nr_cpus : 0;
}

/* The record for this thread now, a hint, or NULL if its CPU has none. There are lists. */
static inline struct qi_pcp *qi_front_my_pcp(const struct qi_front *front)
{
	uint32_t cpu = front->one_list ? 0 : qp_cpu();

	if (qp_unlikely(cpu >= front->nr_cpus))
		return NULL;
	return &front->pcps[cpu];
}

/* Pages in this CPU's lists, a hint. */
static inline uint32_t qi_front_mine(const struct qi_front *front)
{
	const struct qi_pcp *pcp = front->high > 0 ? qi_front_my_pcp(front) : NULL;

	return pcp != NULL ? qi_pcp_count(pcp) : 0;
}

/* A section left with nothing done: make this thread known, and count. */
void qi_front_left(struct qi_front *front, uint32_t why);

static inline bool qi_front_any_isolated(const struct qi_front *front)
{
	return qp_unlikely(atomic_load_explicit((_Atomic uint32_t *)&front->nr_isolated,
						memory_order_relaxed) > 0);
}

/*
 * What an isolated CPU's list has, by a thread that is known: up to want pages above the low mark;
 * and n pages into it. 0 or false: it has nothing or no room, or the CPU is not isolated.
 */
uint32_t qi_front_take_shared(struct qi_front *front, uint32_t want, uint32_t *pfns);
bool qi_front_give_shared(struct qi_front *front, uint32_t n, const uint32_t *pfns);

/* The same for one page, when a section has left and why. */
static inline bool qi_front_take_one_shared(struct qi_front *front, uint32_t why, uint32_t *pfn)
{
	uint64_t popped;
	uint32_t taken;

	if (why != QP_SHORT || !qi_front_any_isolated(front))
		return false;
	taken = qp_pop_one_shared(front->pcps, front->nr_cpus, &popped);
	if (qp_unlikely(taken >= QP_LEFT)) {
		qi_front_left(front, taken);
		return false;
	}
	*pfn = (uint32_t)popped;
	return true;
}

static inline bool qi_front_give_one_shared(struct qi_front *front, uint32_t why, uint32_t pfn)
{
	uint32_t given;

	if (why != QP_SHORT || !qi_front_any_isolated(front))
		return false;
	given = qp_push_one_shared(front->pcps, front->nr_cpus, pfn);
	if (qp_unlikely(given >= QP_LEFT))
		qi_front_left(front, given);
	return given < QP_LEFT;
}

/* That, or what else there is to do then: QI_NO_PFN or false, as in the fast cases. */
uint32_t qi_front_take_one_left(struct qi_front *front, uint32_t why);
bool qi_front_give_one_left(struct qi_front *front, uint32_t why, uint32_t pfn);

static inline uint32_t qi_front_take_one_locked(struct qi_front *front)
{
	struct qi_pcp *pcp = qi_front_my_pcp(front);
	struct qp_list *list = pcp != NULL ? qi_pcp_enter(pcp) : NULL;
	uint32_t pfn;

	if (qp_unlikely(list == NULL))
		return QI_NO_PFN;
	pfn = qi_list_pop_one_locked(list);
	qi_pcp_release(pcp);
	return pfn;
}

static inline bool qi_front_give_one_locked(struct qi_front *front, uint32_t pfn)
{
	struct qi_pcp *pcp = qi_front_my_pcp(front);
	struct qp_list *list = pcp != NULL ? qi_pcp_enter(pcp) : NULL;
	bool pushed;

	if (qp_unlikely(list == NULL))
		return false;
	pushed = qi_list_push_one_locked(list, pfn);
	qi_pcp_release(pcp);
	return pushed;
}

/*
 * Fast cases: one page from or to this CPU's list, where ready_take or ready_give is not 0.
 * QI_NO_PFN or false: use the general ones.
 */
static inline uint32_t qi_front_take_one(struct qi_front *front)
{
	uint32_t popped = QP_STRANGER;
	uint64_t pfn = 0;

	if (qp_unlikely(front->ready_take != QI_FRONT_PCP))
		return qi_front_take_one_locked(front);
	if (qp_likely(qp_section_known(qp_process())))
		popped = qp_pop_one(front->pcps, front->nr_cpus, &pfn);
	if (qp_likely(popped < QP_LEFT))
		return (uint32_t)pfn;
	return qi_front_take_one_left(front, popped);
}

static inline bool qi_front_give_one(struct qi_front *front, uint32_t pfn)
{
	uint32_t pushed;

	if (qp_unlikely(front->ready_give != QI_FRONT_PCP))
		return qi_front_give_one_locked(front, pfn);
	pushed = QP_STRANGER;
	if (qp_likely(qp_section_known(qp_process())))
		pushed = qp_push_one(front->pcps, front->nr_cpus, pfn);
	if (qp_likely(pushed < QP_LEFT))
		return true;
	return qi_front_give_one_left(front, pushed, pfn);
}

/* Lists that each CPU of this kind has. */
static inline uint32_t qi_front_lists_of(uint32_t kind)
{
	return kind == QI_FRONT_PCP ? 2 : 1;
}

/*
 * Set up the lists; the constants above are set, but for the ready ones. shown: somebody wants to
 * see each page on its way, so there are no fast cases. isolated: all CPUs are.
 */
void qi_front_init_lists(struct qi_front *front, bool shown, bool isolated);

/*
 * cache/limits.c. At creation, when depot and high are set: where high of lists begins, and the least
 * refill. And change them, one caller at a time, with all else going on: high for all lists, which
 * does not adapt then (1 to front->high), or 0 for the one at creation; pages of a batch (1 to
 * QI_SCRATCH). May wait.
 */
void qi_front_init_limits(struct qi_front *front, uint32_t base, uint32_t batch);
void qi_front_limit(struct qi_front *front, uint32_t high, uint32_t batch);

/*
 * What lists, depot and home zone give at once: up to want (<= QI_SCRATCH) pages.
 */
uint32_t qi_front_take(struct qi_front *front, bool may_wait, uint32_t want, uint32_t *pfns);

/*
 * A full batch into the depot. false: it is none, there is no room, or this CPU's lists are closed:
 * what is freed then goes to the zone, where everybody finds it and it coalesces.
 */
bool qi_front_shelve(struct qi_front *front, uint32_t n, const uint32_t *pfns);

/* Give n (<= QI_SCRATCH) pages of any zones. They are free by state. Never waits, never fails. */
void qi_front_give(struct qi_front *front, uint32_t n, const uint32_t *pfns);

/*
 * For those who move hundreds of pages, past the lists: up to want pages of the home zone, of as
 * many pageblocks as is returned.
 */
uint32_t qi_front_take_parts(struct qi_front *front, bool may_wait, size_t want,
			     struct qi_part *parts);

/*
 * And back: runs of pages that are free by state, collected until they are QI_MOST_RUNS or
 * QI_MANY pages, or there are no more. The caller has announced them as in transit.
 */
struct qi_runs {
	uint32_t nr;
	uint32_t nr_pages;
	struct qi_run run[QI_MOST_RUNS];
};

void qi_front_collect_run(struct qi_front *front, struct qi_runs *runs, const struct qi_run *run);
void qi_front_give_runs(struct qi_front *front, struct qi_runs *runs);

/* A block of any order straight to its zone, or deferred. */
void qi_front_give_block(struct qi_front *front, uint32_t pfn, unsigned int order);

/* The zone of a page. */
struct qi_zone *qi_front_zone_of(const struct qi_front *front, uint32_t pfn);

/*
 * cache/drain.c: may wait. Take pages out of one CPU's lists until keep are left, or out of the
 * depot; how many.
 */
uint64_t qi_front_drain_cpu(struct qi_front *front, uint32_t cpu, uint32_t keep);
uint64_t qi_front_drain_depot(struct qi_front *front);
/* cache/age.c: empty what was not used since the last call; pages moved. May wait. */
uint64_t qi_front_age(struct qi_front *front);
/* Up to want pages for the caller itself, from wherever lists and depot hold some. */
uint32_t qi_front_claim(struct qi_front *front, uint32_t want, uint32_t *pfns);
/* Pages in all lists. */
uint64_t qi_front_count_lists(const struct qi_front *front);

/*
 * Close a CPU's lists: from a successful divert on until the undivert that matches it they stay
 * empty, and requests go to depot and zone. They nest. false: the system refused, or there was no
 * divert to be undone, and nothing has changed. Both may wait.
 */
bool qi_front_divert(struct qi_front *front, uint32_t cpu);
bool qi_front_undivert(struct qi_front *front, uint32_t cpu);

/* Whether a CPU's lists are closed; a hint. */
static inline bool qi_front_diverted(const struct qi_front *front, uint32_t cpu)
{
	return front->high == 0 || qi_pcp_diverts(&front->pcps[cpu]) > 0;
}

/*
 * From now on drains do not interrupt this CPU, or may again. false: the system refused, and nothing
 * has changed. What it has isolated is not settled before the end, which may undo it. Both may wait;
 * one caller at a time.
 */
bool qi_front_isolate(struct qi_front *front, uint32_t cpu, bool isolate);
void qi_front_isolate_end(struct qi_front *front, uint32_t cpu, bool keep);

/* Hold all drains off, around fork; and empty all lists in a child that inherits, alone. */
void qi_front_hold(struct qi_front *front);
void qi_front_let_go(struct qi_front *front);
void qi_front_recover(struct qi_front *front);

#endif /* QI_CACHE_FRONT_H */
