/* SPDX-License-Identifier: MIT */
/*
 * Limits of lists and depot, as they are made and as they are changed while others use them. Every
 * request reads them from its list, as hints, so a change is a few stores. 1. What new lists begin
 * with. 2. Each CPU's live list, in place, under its drain lock: a list that is opened meanwhile
 * either began with the new limits, or is the live one now. 3. A list that holds more than it may is
 * drained. 4. The depot's batches are as large as those that lists give, so it is emptied first.
 */
#include "cache/front.h"

static void set(_Atomic uint32_t *limit, uint32_t value)
{
	atomic_store_explicit(limit, value, memory_order_relaxed);
}

/*
 * Normal requests leave so many pages in a list, and refill it instead: for those who may not wait.
 */
static uint32_t low_mark(uint32_t batch, uint32_t base)
{
	uint32_t low = batch / 4;

	return low < base / 16 ? low : base / 16;
}

static void set_adapt(struct qi_adapt *adapt, uint32_t base, uint32_t most, uint32_t batch)
{
	set(&adapt->batch, batch);
	set(&adapt->base, base);
	set(&adapt->most, most);
	set(&adapt->low, low_mark(batch, base));
}

void qi_front_init_limits(struct qi_front *front, uint32_t base, uint32_t batch)
{
	front->made_base = base;
	front->made_batch = batch;
	front->nr_depot = front->depot->max;
	set_adapt(&front->adapt, base, front->high, batch);
}

/* Release: who adapts high and finds this one finds what it is to be kept within (cache/adapt.c). */
static void limit_list_locked(struct qp_list *list, const struct qi_limits *limits)
{
	atomic_store_explicit(&list->low, limits->low, memory_order_relaxed);
	atomic_store_explicit(&list->high, limits->high, memory_order_release);
}

static void limit_cpu(struct qi_front *front, uint32_t cpu)
{
	const struct qi_limits limits = qi_adapt_limits(&front->adapt);
	struct qi_pcp *pcp = &front->pcps[cpu];

	(void)qp_lock(&pcp->drain_lock);
	limit_list_locked(qi_pcp_live(pcp), &limits);
	qp_unlock(&pcp->drain_lock);
	(void)qi_front_drain_cpu(front, cpu, limits.high);
}

/* While it is closed only full batches go out, so soon it is empty. */
static void limit_depot(struct qi_front *front, uint32_t batch)
{
	if (qi_depot_batch(front->depot) == batch)
		return;
	qi_depot_close(front->depot);
	do {
		(void)qi_front_drain_depot(front);
	} while (!qi_depot_open(front->depot, batch, front->nr_depot));
}

void qi_front_limit(struct qi_front *front, uint32_t high, uint32_t batch)
{
	uint32_t base = high != 0 ? high : front->made_base;

	set_adapt(&front->adapt, base, high != 0 ? high : front->high, batch);
	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(front); cpu++)
		limit_cpu(front, cpu);
	limit_depot(front, batch);
}
