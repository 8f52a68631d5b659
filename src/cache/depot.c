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
	depot->room = max * batch;
	depot->nr_slots = max * batch;
	depot->slots = slots;
	depot->uses_seen = 0;
	init_end(&depot->put);
	init_end(&depot->get);
}

static uint32_t get(const _Atomic uint32_t *field)
{
	return atomic_load_explicit((_Atomic uint32_t *)field, memory_order_relaxed);
}

static void set(_Atomic uint32_t *field, uint32_t value)
{
	atomic_store_explicit(field, value, memory_order_relaxed);
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
static void pass_locked(struct qi_depot *depot, struct qi_depot_end *end, uint32_t batch)
{
	uint64_t nr = atomic_load_explicit(&end->nr, memory_order_relaxed);

	end->slot = end->slot + 1 < get(&depot->max) ? end->slot + 1 : 0;
	atomic_store_explicit(&end->nr, nr + batch, memory_order_release);
}

static uint64_t seen(const _Atomic uint64_t *count)
{
	return atomic_load_explicit((_Atomic uint64_t *)count, memory_order_relaxed);
}

/* Whether an end is short of where it must wait: so far ahead of the other. */
static inline bool is_short(uint64_t nr, uint64_t other_nr, uint64_t ahead)
{
	return (int64_t)(other_nr + ahead - nr) > 0;
}

/* What was seen of the other last is asked first: its line is its own CPU's. */
static bool may_pass(const struct qi_depot_end *end, const struct qi_depot_end *other,
		     uint64_t ahead)
{
	return is_short(seen(&end->nr), seen(&end->other_nr), ahead) ||
	       is_short(seen(&end->nr), passed(other), ahead);
}

static bool may_pass_locked(struct qi_depot_end *end, const struct qi_depot_end *other,
			    uint64_t ahead)
{
	uint64_t nr = seen(&end->nr);

	if (is_short(nr, seen(&end->other_nr), ahead))
		return true;
	atomic_store_explicit(&end->other_nr, passed(other), memory_order_relaxed);
	return is_short(nr, seen(&end->other_nr), ahead);
}

/* The next batch's slots were last the other CPU's: ask for them before they are needed. */
static inline void ask_for_next_locked(const struct qi_depot *depot, const struct qi_depot_end *end,
				       uint32_t batch, int write)
{
	const char *slots = (const char *)&depot->slots[end->slot * batch];
	size_t bytes = batch * sizeof(*depot->slots);

	for (size_t i = 0; i < bytes; i += QP_CACHE_LINE) {
		if (write)
			__builtin_prefetch(slots + i, 1);
		else
			__builtin_prefetch(slots + i, 0);
	}
}

bool qi_depot_put(struct qi_depot *depot, uint32_t n, const uint32_t *pfns)
{
	struct qi_depot_end *end = &depot->put;
	bool room;

	if (n != qi_depot_batch(depot) || !may_pass(end, &depot->get, get(&depot->room)) ||
	    !enter(end, false))
		return false;
	room = n == qi_depot_batch(depot) && may_pass_locked(end, &depot->get, get(&depot->room));
	if (room) {
		qi_copy_slots(&depot->slots[end->slot * n], pfns, n);
		pass_locked(depot, end, n);
		ask_for_next_locked(depot, end, n, 1);
	}
	qp_unlock(&end->lock);
	return room;
}

uint32_t qi_depot_get(struct qi_depot *depot, bool may_wait, uint32_t *pfns)
{
	struct qi_depot_end *end = &depot->get;
	uint32_t batch = 0;

	if (!may_pass(end, &depot->put, 0) || !enter(end, may_wait))
		return 0;
	if (may_pass_locked(end, &depot->put, 0)) {
		batch = qi_depot_batch(depot);
		qi_copy_slots(pfns, &depot->slots[end->slot * batch], batch);
		pass_locked(depot, end, batch);
		ask_for_next_locked(depot, end, batch, 0);
	}
	qp_unlock(&end->lock);
	return batch;
}

/* Out before in: never less than none. */
uint32_t qi_depot_count(const struct qi_depot *depot)
{
	uint64_t out = passed(&depot->get);

	return (uint32_t)(passed(&depot->put) - out);
}

uint64_t qi_depot_in(const struct qi_depot *depot)
{
	return passed(&depot->put);
}

uint64_t qi_depot_out(const struct qi_depot *depot)
{
	return passed(&depot->get);
}

/* Who puts looks at it under the lock. */
void qi_depot_close(struct qi_depot *depot)
{
	(void)qp_lock(&depot->put.lock);
	set(&depot->room, 0);
	qp_unlock(&depot->put.lock);
}

/*
 * Empty, both ends are at the same count, so nobody finds a batch or room by what he sees of old and
 * new; and each looks again under his lock.
 */
bool qi_depot_open(struct qi_depot *depot, uint32_t batch, uint32_t max)
{
	bool empty;

	qi_depot_hold(depot);
	empty = qi_depot_count(depot) == 0;
	if (empty) {
		if (max > depot->nr_slots / batch)
			max = depot->nr_slots / batch;
		set(&depot->batch, batch);
		set(&depot->max, max);
		set(&depot->room, max * batch);
		depot->put.slot = 0;
		depot->get.slot = 0;
	}
	qi_depot_let_go(depot);
	return empty;
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
