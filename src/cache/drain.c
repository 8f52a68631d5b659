/* SPDX-License-Identifier: MIT */
/* Taking pages out of other CPUs' lists, for everybody or for the caller. */
#include "cache/front.h"

static void give_waiting(struct qi_front *front, uint32_t n, const uint32_t *pfns)
{
	qi_zone_lock(front->space, front->home);
	qi_zone_give_locked(front->space, front->home, n, pfns);
	qi_zone_unlock(front->space, front->home);
}

/* Up to want pages above keep. Waits for the list. */
static uint32_t pop_above(struct qi_list *list, uint32_t keep, uint32_t want, uint32_t *pfns)
{
	/* Acquire: what a watch reads after this look is read after this. */
	uint32_t count = atomic_load_explicit(&list->count, memory_order_acquire);
	uint32_t n = 0;

	if (count <= keep)
		return 0;
	qi_list_lock(list);
	count = qi_list_count(list);
	if (count > keep)
		n = qi_list_pop_locked(list, count - keep < want ? count - keep : want, pfns);
	qi_list_release(list);
	return n;
}

/*
 * As many as it had when the drain began: an owner that keeps refilling it does not keep us here.
 */
uint64_t qi_front_drain_cpu(struct qi_front *front, uint32_t cpu, uint32_t keep)
{
	uint32_t scratch[QI_SCRATCH];
	struct qi_list *list;
	uint64_t moved = 0;
	uint32_t left;

	if (front->high == 0)
		return 0;
	list = qi_front_list(front, cpu);
	left = qi_list_count(list);
	while (left > 0) {
		uint32_t n;

		qi_transit_begin(front->home);
		n = pop_above(list, keep, left < QI_SCRATCH ? left : QI_SCRATCH, scratch);
		if (n > 0)
			give_waiting(front, n, scratch);
		qi_transit_end(front->home, n > 0);
		if (n == 0)
			break;
		left -= n;
		moved += n;
	}
	qi_count_shared(&front->nr_drains, 1);
	qi_count_shared(&front->nr_drained_pages, moved);
	return moved;
}

uint64_t qi_front_drain_depot(struct qi_front *front)
{
	uint32_t scratch[QI_SCRATCH];
	uint64_t moved = 0;
	uint32_t n;

	for (uint32_t left = qi_depot_count(&front->depot); left > 0; left -= n) {
		qi_transit_begin(front->home);
		n = qi_depot_get(&front->depot, true, scratch);
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
	n = qi_depot_get(&front->depot, true, scratch);
	if (want > n)
		want = n;
	memcpy(pfns, scratch, want * sizeof(*pfns));
	if (n > want)
		give_waiting(front, n - want, scratch + want);
	qi_transit_end(front->home, n > want);
	return want;
}

uint32_t qi_front_claim(struct qi_front *front, uint32_t want, uint32_t *pfns)
{
	uint32_t got = claim_from_depot(front, want, pfns);

	for (uint32_t cpu = 0; front->high > 0 && cpu < front->nr_cpus && got < want; cpu++) {
		uint32_t n = pop_above(qi_front_list(front, cpu), 0, want - got, pfns + got);

		if (n > 0) {
			qi_count_shared(&front->nr_drains, 1);
			qi_count_shared(&front->nr_drained_pages, n);
		}
		got += n;
	}
	return got;
}

uint64_t qi_front_count_lists(const struct qi_front *front)
{
	uint64_t count = 0;

	for (uint32_t cpu = 0; front->high > 0 && cpu < front->nr_cpus; cpu++)
		count += qi_list_count(qi_front_list(front, cpu));
	return count;
}
