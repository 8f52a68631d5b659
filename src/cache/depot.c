/* SPDX-License-Identifier: MIT */
#include "cache/depot.h"
#include "cache/list.h"

static void init_end(struct qi_depot_end *end)
{
	memset(end, 0, sizeof(*end));
	end->lock.rank = QP_RANK_DEPOT;
}

void qi_depot_init(struct qi_depot *depot, uint32_t batch, uint32_t max, uint32_t *slots)
{
	depot->batch = batch;
	depot->max = max;
	depot->slots = slots;
	init_end(&depot->put);
	init_end(&depot->get);
}

/*
 * Acquire: the batches that an end's count stands for have been written, or read, when it is seen.
 */
static uint64_t passed(const struct qi_depot_end *end)
{
	return atomic_load_explicit((_Atomic uint64_t *)&end->nr, memory_order_acquire);
}

/* It is held for no longer than a batch takes to copy. */
static bool enter(struct qi_depot_end *end, bool may_wait)
{
	if (may_wait) {
		(void)qp_lock(&end->lock);
		return true;
	}
	for (int try = 0; try < QI_TRIES; try++) {
		if (qp_lock_try(&end->lock))
			return true;
		qp_pause();
	}
	return false;
}

/* Release, for the other end's acquire: the slots are the other's from here on. */
static void pass_locked(struct qi_depot *depot, struct qi_depot_end *end)
{
	uint64_t nr = atomic_load_explicit(&end->nr, memory_order_relaxed);

	end->slot = end->slot + 1 < depot->max ? end->slot + 1 : 0;
	atomic_store_explicit(&end->nr, nr + 1, memory_order_release);
}

static uint64_t seen(const _Atomic uint64_t *count)
{
	return atomic_load_explicit((_Atomic uint64_t *)count, memory_order_relaxed);
}

/*
 * Whether this end has not come to where it must wait for the other, which is at a distance from
 * it. What was seen of the other last is asked first: its line is its own CPU's.
 */
static bool may_pass(const struct qi_depot_end *end, const struct qi_depot_end *other,
		     uint64_t distance)
{
	return seen(&end->nr) - seen(&end->other_nr) != distance ||
	       seen(&end->nr) - passed(other) != distance;
}

static bool may_pass_locked(struct qi_depot_end *end, const struct qi_depot_end *other,
			    uint64_t distance)
{
	uint64_t nr = seen(&end->nr);

	if (nr - seen(&end->other_nr) != distance)
		return true;
	atomic_store_explicit(&end->other_nr, passed(other), memory_order_relaxed);
	return nr - seen(&end->other_nr) != distance;
}

/* The next batch's slots were last the other CPU's: ask for them before they are needed. */
static inline void ask_for_next_locked(const struct qi_depot *depot, const struct qi_depot_end *end,
				       int write)
{
	const char *slots = (const char *)&depot->slots[end->slot * depot->batch];
	size_t bytes = depot->batch * sizeof(*depot->slots);

	for (size_t i = 0; i < bytes; i += QP_CACHE_LINE) {
		if (write)
			__builtin_prefetch(slots + i, 1);
		else
			__builtin_prefetch(slots + i, 0);
	}
}

bool qi_depot_put(struct qi_depot *depot, const uint32_t *pfns)
{
	struct qi_depot_end *end = &depot->put;
	bool room;

	if (!may_pass(end, &depot->get, depot->max) || !enter(end, false))
		return false;
	room = may_pass_locked(end, &depot->get, depot->max);
	if (room) {
		qi_copy_slots(&depot->slots[end->slot * depot->batch], pfns, depot->batch);
		pass_locked(depot, end);
		ask_for_next_locked(depot, end, 1);
	}
	qp_unlock(&end->lock);
	return room;
}

uint32_t qi_depot_get(struct qi_depot *depot, bool may_wait, uint32_t *pfns)
{
	struct qi_depot_end *end = &depot->get;
	bool some;

	if (!may_pass(end, &depot->put, 0) || !enter(end, may_wait))
		return 0;
	some = may_pass_locked(end, &depot->put, 0);
	if (some) {
		qi_copy_slots(pfns, &depot->slots[end->slot * depot->batch], depot->batch);
		pass_locked(depot, end);
		ask_for_next_locked(depot, end, 0);
	}
	qp_unlock(&end->lock);
	return some ? depot->batch : 0;
}

/* Out before in: never less than none. */
uint32_t qi_depot_count(const struct qi_depot *depot)
{
	uint64_t out = passed(&depot->get);

	return (uint32_t)(passed(&depot->put) - out) * depot->batch;
}

uint64_t qi_depot_in(const struct qi_depot *depot)
{
	return passed(&depot->put) * depot->batch;
}

uint64_t qi_depot_out(const struct qi_depot *depot)
{
	return passed(&depot->get) * depot->batch;
}

void qi_depot_hold(struct qi_depot *depot)
{
	(void)qp_lock(&depot->put.lock);
	(void)qp_lock(&depot->get.lock);
}

void qi_depot_let_go(struct qi_depot *depot)
{
	qp_unlock(&depot->get.lock);
	qp_unlock(&depot->put.lock);
}
