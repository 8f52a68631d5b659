/* SPDX-License-Identifier: MIT */
#include "cache/depot.h"

void qi_depot_init(struct qi_depot *depot, uint32_t batch, uint32_t max, uint32_t *slots)
{
	memset(depot, 0, sizeof(*depot));
	depot->lock.rank = QP_RANK_DEPOT;
	depot->batch = batch;
	depot->max = max;
	depot->slots = slots;
}

/* Acquire: what a watch reads after a look at the depot is read after this. */
static uint32_t batches(const struct qi_depot *depot)
{
	return atomic_load_explicit((_Atomic uint32_t *)&depot->nr, memory_order_acquire);
}

static void set_batches(struct qi_depot *depot, uint32_t nr)
{
	atomic_store_explicit(&depot->nr, nr, memory_order_relaxed);
}

bool qi_depot_put(struct qi_depot *depot, const uint32_t *pfns)
{
	uint32_t nr = batches(depot);

	if (nr == depot->max || !qp_lock_try(&depot->lock))
		return false;
	nr = batches(depot);
	if (nr < depot->max) {
		memcpy(&depot->slots[nr * depot->batch], pfns, depot->batch * sizeof(*pfns));
		set_batches(depot, nr + 1);
		qi_count(&depot->nr_in, depot->batch);
	}
	qp_unlock(&depot->lock);
	return nr < depot->max;
}

static bool enter(struct qi_depot *depot, bool may_wait)
{
	if (!may_wait)
		return qp_lock_try(&depot->lock);
	qp_lock(&depot->lock);
	return true;
}

uint32_t qi_depot_get(struct qi_depot *depot, bool may_wait, uint32_t *pfns)
{
	uint32_t nr = batches(depot);

	if (nr == 0 || !enter(depot, may_wait))
		return 0;
	nr = batches(depot);
	if (nr > 0) {
		memcpy(pfns, &depot->slots[(nr - 1) * depot->batch], depot->batch * sizeof(*pfns));
		set_batches(depot, nr - 1);
		qi_count(&depot->nr_out, depot->batch);
	}
	qp_unlock(&depot->lock);
	return nr > 0 ? depot->batch : 0;
}
