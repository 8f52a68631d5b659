/* SPDX-License-Identifier: MIT */
/*
 * The effort behind a request, rung by rung:
 *
 * 1. Fast: this CPU's list, the depot, the home zone; then the other zones. Deferred pages are
 *    taken up with each lock.
 * 2. Who may not wait gets pages from the stash, and no more.
 * 3. Hard, for order 0: the zones again, waiting; the depot; every CPU's list; the stash. The first
 *    of these that has something serves the caller, and nothing else is disturbed. For higher
 *    orders, which need neighbours, everything is drained into the zones first.
 * 4. Nothing found, but others were moving pages meanwhile: look again. Nothing, and nobody moved:
 *    fail.
 */
#include "alloc/request.h"

static uint32_t take_blocks_locked(struct quire *q, struct qi_zone *zone, unsigned int order,
				   uint32_t want, uint32_t *pfns)
{
	uint32_t got = 0;

	if (order == 0)
		return qi_zone_take_locked(&q->space, zone, want, pfns);
	while (got < want) {
		uint32_t pfn = qi_zone_take_block_locked(&q->space, zone, order);

		if (pfn == QI_NO_PFN)
			break;
		pfns[got++] = pfn;
	}
	return got;
}

/*
 * How to leave a zone: qi_zone_unlock(), which fills its stash, or qi_zone_release(), which does
 * not.
 */
typedef void leave_fn(struct qi_space *space, struct qi_zone *zone);

/* From one zone, or one region of it. */
static uint32_t take_from_zone(struct quire *q, struct qi_request *request, struct qi_zone *zone,
			       leave_fn *leave, uint32_t want, uint32_t *pfns)
{
	uint32_t got;

	if (!qi_zone_enter(&q->space, zone, qi_may_wait(request->gfp))) {
		request->busy = true;
		return 0;
	}
	if (request->only != NULL)
		got = qi_zone_take_in_region_locked(&q->space, zone, request->only, request->order,
						    want, pfns);
	else
		got = take_blocks_locked(q, zone, request->order, want, pfns);
	leave(&q->space, zone);
	return got;
}

/* From the zones from number first on. */
static uint32_t take_from_zones(struct quire *q, struct qi_request *request, uint32_t first,
				leave_fn *leave, uint32_t want, uint32_t *pfns)
{
	uint32_t got = 0;

	if (request->only != NULL)
		return take_from_zone(q, request, &q->space.zones[request->only->zone], leave, want,
				      pfns);
	for (uint32_t i = first; i < q->space.nr_zones && got < want; i++)
		got += take_from_zone(q, request, &q->space.zones[i], leave, want - got,
				      pfns + got);
	return got;
}

uint32_t qi_take_fast(struct quire *q, struct qi_request *request, uint32_t want, uint32_t *pfns)
{
	uint32_t got = 0;

	if (request->order > 0 || request->only != NULL)
		return take_from_zones(q, request, 0, qi_zone_unlock, want, pfns);
	got = qi_front_take(&q->front, qi_may_wait(request->gfp), want, pfns);
	if (got < want && q->space.nr_zones > 1)
		got += take_from_zones(q, request, 1, qi_zone_unlock, want - got, pfns + got);
	return got;
}

static uint32_t take_from_stashes(struct quire *q, uint32_t want, uint32_t *pfns)
{
	uint32_t got = 0;

	for (uint32_t i = 0; i < q->space.nr_zones && got < want; i++)
		got += qi_stash_take(&q->space.zones[i], want - got, pfns + got);
	return got;
}

/* Released, not unlocked, which would fill the stash again. */
static void drain_stash(struct quire *q, struct qi_zone *zone)
{
	uint32_t pfns[QI_SCRATCH];
	uint32_t n;

	qi_transit_begin(zone);
	n = qi_stash_take(zone, QI_SCRATCH, pfns);
	if (n > 0) {
		qi_zone_lock(&q->space, zone);
		qi_zone_give_locked(&q->space, zone, n, pfns);
		qi_zone_release(&q->space, zone);
	}
	qi_transit_end(zone, n > 0);
}

void qi_drain_everything(struct quire *q)
{
	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(&q->front); cpu++)
		if (qi_pcp_count(&q->front.pcps[cpu]) > 0)
			qi_front_drain_cpu(&q->front, cpu, 0);
	qi_front_drain_depot(&q->front);
	for (uint32_t i = 0; i < q->space.nr_zones; i++)
		drain_stash(q, &q->space.zones[i]);
}

/* One page or more, from the first place that has any. */
static uint32_t look_everywhere(struct quire *q, struct qi_request *request, uint32_t want,
				uint32_t *pfns)
{
	uint32_t got = take_from_zones(q, request, 0, qi_zone_unlock, want, pfns);

	if (got == 0)
		got = qi_front_claim(&q->front, want, pfns);
	if (got == 0)
		got = take_from_stashes(q, want, pfns);
	return got;
}

/*
 * Our own drain is not a movement to wait for, so the watch begins after it; and the stash, just
 * drained, is left empty, or two callers who both fail would fill and drain it for each other.
 */
uint32_t qi_take_look(struct quire *q, struct qi_request *request, struct qi_watch *watch,
		      uint32_t want, uint32_t *pfns)
{
	bool any_page = request->order == 0 && request->only == NULL;

	if (!any_page)
		qi_drain_everything(q);
	qi_watch_begin(q, watch);
	if (any_page)
		return look_everywhere(q, request, want, pfns);
	return take_from_zones(q, request, 0, qi_zone_release, want, pfns);
}

/* Pages that lie where a look at the zones alone does not see them. */
static uint64_t count_hidden(const struct quire *q)
{
	uint64_t hidden = qi_front_count_lists(&q->front) + qi_depot_count(q->front.depot);

	for (uint32_t i = 0; i < q->space.nr_zones; i++)
		hidden += qi_stash_count(&q->space.zones[i]);
	return hidden;
}

/*
 * A look for particular pages asks the zones alone, and others may hide pages between its drain and
 * its look. What is hidden is counted before the watch is asked: what left its place before that,
 * has moved.
 */
static bool look_again(const struct quire *q, const struct qi_request *request,
		       struct qi_watch *watch)
{
	bool particular = request->order > 0 || request->only != NULL;
	bool hidden = particular && count_hidden(q) > 0;

	return qi_watch_again(q, watch) || (hidden && ++watch->looks < watch->most);
}

static uint32_t take_hard(struct quire *q, struct qi_request *request, uint32_t want,
			  uint32_t *pfns)
{
	struct qi_watch watch = { .most = qi_most_looks(request) };
	uint32_t got;

	qi_count_shared(&q->nr_slow, 1);
	do {
		got = qi_take_look(q, request, &watch, want, pfns);
	} while (got == 0 && look_again(q, request, &watch));
	return got;
}

uint32_t qi_take(struct quire *q, struct qi_request *request, uint32_t want, uint32_t *pfns,
		 uint32_t *from_stash)
{
	uint32_t got = qi_take_fast(q, request, want, pfns);

	*from_stash = 0;
	if (qp_likely(got == want) || (request->gfp & (QUIRE_NORETRY | QUIRE_NOWAIT)) != 0)
		return got;
	if ((request->gfp & QUIRE_ATOMIC) != 0) {
		if (request->order == 0 && request->only == NULL)
			*from_stash = take_from_stashes(q, want - got, pfns + got);
		return got + *from_stash;
	}
	while (got < want) {
		uint32_t n = take_hard(q, request, want - got, pfns + got);

		if (n == 0)
			break;
		got += n;
	}
	return got;
}

void qi_untake(struct quire *q, unsigned int order, uint32_t n, const uint32_t *pfns)
{
	qi_transit_begin(q->front.home);
	if (order == 0)
		qi_front_give(&q->front, n, pfns);
	for (uint32_t i = 0; order > 0 && i < n; i++)
		qi_front_give_block(&q->front, pfns[i], order);
	qi_transit_end(q->front.home, n > 0);
}

uint64_t qi_count_free(const struct quire *q)
{
	uint64_t nr_free = count_hidden(q);

	for (uint32_t i = 0; i < q->space.nr_zones; i++) {
		const struct qi_zone *zone = &q->space.zones[i];

		nr_free += qi_count_get(&zone->nr_free) + qi_count_get(&zone->nr_deferred);
	}
	return nr_free;
}
