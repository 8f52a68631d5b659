/* SPDX-License-Identifier: MIT */
/*
 * Taking pages out of other CPUs' lists, for everybody or for the caller.
 *
 * 1. `locked`: wait for the list and pop from it. 2. `pcp`: nobody but its own CPU may touch a live
 * list. So under the CPU's drain lock the idle list is opened, lp is set to it, and after the grace
 * period (qp_fence_cpu()) the old one is the drainer's alone. Its pages never go back into a live
 * list: the caller's own part first, then depot or zone. 3. A fence that fails leaves the CPU
 * "unfenced": its owner goes on with the new list, and the old one keeps its pages until a later
 * drain has fenced. Nothing is swapped back, as somebody may be inside either list. 4. An isolated CPU
 * is not fenced: its sections commit by compare-and-swap, so it is enough to close the old list.
 * 5. Drains of one CPU merge: who waited for the lock while a drain began after his own request has
 * had his drain.
 */
#include "cache/front.h"

static void give_waiting(struct qi_front *front, uint32_t n, const uint32_t *pfns)
{
	qi_zone_lock(front->space, front->home);
	qi_zone_give_locked(front->space, front->home, n, pfns);
	qi_zone_unlock(front->space, front->home);
}

static void count_drain(struct qi_front *front, uint64_t moved)
{
	qi_count_shared(&front->nr_drains, 1);
	qi_count_shared(&front->nr_drained_pages, moved);
}

/* ---- Swapping lists ------------------------------------------------------------------------- */

static struct qp_list *idle_list(const struct qi_pcp *pcp)
{
	return pcp->lists[qi_pcp_live(pcp) == pcp->lists[0]];
}

static uint32_t cpu_of(const struct qi_front *front, const struct qi_pcp *pcp)
{
	return (uint32_t)(pcp - front->pcps);
}

static bool fence_locked(struct qi_front *front, struct qi_pcp *pcp)
{
	if (pcp->unfenced && qp_fence_cpu(cpu_of(front, pcp))) {
		qi_list_close(idle_list(pcp));
		pcp->unfenced = false;
	}
	return !pcp->unfenced;
}

/*
 * Which list those find who push and pop: shared sections if the CPU is isolated, and the others if
 * not. Release: who begins from now on finds the list as we have left it.
 */
static void show(const struct qi_front *front, struct qi_pcp *pcp, const struct qp_list *list)
{
	bool shared = front->kind == QI_FRONT_PCP && qi_pcp_isolated(pcp);

	atomic_store_explicit(shared ? &pcp->shared_lp : &pcp->lp, (uintptr_t)list,
			      memory_order_release);
}

/*
 * The owner goes on with an empty list, as long as it was when nobody had used it yet. Never while
 * the lists are diverted: then both are empty, and there is nothing to drain.
 */
static void swap_locked(struct qi_front *front, struct qi_pcp *pcp)
{
	const struct qi_limits limits = qi_adapt_limits(&front->adapt);
	struct qp_list *idle = idle_list(pcp);

	qi_list_open(idle, &limits);
	qi_pcp_reset(pcp, &front->adapt);
	atomic_store_explicit(&pcp->live, idle == pcp->lists[1], memory_order_release);
	show(front, pcp, idle);
	if (qi_pcp_isolated(pcp))
		qi_list_close_shared(idle_list(pcp));
	else
		pcp->unfenced = true;
}

/*
 * Whether the idle list has pages, or may get some: a drain could not fence it, though others may have
 * done so since.
 */
static bool is_stranded(const struct qi_pcp *pcp)
{
	return pcp->unfenced || qi_header_count(qi_header(idle_list(pcp))) > 0;
}

/*
 * Whether a drain of the pages that are in the lists now has become ours to make. Read by a locked
 * instruction: what this thread has pushed is seen by whoever begins a drain after that.
 */
static bool begin_drain(struct qi_pcp *pcp)
{
	uint32_t begun = atomic_fetch_add(&pcp->drains_begun, 0);

	(void)qp_lock(&pcp->drain_lock);
	if (atomic_load_explicit(&pcp->drains_begun, memory_order_relaxed) != begun &&
	    !is_stranded(pcp)) {
		qp_unlock(&pcp->drain_lock);
		return false;
	}
	atomic_fetch_add(&pcp->drains_begun, 1);
	return true;
}

/*
 * The list to be emptied: everything that was in this CPU's lists, but for what a failed fence
 * withholds; NULL if that is all. Two rounds if an old list was left stranded.
 */
static struct qp_list *next_to_empty_locked(struct qi_front *front, struct qi_pcp *pcp)
{
	struct qp_list *idle;

	if (!fence_locked(front, pcp))
		return NULL;
	idle = idle_list(pcp);
	if (qi_header_count(qi_header(idle)) > 0)
		return idle;
	if (qi_header_count(qi_header(qi_pcp_live(pcp))) == 0)
		return NULL;
	swap_locked(front, pcp);
	return fence_locked(front, pcp) ? idle_list(pcp) : NULL;
}

/* ---- Where the pages go --------------------------------------------------------------------- */

struct drain {
	struct qi_front *front;
	uint32_t *mine; /* the caller's own request: filled first */
	uint32_t want;
	uint32_t got;
	uint32_t keep; /* locked: pages that stay in the list */
	uint32_t near; /* pcp: pages that may go to the depot, where their CPU finds them */
	uint64_t given; /* pages for others */
};

static void dispose(struct drain *drain, uint32_t n, const uint32_t *pfns)
{
	struct qi_depot *depot = drain->front->depot;
	uint32_t mine = drain->want - drain->got < n ? drain->want - drain->got : n;

	memcpy(drain->mine + drain->got, pfns, mine * sizeof(*pfns));
	drain->got += mine;
	pfns += mine;
	n -= mine;
	drain->given += n;
	if (n <= drain->near && qi_depot_put(depot, n, pfns)) {
		drain->near -= n;
		return;
	}
	if (n > 0)
		give_waiting(drain->front, n, pfns);
}

static void empty_locked(struct drain *drain, struct qp_list *list)
{
	uint32_t scratch[QI_SCRATCH];
	uint32_t batch = qi_adapt_batch(&drain->front->adapt);
	uint32_t n;

	while ((n = qi_list_pop_locked(list, 0, batch, scratch)) > 0)
		dispose(drain, n, scratch);
}

static void drain_by_swap(struct drain *drain, struct qi_pcp *pcp)
{
	struct qi_front *front = drain->front;
	struct qp_list *list;

	if (!begin_drain(pcp))
		return;
	qi_transit_begin(front->home);
	for (int round = 0; round < 2; round++) {
		bool stranded = is_stranded(pcp);

		list = next_to_empty_locked(front, pcp);
		if (list == NULL)
			break;
		empty_locked(drain, list);
		if (!stranded)
			break;
	}
	qi_transit_end(front->home, drain->given > 0);
	qp_unlock(&pcp->drain_lock);
}

/*
 * As many as it had when the drain began: an owner that keeps refilling it does not keep us here.
 */
static void drain_by_lock(struct drain *drain, struct qi_pcp *pcp)
{
	uint32_t scratch[QI_SCRATCH];
	uint32_t left = qi_pcp_count(pcp);
	uint32_t n;

	for (; left > drain->keep && (drain->want == 0 || drain->got < drain->want); left -= n) {
		uint32_t most = drain->want > 0 ? drain->want - drain->got : left - drain->keep;

		qi_transit_begin(drain->front->home);
		qi_pcp_lock(pcp);
		n = qi_list_pop_locked(qi_pcp_live(pcp), drain->keep,
				       most < QI_SCRATCH ? most : QI_SCRATCH, scratch);
		qi_count(&pcp->nr_drained, n);
		qi_pcp_release(pcp);
		if (n > 0)
			dispose(drain, n, scratch);
		qi_transit_end(drain->front->home, n > 0 && drain->want == 0);
		if (n == 0)
			break;
	}
}

static void drain_pcp(struct drain *drain, uint32_t cpu)
{
	struct qi_pcp *pcp = &drain->front->pcps[cpu];

	if (drain->front->kind == QI_FRONT_PCP) {
		drain->near = drain->want > 0 ? drain->front->high : drain->keep;
		drain_by_swap(drain, pcp);
	} else {
		drain_by_lock(drain, pcp);
	}
}

uint64_t qi_front_drain_cpu(struct qi_front *front, uint32_t cpu, uint32_t keep)
{
	struct drain drain = { .front = front, .keep = keep };

	if (front->high == 0)
		return 0;
	if (qi_pcp_count(&front->pcps[cpu]) <= keep)
		return 0;
	drain_pcp(&drain, cpu);
	count_drain(front, drain.given);
	return drain.given;
}

uint64_t qi_front_drain_depot(struct qi_front *front)
{
	uint32_t scratch[QI_SCRATCH];
	uint64_t moved = 0;
	uint32_t n;

	for (uint32_t left = qi_depot_count(front->depot); left > 0; left -= n < left ? n : left) {
		qi_transit_begin(front->home);
		n = qi_depot_get(front->depot, true, scratch);
		if (n > 0)
			give_waiting(front, n, scratch);
		qi_transit_end(front->home, n > 0);
		if (n == 0)
			break;
		moved += n;
	}
	qi_count_shared(&front->nr_drained_pages, moved);
	return moved;
}

/* A batch from the depot; what the caller does not want goes to the zone. */
static uint32_t claim_from_depot(struct qi_front *front, uint32_t want, uint32_t *pfns)
{
	uint32_t scratch[QI_SCRATCH];
	uint32_t n;

	qi_transit_begin(front->home);
	n = qi_depot_get(front->depot, true, scratch);
	if (want > n)
		want = n;
	memcpy(pfns, scratch, want * sizeof(*pfns));
	if (n > want)
		give_waiting(front, n - want, scratch + want);
	qi_transit_end(front->home, n > want);
	return want;
}

/*
 * What is left of a swapped list goes to the depot as far as it goes in, and serves the next claim
 * or the list's own CPU.
 */
uint32_t qi_front_claim(struct qi_front *front, uint32_t want, uint32_t *pfns)
{
	struct drain drain = { .front = front, .mine = pfns, .want = want };

	drain.got = claim_from_depot(front, want, pfns);
	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(front) && drain.got < want; cpu++) {
		uint32_t had = drain.got;

		if (qi_pcp_count(&front->pcps[cpu]) == 0)
			continue;
		drain.given = 0;
		drain_pcp(&drain, cpu);
		if (drain.got > had || drain.given > 0)
			count_drain(front, drain.got - had + drain.given);
	}
	return drain.got;
}

uint64_t qi_front_count_lists(const struct qi_front *front)
{
	uint64_t count = 0;

	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(front); cpu++)
		count += qi_pcp_count(&front->pcps[cpu]);
	return count;
}

/* ---- Closing lists -------------------------------------------------------------------------- */

/*
 * From the store of lp on no section begins in these lists; after the fence none is inside; so what
 * they have then is all that they will ever have.
 */
static bool hide_by_fence_locked(struct qi_front *front, struct qi_pcp *pcp)
{
	show(front, pcp, &qi_closed_list);
	if (fence_locked(front, pcp) && qp_fence_cpu(cpu_of(front, pcp)))
		return true;
	show(front, pcp, qi_pcp_live(pcp));
	return false;
}

/* Who is inside a closed list will not commit; who is inside a locked one is waited for. */
static bool divert_locked(struct qi_front *front, struct qi_pcp *pcp)
{
	if (front->kind == QI_FRONT_PCP && !qi_pcp_isolated(pcp))
		return hide_by_fence_locked(front, pcp);
	show(front, pcp, &qi_closed_list);
	if (front->kind == QI_FRONT_PCP) {
		qi_list_close_shared(qi_pcp_live(pcp));
	} else {
		qi_pcp_lock(pcp);
		qi_pcp_release(pcp);
	}
	return true;
}

static void set_diverts(struct qi_pcp *pcp, uint32_t nr)
{
	atomic_store_explicit(&pcp->nr_diverts, nr, memory_order_relaxed);
}

/* What closed lists have. A drain by lock needs none but the list's, so it may be at it as well. */
static void empty_closed(struct qi_front *front, struct qi_pcp *pcp)
{
	struct drain drain = { .front = front };

	if (front->kind == QI_FRONT_LOCKED) {
		drain_by_lock(&drain, pcp);
	} else {
		qi_transit_begin(front->home);
		for (unsigned int i = 0; i < 2; i++)
			empty_locked(&drain, pcp->lists[i]);
		qi_transit_end(front->home, drain.given > 0);
	}
	if (drain.given > 0)
		count_drain(front, drain.given);
}

bool qi_front_divert(struct qi_front *front, uint32_t cpu)
{
	struct qi_pcp *pcp;
	bool closed;

	if (front->high == 0)
		return true;
	pcp = &front->pcps[cpu];
	(void)qp_lock(&pcp->drain_lock);
	closed = qi_pcp_diverts(pcp) > 0 || divert_locked(front, pcp);
	set_diverts(pcp, qi_pcp_diverts(pcp) + closed);
	if (closed)
		empty_closed(front, pcp);
	qp_unlock(&pcp->drain_lock);
	return closed;
}

bool qi_front_undivert(struct qi_front *front, uint32_t cpu)
{
	struct qi_pcp *pcp;
	bool diverted;

	if (front->high == 0)
		return true;
	pcp = &front->pcps[cpu];
	(void)qp_lock(&pcp->drain_lock);
	diverted = qi_pcp_diverts(pcp) > 0;
	if (diverted)
		set_diverts(pcp, qi_pcp_diverts(pcp) - 1);
	if (diverted && qi_pcp_diverts(pcp) == 0) {
		qi_list_reopen(qi_pcp_live(pcp));
		show(front, pcp, qi_pcp_live(pcp));
	}
	qp_unlock(&pcp->drain_lock);
	return diverted;
}

/* ---- Isolated CPUs -------------------------------------------------------------------------- */

/*
 * A section that stores its header must be over before the first one that compares and swaps. The
 * other way round needs no fence: shared sections still inside are the CPU's own, as the others are,
 * so none of these runs before those have ended; and drains fence both kinds. Diverted lists have
 * nobody inside.
 */
static bool isolate_locked(struct qi_front *front, struct qi_pcp *pcp, enum qi_isolated isolated)
{
	bool shown = front->kind == QI_FRONT_PCP && qi_pcp_diverts(pcp) == 0;

	if (shown && isolated == QI_NOT_ISOLATED)
		show(front, pcp, &qi_closed_list);
	if (shown && isolated != QI_NOT_ISOLATED && !hide_by_fence_locked(front, pcp))
		return false;
	atomic_store_explicit(&pcp->isolated, isolated, memory_order_relaxed);
	atomic_fetch_add(&front->nr_isolated, isolated == QI_NOT_ISOLATED ? UINT32_MAX : 1);
	if (shown)
		show(front, pcp, qi_pcp_live(pcp));
	return true;
}

bool qi_front_isolate(struct qi_front *front, uint32_t cpu, bool isolate)
{
	struct qi_pcp *pcp;
	bool done = true;

	if (front->high == 0)
		return true;
	pcp = &front->pcps[cpu];
	(void)qp_lock(&pcp->drain_lock);
	if (qi_pcp_isolated(pcp) != isolate)
		done = isolate_locked(front, pcp, isolate ? QI_JUST_ISOLATED : QI_NOT_ISOLATED);
	qp_unlock(&pcp->drain_lock);
	return done;
}

void qi_front_isolate_end(struct qi_front *front, uint32_t cpu, bool keep)
{
	struct qi_pcp *pcp;

	if (front->high == 0)
		return;
	pcp = &front->pcps[cpu];
	(void)qp_lock(&pcp->drain_lock);
	if (atomic_load_explicit(&pcp->isolated, memory_order_relaxed) == QI_JUST_ISOLATED) {
		if (keep)
			atomic_store_explicit(&pcp->isolated, QI_ISOLATED, memory_order_relaxed);
		else
			(void)isolate_locked(front, pcp, QI_NOT_ISOLATED);
	}
	qp_unlock(&pcp->drain_lock);
}

/* ---- Fork ----------------------------------------------------------------------------------- */

/*
 * Alone: nobody is in any section, so lists need no fence, and can have none where the system
 * refuses it.
 */
static void recover_pcp(struct qi_front *front, struct qi_pcp *pcp)
{
	struct drain drain = { .front = front };
	struct qp_list *idle = idle_list(pcp);

	for (unsigned int i = 0; i < 2; i++)
		empty_locked(&drain, pcp->lists[i]);
	if (pcp->unfenced)
		qi_list_close(idle);
	pcp->unfenced = false;
}

void qi_front_recover(struct qi_front *front)
{
	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(front); cpu++)
		if (front->kind == QI_FRONT_PCP)
			recover_pcp(front, &front->pcps[cpu]);
}

void qi_front_hold(struct qi_front *front)
{
	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(front); cpu++) {
		(void)qp_lock(&front->pcps[cpu].drain_lock);
		if (front->kind == QI_FRONT_LOCKED)
			qi_pcp_lock(&front->pcps[cpu]);
	}
}

void qi_front_let_go(struct qi_front *front)
{
	for (uint32_t cpu = qi_front_nr_lists(front); cpu > 0; cpu--) {
		if (front->kind == QI_FRONT_LOCKED)
			qi_pcp_release(&front->pcps[cpu - 1]);
		qp_unlock(&front->pcps[cpu - 1].drain_lock);
	}
}
