/* SPDX-License-Identifier: MIT */
/*
 * Whether what was not found may be there after all. A look goes from place to place, and pages
 * move meanwhile: by way of somebody's stack, where nobody finds them, or freed into a place that
 * has been looked at already while others empty the places to come. At every instant there may have
 * been a free page that the look has not seen. So a look that found nothing counts only if no page
 * has moved or arrived since it began, and nobody is moving any.
 */
#include "alloc/request.h"

/* Low half: movers now; high half: moves ended. */
static uint64_t sum_of_moves(const struct quire *q)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < q->space.nr_zones; i++)
		sum += atomic_load((_Atomic uint64_t *)&q->space.zones[i].transit);
	return sum;
}

/* Pages that were put where a look finds them, ever. */
static uint64_t sum_of_arrivals(const struct quire *q)
{
	const struct qi_front *front = &q->front;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < q->space.nr_zones; i++) {
		const struct qi_zone *zone = &q->space.zones[i];

		sum += atomic_load((_Atomic uint64_t *)&zone->nr_given) +
		       atomic_load((_Atomic uint64_t *)&zone->nr_deferred_ever);
	}
	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(front); cpu++)
		sum += qi_pcp_pushes(&front->pcps[cpu]);
	return sum + qi_depot_in(front->depot);
}

bool qi_watch_moving(const struct quire *q)
{
	return (uint32_t)sum_of_moves(q) != 0;
}

void qi_watch_begin(const struct quire *q, struct qi_watch *watch)
{
	watch->moves = sum_of_moves(q);
	watch->arrivals = sum_of_arrivals(q);
}

/*
 * Pages deferred that the look did not take up: who deferred them has stopped before their
 * pageblock was on the stack, and will go on.
 */
static bool any_deferred(const struct quire *q)
{
	for (uint32_t i = 0; i < q->space.nr_zones; i++)
		if (qi_count_get(&q->space.zones[i].nr_deferred) > 0)
			return true;
	return false;
}

/*
 * While others make progress the looks are bounded by most; while somebody is moving pages and
 * nothing changes, they are waited for, but not for ever: a stopped thread moves nothing.
 */
bool qi_watch_again(const struct quire *q, struct qi_watch *watch)
{
	uint64_t moves = sum_of_moves(q);

	if (moves != watch->moves || sum_of_arrivals(q) != watch->arrivals) {
		watch->waited = 0;
		return ++watch->looks < watch->most;
	}
	if (((uint32_t)moves == 0 && !any_deferred(q)) || watch->waited == QI_PATIENCE)
		return false;
	qp_yield(watch->waited++);
	return true;
}
