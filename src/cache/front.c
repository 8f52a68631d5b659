/* SPDX-License-Identifier: MIT */
#include "cache/front.h"

size_t qi_front_list_bytes(uint32_t high)
{
	size_t bytes = sizeof(struct qi_list) + high * sizeof(uint32_t);

	/* Two CPUs never share a line; nor a pair of lines, as the machine fetches them by two. */
	return (bytes + 2 * QP_CACHE_LINE - 1) & ~(size_t)(2 * QP_CACHE_LINE - 1);
}

void qi_front_init_lists(struct qi_front *front, bool shown)
{
	front->ready_take = front->kind == QI_FRONT_LOCKED && front->high > 0 && !front->noirq &&
			    !shown;
	front->ready_give = front->ready_take && front->space->nr_zones == 1;
	for (uint32_t cpu = 0; front->high > 0 && cpu < front->nr_cpus; cpu++) {
		struct qi_list *list = qi_front_list(front, cpu);

		memset(list, 0, sizeof(*list));
		list->high = front->high;
		list->batch = front->batch;
	}
}

struct qi_zone *qi_front_zone_of(const struct qi_front *front, uint32_t pfn)
{
	const struct qi_space *space = front->space;

	if (space->nr_zones == 1)
		return front->home;
	return &space->zones[space->regions[space->block_region[qi_block_of(pfn)] - 1].zone];
}

/* The list that this request may use, or NULL. */
static struct qi_list *usable_list(const struct qi_front *front, bool may_wait)
{
	if (front->kind != QI_FRONT_LOCKED || front->high == 0)
		return NULL;
	if (front->noirq && (!may_wait || qp_in_handler()))
		return NULL;
	return qi_front_my_list(front);
}

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

/* Pages of the home zone that no list will take. */
static void spill(struct qi_front *front, uint32_t n, const uint32_t *pfns)
{
	if (n == front->depot.batch && qi_depot_put(&front->depot, pfns))
		return;
	give_to_zone(front, front->home, n, pfns);
}

/* A batch for the list, of which the caller gets the first want. */
static uint32_t refill(struct qi_front *front, struct qi_list *list, bool may_wait, uint32_t want,
		       uint32_t *pfns)
{
	uint32_t scratch[QI_SCRATCH];
	uint32_t n;
	uint32_t rest;

	qi_transit_begin(front->home);
	n = qi_depot_get(&front->depot, may_wait, scratch);
	if (n == 0)
		n = take_from_zone(front, may_wait, want > list->batch ? want : list->batch,
				   scratch);
	if (want > n)
		want = n;
	rest = n - want;
	memcpy(pfns, scratch, want * sizeof(*pfns));
	if (rest > 0 && qi_list_push(list, rest, scratch + want) != QI_PUSHED)
		spill(front, rest, scratch + want);
	qi_transit_end(front->home, rest > 0);
	qi_count_shared(&list->nr_refills, 1);
	qi_count_shared(&list->nr_refill_pages, n);
	return want;
}

uint32_t qi_front_take(struct qi_front *front, bool may_wait, uint32_t want, uint32_t *pfns)
{
	struct qi_list *list = usable_list(front, may_wait);
	uint32_t got;

	if (list == NULL)
		return take_from_zone(front, may_wait, want, pfns);
	got = qi_list_pop(list, want, pfns);
	while (got < want) {
		uint32_t n = refill(front, list, may_wait, want - got, pfns + got);

		if (n == 0)
			break;
		got += n;
	}
	return got;
}

/*
 * Down to half, a batch at a time: one overflow pays for many pushes, and the list stays warm. No
 * more than a list's worth, whoever keeps pushing.
 */
static void overflow(struct qi_front *front, struct qi_list *list)
{
	uint32_t scratch[QI_SCRATCH];
	uint64_t moved = 0;

	for (uint32_t most = list->high; moved < most && qi_list_count(list) > list->high / 2;) {
		uint32_t n;

		qi_transit_begin(front->home);
		n = qi_list_pop(list, list->batch, scratch);
		if (n > 0)
			spill(front, n, scratch);
		qi_transit_end(front->home, n > 0);
		if (n == 0)
			break;
		moved += n;
	}
	qi_count_shared(&list->nr_overflows, 1);
	qi_count_shared(&list->nr_overflow_pages, moved);
}

static void give_home(struct qi_front *front, uint32_t n, const uint32_t *pfns)
{
	struct qi_list *list = usable_list(front, true);

	if (list != NULL && n <= list->high / 2) {
		enum qi_push pushed = qi_list_push(list, n, pfns);

		if (pushed == QI_PUSH_FULL) {
			overflow(front, list);
			pushed = qi_list_push(list, n, pfns);
		}
		if (pushed == QI_PUSHED)
			return;
	}
	if (front->kind == QI_FRONT_NONE)
		give_to_zone(front, front->home, n, pfns);
	else
		spill(front, n, pfns);
}

void qi_front_give(struct qi_front *front, uint32_t n, const uint32_t *pfns)
{
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
