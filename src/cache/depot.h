/* SPDX-License-Identifier: MIT */
/*
 * A depot of full batches: what one CPU's list has too much of, another's takes at one exchange a
 * batch, so a CPU that only frees feeds one that only allocates without either visiting the zone.
 */
#ifndef QI_CACHE_DEPOT_H
#define QI_CACHE_DEPOT_H

#include "core/zone.h"

struct qi_depot {
	struct qp_lock lock;
	uint32_t batch; /* pages of a full batch, <= QI_SCRATCH; constant */
	uint32_t max; /* most batches; constant */
	_Atomic uint32_t nr; /* batches; protected by lock, read without as a hint */
	uint32_t *slots; /* max × batch pfns; protected by lock */
	_Atomic uint64_t nr_in; /* pages; protected by lock */
	_Atomic uint64_t nr_out;
};

void qi_depot_init(struct qi_depot *depot, uint32_t batch, uint32_t max, uint32_t *slots);

/* One full batch in, if there is room and the lock is free. Never waits. */
bool qi_depot_put(struct qi_depot *depot, const uint32_t *pfns);

/*
 * One full batch out: depot->batch, or 0 if it is empty (or locked, and the caller may not wait).
 */
uint32_t qi_depot_get(struct qi_depot *depot, bool may_wait, uint32_t *pfns);

static inline uint32_t qi_depot_count(const struct qi_depot *depot)
{
	return depot->batch *
	       atomic_load_explicit((_Atomic uint32_t *)&depot->nr, memory_order_relaxed);
}

#endif /* QI_CACHE_DEPOT_H */
