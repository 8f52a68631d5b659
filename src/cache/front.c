/* SPDX-License-Identifier: MIT */
#include "cache/front.h"

enum {
	/*
	 * Interruptions of one request in a row: more are not bad luck, but somebody who stops this
	 * thread at each instruction.
	 */
	MOST_ABORTS = 64,
};

static void init_pcp(struct qi_front *front, uint32_t cpu, bool isolated)
{
	bool shared = isolated && front->kind == QI_FRONT_PCP;
	struct qi_pcp *pcp = &front->pcps[cpu];
	const struct qi_limits limits = qi_adapt_limits(&front->adapt);
	uint32_t nr = qi_front_lists_of(front->kind);

	memset(pcp, 0, sizeof(*pcp));
	pcp->drain_lock.rank = QP_RANK_PCP;
	for (uint32_t i = 0; i < nr; i++) {
		pcp->lists[i] = (struct qp_list *)(void *)(front->lists +
							   (cpu * nr + i) * front->list_bytes);
		qi_list_init(pcp->lists[i], front->high);
	}
	qi_list_open(pcp->lists[0], &limits);
	atomic_store_explicit(shared ? &pcp->shared_lp : &pcp->lp, (uintptr_t)pcp->lists[0],
			      memory_order_relaxed);
	atomic_store_explicit(shared ? &pcp->lp : &pcp->shared_lp, (uintptr_t)&qi_closed_list,
			      memory_order_relaxed);
	atomic_store_explicit(&pcp->isolated, isolated ? QI_ISOLATED : QI_NOT_ISOLATED,
			      memory_order_relaxed);
	qi_pcp_reset(pcp, &front->adapt);
}

void qi_front_init_lists(struct qi_front *front, bool shown, bool isolated)
{
	bool ready = front->kind != QI_FRONT_NONE && front->high > 0 && !front->noirq && !shown;

	front->ready_take = ready ? (uint8_t)front->kind : 0;
	front->ready_give = ready && front->space->nr_zones == 1 ? (uint8_t)front->kind : 0;
	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(front); cpu++)
		init_pcp(front, cpu, isolated);
	atomic_store_explicit(&front->nr_isolated, isolated ? qi_front_nr_lists(front) : 0,
			      memory_order_relaxed);
}

struct qi_zone *qi_front_zone_of(const struct qi_front *front, uint32_t pfn)
{
	const struct qi_space *space = front->space;

	if (space->nr_zones == 1)
		return front->home;
	return &space->zones[space->regions[space->block_region[qi_block_of(pfn)] - 1].zone];
}

__attribute__((noinline)) void qi_front_left(struct qi_front *front, uint32_t why)
{
	struct qi_pcp *pcp;

	if (why == QP_STRANGER)
		(void)qp_section_enter();
	if (why != QP_ABORTED)
		return;
	pcp = qi_front_my_pcp(front);
	if (pcp != NULL)
		qi_count_shared(&pcp->nr_aborts, 1);
}

uint32_t qi_front_take_one_left(struct qi_front *front, uint32_t why)
{
	uint32_t pfn;

	if (qi_front_take_one_shared(front, why, &pfn))
		return pfn;
	qi_front_left(front, why);
	return QI_NO_PFN;
}

bool qi_front_give_one_left(struct qi_front *front, uint32_t why, uint32_t pfn)
{
	if (qi_front_give_one_shared(front, why, pfn))
		return true;
	qi_front_left(front, why);
	return false;
}

/* The lists that this request may use, or NULL. */
static struct qi_pcp *usable_pcp(const struct qi_front *front, bool may_wait)
{
	if (front->high == 0)
		return NULL;
	if (front->kind == QI_FRONT_PCP && !qp_section_enter())
		return NULL;
	if (front->noirq && (!may_wait || qp_in_handler()))
		return NULL;
	return qi_front_my_pcp(front);
}

/* ---- Pop and push, by kind ------------------------------------------------------------------ */

static uint32_t pop_by_section(struct qi_front *front, bool shared, bool to_low, uint32_t want,
			       uint32_t *pfns)
{
	uint32_t n = QP_ABORTED;

	for (int i = 0; i < MOST_ABORTS && n == QP_ABORTED; i++) {
		n = shared ? qp_pop_shared(front->pcps, &front->nr_cpus, to_low, want, pfns)
			   : qp_pop_batch(front->pcps, &front->nr_cpus, to_low, want, pfns);
		if (n >= QP_LEFT)
			qi_front_left(front, n);
	}
	return n < QP_LEFT ? n : 0;
}

static struct qp_list *enter(struct qi_pcp *pcp)
{
	struct qp_list *list = qi_pcp_enter(pcp);

	if (list == NULL)
		qi_count_shared(&pcp->nr_busy, 1);
	return list;
}

/* Up to want pages from this CPU's list, above its low mark if to_low. */
static uint32_t pop(struct qi_front *front, struct qi_pcp *pcp, bool to_low, uint32_t want,
		    uint32_t *pfns)
{
	struct qp_list *list;
	uint32_t n;

	if (front->kind == QI_FRONT_PCP)
		return pop_by_section(front, qi_pcp_shared(pcp), to_low, want, pfns);
	if (qi_pcp_count(pcp) == 0)
		return 0;
	list = enter(pcp);
	if (list == NULL)
		return 0;
	n = qi_list_pop_locked(list, to_low ? qi_list_low(list) : 0, want, pfns);
	qi_pcp_release(pcp);
	return n;
}

enum push {
	PUSHED,
	PUSH_FULL,
	PUSH_BUSY,
};

static enum push push_by_section(struct qi_front *front, bool shared, uint32_t n,
				 const uint32_t *pfns)
{
	uint32_t pushed = QP_ABORTED;

	for (int i = 0; i < MOST_ABORTS && pushed == QP_ABORTED; i++) {
		pushed = shared ? qp_push_shared(front->pcps, &front->nr_cpus, n, pfns)
				: qp_push_batch(front->pcps, &front->nr_cpus, n, pfns);
		if (pushed >= QP_LEFT)
			qi_front_left(front, pushed);
	}
	if (pushed == QP_SHORT)
		return PUSH_FULL;
	return pushed < QP_LEFT ? PUSHED : PUSH_BUSY;
}

static enum push push(struct qi_front *front, struct qi_pcp *pcp, uint32_t n, const uint32_t *pfns)
{
	struct qp_list *list;
	bool pushed;

	if (front->kind == QI_FRONT_PCP)
		return push_by_section(front, qi_pcp_shared(pcp), n, pfns);
	list = enter(pcp);
	if (list == NULL)
		return PUSH_BUSY;
	pushed = qi_list_push_locked(list, n, pfns);
	qi_pcp_release(pcp);
	return pushed ? PUSHED : PUSH_FULL;
}

uint32_t qi_front_take_shared(struct qi_front *front, uint32_t want, uint32_t *pfns)
{
	return pop_by_section(front, true, true, want, pfns);
}

bool qi_front_give_shared(struct qi_front *front, uint32_t n, const uint32_t *pfns)
{
	return push_by_section(front, true, n, pfns) == PUSHED;
}

/* ---- The places behind the lists ------------------------------------------------------------ */

static uint32_t take_from_zone(struct qi_front *front, bool may_wait, uint32_t want, uint32_t *pfns)
{
	uint32_t got;

	if (!qi_zone_enter(front->space, front->home, may_wait))
		return 0;
	got = qi_zone_take_locked(front->space, front->home, want, pfns);
	qi_zone_unlock(front->space, front->home);
	return got;
}

static void give_to_zone(struct qi_front *front, struct qi_zone *zone, uint32_t n,
			 const uint32_t *pfns)
{
	if (qi_zone_try(front->space, zone)) {
		qi_zone_give_locked(front->space, zone, n, pfns);
		qi_zone_unlock(front->space, zone);
		return;
	}
	qi_zone_defer(front->space, zone, n, pfns);
}

bool qi_front_shelve(struct qi_front *front, uint32_t n, const uint32_t *pfns)
{
	const struct qi_pcp *pcp;

	if (n != qi_depot_batch(front->depot) || front->high == 0)
		return false;
	pcp = qi_front_my_pcp(front);
	if (pcp != NULL && qi_pcp_closed(pcp))
		return false;
	return qi_depot_put(front->depot, n, pfns);
}

/* Pages of the home zone that no list will take. */
static void spill(struct qi_front *front, uint32_t n, const uint32_t *pfns)
{
	if (qi_front_shelve(front, n, pfns))
		return;
	give_to_zone(front, front->home, n, pfns);
}

/* ---- Take ----------------------------------------------------------------------------------- */

static uint32_t fetch(struct qi_front *front, bool may_wait, uint32_t want, uint32_t *pfns)
{
	uint32_t n = qi_depot_get(front->depot, may_wait, pfns);

	if (n > 0)
		return n;
	return take_from_zone(front, may_wait, want < QI_SCRATCH ? want : QI_SCRATCH, pfns);
}

/* The same for as many as a refill may want, which the zone gives at one hold of its lock. */
static __attribute__((noinline)) uint32_t fetch_many(struct qi_front *front, bool may_wait,
						     uint32_t want, uint32_t *pfns)
{
	struct qi_part parts[QI_MOST_PARTS];
	uint32_t n = qi_depot_get(front->depot, may_wait, pfns);
	uint32_t nr;

	if (n > 0)
		return n;
	nr = qi_front_take_parts(front, may_wait, want, parts);
	for (uint32_t i = 0; i < nr; i++)
		n += qi_bits_write(&parts[i].items, parts[i].block << QI_UNIT_ORDER, pfns + n);
	return n;
}

/* A batch at a time to the list, until it is full; what it does not take goes on. */
static bool push_many(struct qi_front *front, struct qi_pcp *pcp, uint32_t n, const uint32_t *pfns)
{
	bool stored = true;

	for (uint32_t i = 0, some; i < n; i += some) {
		some = n - i < QI_SCRATCH ? n - i : QI_SCRATCH;
		stored = stored && push(front, pcp, some, pfns + i) == PUSHED;
		if (!stored)
			spill(front, some, pfns + i);
	}
	return stored;
}

/*
 * amount pages or more for the list, in batches, of which the caller gets want. For a closed list
 * none but these, and nothing is learned from it. scratch: for a batch, or as many as a refill may
 * want, if many.
 */
static inline uint32_t refill_by(struct qi_front *front, struct qi_pcp *pcp, bool many,
				 uint32_t want, uint32_t *pfns, uint32_t *scratch)
{
	bool closed = qi_pcp_closed(pcp);
	uint32_t amount = closed ? want : qi_pcp_refill_begin(pcp, &front->adapt);
	uint32_t fetched = 0;
	uint32_t got = 0;
	bool stored = true;

	qi_transit_begin(front->home);
	if (amount < want)
		amount = want;
	while (fetched < amount && stored) {
		uint32_t n = many ? fetch_many(front, true, amount - fetched, scratch)
				  : fetch(front, false, amount - fetched, scratch);
		uint32_t mine = want - got < n ? want - got : n;

		if (n == 0)
			break;
		memcpy(pfns + got, scratch + n - mine, mine * sizeof(*pfns));
		stored = push_many(front, pcp, n - mine, scratch);
		fetched += n;
		got += mine;
	}
	qi_transit_end(front->home, fetched > got);
	if (!closed)
		qi_pcp_refill_end(pcp, fetched);
	return got;
}

static __attribute__((noinline)) uint32_t refill_many(struct qi_front *front, struct qi_pcp *pcp,
						      uint32_t want, uint32_t *pfns)
{
	uint32_t scratch[QI_MOST_REFILL * QI_SCRATCH];

	return refill_by(front, pcp, true, want, pfns, scratch);
}

/* Who may not wait may be a handler on a stack of a few KiB. */
static __attribute__((noinline)) uint32_t refill_at_once(struct qi_front *front, struct qi_pcp *pcp,
							 uint32_t want, uint32_t *pfns)
{
	uint32_t scratch[QI_SCRATCH];

	return refill_by(front, pcp, false, want, pfns, scratch);
}

static uint32_t refill(struct qi_front *front, struct qi_pcp *pcp, bool may_wait, uint32_t want,
		       uint32_t *pfns)
{
	return may_wait ? refill_many(front, pcp, want, pfns)
			: refill_at_once(front, pcp, want, pfns);
}

/* What is below the low mark is for those who may not wait, and for when there is nothing else. */
uint32_t qi_front_take(struct qi_front *front, bool may_wait, uint32_t want, uint32_t *pfns)
{
	struct qi_pcp *pcp = usable_pcp(front, may_wait);
	uint32_t got;

	if (pcp == NULL)
		return take_from_zone(front, may_wait, want, pfns);
	got = pop(front, pcp, may_wait, want, pfns);
	if (want - got == QI_SCRATCH) /* the list would get none of a batch */
		got = fetch(front, may_wait, want, pfns);
	if (got < want)
		got += refill(front, pcp, may_wait, want - got, pfns + got);
	if (got < want)
		got += pop(front, pcp, false, want - got, pfns + got);
	return got;
}

/* ---- Give ----------------------------------------------------------------------------------- */

/*
 * A batch that comes out of the list. A few runs go to the zone, with those of other batches, which
 * costs less than a visit of the depot for each; scattered pages, and whatever is to feed other CPUs,
 * to the depot, if it has room: the zone would have to sort them, and its lock is everybody's.
 */
static void pass_on(struct qi_front *front, struct qi_runs *runs, bool feeds, uint32_t n,
		    const uint32_t *pfns)
{
	enum { FEW = 8 };
	struct qi_run found[FEW];
	uint32_t nr = 0;

	if (feeds && qi_front_shelve(front, n, pfns))
		return;
	for (uint32_t i = 0; i < n; i += found[nr++].n) {
		if (nr == FEW) {
			spill(front, n, pfns);
			return;
		}
		(void)qi_zone_leading_run(n - i, pfns + i, &found[nr]);
	}
	for (uint32_t i = 0; i < nr; i++)
		qi_front_collect_run(front, runs, &found[i]);
}

/*
 * Make room for n pages and more, a batch at a time, until about half is left: the list stays warm. No
 * more than a list's worth, whoever keeps pushing.
 */
static void overflow(struct qi_front *front, struct qi_pcp *pcp, bool feeds, uint32_t n)
{
	struct qi_runs runs = { .nr = 0, .nr_pages = 0 };
	uint32_t scratch[QI_SCRATCH];
	uint32_t high = qi_list_high(qi_pcp_live(pcp));
	uint32_t amount = qi_pcp_overflow_amount(pcp, &front->adapt);
	uint64_t moved = 0;

	if (amount < n)
		amount = n;
	if (amount > high - high / 2)
		amount = high - high / 2;
	qi_transit_begin(front->home);
	while (moved < high && qi_header_count(qi_header(qi_pcp_live(pcp))) > high - amount) {
		uint32_t got = pop(front, pcp, false, qi_adapt_batch(&front->adapt), scratch);

		if (got == 0)
			break;
		pass_on(front, &runs, feeds, got, scratch);
		moved += got;
	}
	qi_front_give_runs(front, &runs);
	qi_transit_end(front->home, moved > 0);
	qi_count_shared(&pcp->nr_overflows, 1);
	qi_count_shared(&pcp->nr_overflow_pages, moved);
}

/*
 * Make room and push again: by a longer list, or else by an overflow. A full batch needs none, nor
 * does more than half a list: it goes on to the depot or the zone as it is.
 */
static enum push push_into_full(struct qi_front *front, struct qi_pcp *pcp, uint32_t n,
				const uint32_t *pfns)
{
	enum push pushed;
	bool feeds;

	feeds = qi_pcp_overflow_begin(pcp, &front->adapt);
	pushed = push(front, pcp, n, pfns);
	if (pushed != PUSH_FULL || n == qi_depot_batch(front->depot) ||
	    n > qi_adapt_most(&front->adapt) / 2)
		return pushed;
	overflow(front, pcp, feeds, n);
	return push(front, pcp, n, pfns);
}

static void give_home(struct qi_front *front, uint32_t n, const uint32_t *pfns)
{
	struct qi_pcp *pcp = usable_pcp(front, true);

	if (pcp != NULL && n <= front->high / 2) {
		enum push pushed = push(front, pcp, n, pfns);

		if (pushed == PUSH_FULL && !qi_pcp_closed(pcp))
			pushed = push_into_full(front, pcp, n, pfns);
		if (pushed == PUSHED)
			return;
	}
	if (front->kind == QI_FRONT_NONE)
		give_to_zone(front, front->home, n, pfns);
	else
		spill(front, n, pfns);
}

void qi_front_give(struct qi_front *front, uint32_t n, const uint32_t *pfns)
{
	if (n == 0) /* sections move at least one page */
		return;
	if (front->space->nr_zones == 1) {
		give_home(front, n, pfns);
		return;
	}
	for (uint32_t i = 0, end; i < n; i = end) {
		struct qi_zone *zone = qi_front_zone_of(front, pfns[i]);

		for (end = i + 1; end < n && qi_front_zone_of(front, pfns[end]) == zone; end++)
			;
		if (zone == front->home)
			give_home(front, end - i, pfns + i);
		else
			give_to_zone(front, zone, end - i, pfns + i);
	}
}

uint32_t qi_front_take_parts(struct qi_front *front, bool may_wait, size_t want,
			     struct qi_part *parts)
{
	uint32_t nr;

	if (!qi_zone_enter(front->space, front->home, may_wait))
		return 0;
	nr = qi_zone_take_parts_locked(front->space, front->home, want, parts);
	qi_zone_unlock(front->space, front->home);
	return nr;
}

static void defer_run(struct qi_front *front, uint32_t pfn, uint32_t n)
{
	uint32_t pfns[QI_SCRATCH];

	for (uint32_t some; n > 0; pfn += some, n -= some) {
		some = n < QI_SCRATCH ? n : QI_SCRATCH;
		for (uint32_t i = 0; i < some; i++)
			pfns[i] = pfn + i;
		qi_zone_defer(front->space, front->home, some, pfns);
	}
}

void qi_front_give_runs(struct qi_front *front, struct qi_runs *runs)
{
	if (runs->nr > 0 && qi_zone_try_for(front->space, front->home, runs->nr_pages)) {
		qi_zone_give_runs_locked(front->space, front->home, runs->nr, runs->run);
		qi_zone_unlock(front->space, front->home);
		runs->nr = 0;
	}
	for (; runs->nr > 0; runs->nr--)
		defer_run(front, runs->run[runs->nr - 1].pfn, runs->run[runs->nr - 1].n);
	runs->nr_pages = 0;
}

/* Make one run of two that lie beside each other in one pageblock; false: they do not. */
static bool join(struct qi_run *run, const struct qi_run *next)
{
	if (qi_block_of(run->pfn) != qi_block_of(next->pfn) ||
	    (next->pfn != run->pfn + run->n && next->pfn + next->n != run->pfn))
		return false;
	run->pfn = next->pfn < run->pfn ? next->pfn : run->pfn;
	run->n += next->n;
	return true;
}

void qi_front_collect_run(struct qi_front *front, struct qi_runs *runs, const struct qi_run *run)
{
	if (runs->nr == 0 || !join(&runs->run[runs->nr - 1], run))
		runs->run[runs->nr++] = *run;
	runs->nr_pages += run->n;
	if (runs->nr == QI_MOST_RUNS || runs->nr_pages >= QI_MANY)
		qi_front_give_runs(front, runs);
}

void qi_front_give_block(struct qi_front *front, uint32_t pfn, unsigned int order)
{
	struct qi_zone *zone = qi_front_zone_of(front, pfn);

	if (qi_zone_try(front->space, zone)) {
		qi_zone_give_block_locked(front->space, zone, pfn, order);
		qi_zone_unlock(front->space, zone);
		return;
	}
	qi_zone_defer_block(front->space, zone, pfn, order);
}
