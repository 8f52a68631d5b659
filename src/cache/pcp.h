/* SPDX-License-Identifier: MIT */
/*
 * The per-CPU pages of one CPU: its lists, and what is known of how they are used.
 *
 * `pcp` has two lists. The live one belongs to the sections that run on this CPU; the idle one is
 * empty, closed, and belongs to whoever holds drain_lock. `locked` has one list, behind held, which
 * requests only try. Whoever fails goes on to the next place.
 *
 *	isolated	shared_lp == lists[live], lp == &qi_closed_list (`pcp`)
 *	not isolated	lp == lists[live], shared_lp == &qi_closed_list
 *	diverted	both are &qi_closed_list
 *
 * These are for those who push and pop; everybody else, who must know a list whether it is closed or
 * not, goes by live.
 */
#ifndef QI_CACHE_PCP_H
#define QI_CACHE_PCP_H

#include "cache/list.h"

/* What a list did last. */
enum qi_turn {
	QI_TURN_NONE,
	QI_TURN_REFILL,
	QI_TURN_OVERFLOW,
};

/* Whether a CPU may be interrupted. */
enum qi_isolated {
	QI_NOT_ISOLATED,
	QI_ISOLATED,
	QI_JUST_ISOLATED, /* by a call that isolates several, and may have to undo it */
};

struct qi_pcp {
	/* read by each request of this CPU */
	_Atomic uintptr_t lp; /* list of its sections; written under drain_lock */
	_Atomic uintptr_t shared_lp; /* pcp: list of its shared sections; likewise */
	_Atomic uint32_t held; /* locked: 1: somebody uses the list */
	_Atomic uint32_t live; /* index of the live list; written under drain_lock */
	_Atomic uintptr_t owner; /* locked: who; debug builds only */
	struct qp_list *lists[2]; /* locked: the second is NULL; constant */
	/* drains */
	_Alignas(2 * QP_CACHE_LINE) struct qp_lock drain_lock;
	bool unfenced; /* the idle list may still be in use, and keeps its pages; by drain_lock */
	_Atomic uint32_t isolated; /* enum qi_isolated; written under drain_lock */
	_Atomic uint32_t nr_diverts; /* written under drain_lock */
	_Atomic uint32_t drains_begun; /* written under drain_lock */
	/* written now and then by anybody: hints, and counts of events */
	_Atomic uint32_t refill; /* pages of the next refill */
	_Atomic uint32_t overflow; /* pages of the last overflow, and how often it was the most */
	_Atomic uint32_t turn; /* enum qi_turn */
	_Atomic uint64_t pushes_seen; /* pushes ever, after the last refill */
	_Atomic uint64_t nr_busy;
	_Atomic uint64_t nr_aborts;
	_Atomic uint64_t nr_refills;
	_Atomic uint64_t nr_refill_pages;
	_Atomic uint64_t nr_overflows;
	_Atomic uint64_t nr_overflow_pages;
	_Atomic uint64_t nr_drained; /* locked: pages that drains popped; written under held */
	_Atomic uint64_t
		uses_seen; /* qi_pcp_uses() at the end of the last pass over idle lists; a hint */
};

_Static_assert(offsetof(struct qi_pcp, lp) == 0, "known to sections");
_Static_assert(offsetof(struct qi_pcp, shared_lp) == 8, "known to sections");
_Static_assert(sizeof(struct qi_pcp) == 1u << QP_PCP_SHIFT, "known to sections");

/* Acquire: whoever finds a list live finds it opened. */
static inline struct qp_list *qi_pcp_live(const struct qi_pcp *pcp)
{
	uint32_t live = atomic_load_explicit((_Atomic uint32_t *)&pcp->live, memory_order_acquire);

	return pcp->lists[live];
}

static inline bool qi_pcp_hidden(const _Atomic uintptr_t *lp)
{
	return atomic_load_explicit((_Atomic uintptr_t *)lp, memory_order_relaxed) ==
	       (uintptr_t)&qi_closed_list;
}

static inline bool qi_pcp_isolated(const struct qi_pcp *pcp)
{
	return atomic_load_explicit((_Atomic uint32_t *)&pcp->isolated, memory_order_relaxed) !=
	       QI_NOT_ISOLATED;
}

static inline uint32_t qi_pcp_diverts(const struct qi_pcp *pcp)
{
	return atomic_load_explicit((_Atomic uint32_t *)&pcp->nr_diverts, memory_order_relaxed);
}

/* Whether shared sections find the live list. A hint, to those who do not hold drain_lock. */
static inline bool qi_pcp_shared(const struct qi_pcp *pcp)
{
	return !qi_pcp_hidden(&pcp->shared_lp);
}

/* Whether the lists are closed for a while; a hint likewise. */
static inline bool qi_pcp_closed(const struct qi_pcp *pcp)
{
	return qi_pcp_hidden(&pcp->lp) && qi_pcp_hidden(&pcp->shared_lp);
}

/* Acquire: what a watch reads after a look at the lists is read after this. */
static inline uint32_t qi_pcp_count(const struct qi_pcp *pcp)
{
	uint32_t count = 0;

	for (unsigned int i = 0; i < 2 && pcp->lists[i] != NULL; i++)
		count += qi_header_count(
			atomic_load_explicit((_Atomic uint64_t *)&pcp->lists[i]->header,
					     memory_order_acquire));
	return count;
}

/* Pages ever pushed into its lists, and popped from them. */
uint64_t qi_pcp_pushes(const struct qi_pcp *pcp);
uint64_t qi_pcp_pops(const struct qi_pcp *pcp);

/*
 * Pages that its own CPU ever pushed into or popped from its lists; more after a drain of `pcp`, which
 * leaves nothing there. It changes with each use: a hint, and modulo something.
 */
uint64_t qi_pcp_uses(const struct qi_pcp *pcp);

/* The `locked` cache: have the lists to oneself. Who may wait for that: drains and fork. */
static inline bool qi_pcp_try(struct qi_pcp *pcp)
{
	if (atomic_load_explicit(&pcp->held, memory_order_relaxed) != 0 ||
	    atomic_exchange_explicit(&pcp->held, 1, memory_order_acquire) != 0)
		return false;
	if (QI_DEBUG)
		atomic_store_explicit(&pcp->owner, qp_self(), memory_order_relaxed);
	return true;
}

static inline void qi_pcp_release(struct qi_pcp *pcp)
{
	if (QI_DEBUG)
		atomic_store_explicit(&pcp->owner, 0, memory_order_relaxed);
	atomic_store_explicit(&pcp->held, 0, memory_order_release);
}

void qi_pcp_lock(struct qi_pcp *pcp);

/*
 * The live list, or the closed one, from which nothing can be popped and to which nothing can be
 * pushed, had to oneself until qi_pcp_release(); NULL: somebody has it. lp is read under the lock, so
 * that whoever sets it and then has had the lock knows that nobody is inside.
 */
static inline struct qp_list *qi_pcp_enter(struct qi_pcp *pcp)
{
	if (qp_unlikely(!qi_pcp_try(pcp)))
		return NULL;
	return (struct qp_list *)atomic_load_explicit(&pcp->lp, memory_order_acquire);
}

/*
 * Adaptation (cache/adapt.c), by whoever refills or overflows. A refill fetches twice as many pages
 * as the one before if nobody pushed in between, and half as many if somebody did. An overflow
 * moves twice as many as the one before if no refill was in between, else one batch. A list that
 * refills and overflows in turn is too short: high doubles. One that overflows by as much as it may
 * again and again feeds somebody else: high goes back, a part of it at a time.
 */
struct qi_adapt {
	/* changed by qi_front_limit() at any time; any mix of old and new will do */
	_Atomic uint32_t batch; /* least pages of a refill, 1 to QI_SCRATCH */
	_Atomic uint32_t base; /* least high, and where it begins */
	_Atomic uint32_t most; /* most high, >= base and <= capacity; base: it does not adapt */
	_Atomic uint32_t low;
};

static inline uint32_t qi_adapt_batch(const struct qi_adapt *adapt)
{
	return atomic_load_explicit((_Atomic uint32_t *)&adapt->batch, memory_order_relaxed);
}

static inline uint32_t qi_adapt_most(const struct qi_adapt *adapt)
{
	return atomic_load_explicit((_Atomic uint32_t *)&adapt->most, memory_order_relaxed);
}

/* How a list begins. */
static inline struct qi_limits qi_adapt_limits(const struct qi_adapt *adapt)
{
	const struct qi_limits limits = {
		atomic_load_explicit((_Atomic uint32_t *)&adapt->base, memory_order_relaxed),
		atomic_load_explicit((_Atomic uint32_t *)&adapt->low, memory_order_relaxed),
	};

	return limits;
}

enum {
	QI_MOST_REFILL = 8, /* batches: more would make one request in a few hundred slow */
	QI_MOST_OVERFLOW = 16, /* batches */
};

void qi_pcp_reset(struct qi_pcp *pcp, const struct qi_adapt *adapt);
/* Pages that this refill should fetch; and, after it, what it did. */
uint32_t qi_pcp_refill_begin(struct qi_pcp *pcp, const struct qi_adapt *adapt);
void qi_pcp_refill_end(struct qi_pcp *pcp, uint32_t nr_pages);
/* Whether this CPU feeds others: its last 16 overflows were as large as they may be. */
bool qi_pcp_overflow_begin(struct qi_pcp *pcp, const struct qi_adapt *adapt);
/* Pages that an overflow should move, unless a longer list has made room. */
uint32_t qi_pcp_overflow_amount(const struct qi_pcp *pcp, const struct qi_adapt *adapt);

#endif /* QI_CACHE_PCP_H */
