/* SPDX-License-Identifier: MIT */
/*
 * A depot of full batches: what one CPU's list has too much of, another's takes at one exchange a
 * batch, so a CPU that only frees feeds one that only allocates without either visiting the zone.
 *
 * A ring, entered at its two ends under two locks: who puts and who gets do not meet, and each end's
 * line stays with the CPU that uses it. Batches go out in the order in which they came in.
 */
#ifndef QI_CACHE_DEPOT_H
#define QI_CACHE_DEPOT_H

#include "core/zone.h"

struct qi_depot_end {
	_Alignas(2 * QP_CACHE_LINE) struct qp_lock lock;
	uint32_t slot; /* of the next batch; protected by lock */
	_Atomic uint64_t nr; /* pages that ever passed here; written under lock */
	_Atomic uint64_t other_nr; /* the other end's, as last seen; written under lock */
};

struct qi_depot {
	/* written under both locks, but for room as qi_depot_close() does */
	_Atomic uint32_t batch; /* pages of a full batch, 1 to QI_SCRATCH */
	_Atomic uint32_t max; /* most batches */
	_Atomic uint32_t room; /* most pages: max × batch, or 0 while it is closed */
	uint32_t nr_slots; /* constant, as is slots */
	uint32_t *slots; /* pfns: a batch's are its putter's, then its getter's */
	_Atomic uint64_t uses_seen; /* pages in and out, at the last pass over idle lists; a hint */
	struct qi_depot_end put;
	struct qi_depot_end get;
};

/* There are max × batch slots. */
void qi_depot_init(struct qi_depot *depot, uint32_t batch, uint32_t max, uint32_t *slots);

/* A hint, as it may be changed. */
static inline uint32_t qi_depot_batch(const struct qi_depot *depot)
{
	return atomic_load_explicit((_Atomic uint32_t *)&depot->batch, memory_order_relaxed);
}

/*
 * n pages in, if they are a full batch, there is room, and others leave the end in time. Does not
 * wait.
 */
bool qi_depot_put(struct qi_depot *depot, uint32_t n, const uint32_t *pfns);

/*
 * One full batch out: how many pages; 0 if it is empty (or others do not leave the end in time, and
 * the caller may not wait).
 */
uint32_t qi_depot_get(struct qi_depot *depot, bool may_wait, uint32_t *pfns);

/* Pages in it. */
uint32_t qi_depot_count(const struct qi_depot *depot);
/* Pages that ever came in, and went out. */
uint64_t qi_depot_in(const struct qi_depot *depot);
uint64_t qi_depot_out(const struct qi_depot *depot);

/*
 * Change the batch. First close: nothing is put any more, so it can be emptied. Then open, with a
 * batch of 1 to QI_SCRATCH pages, and max batches or what there are slots for; false: it is not
 * empty. Both may wait; one caller at a time.
 */
void qi_depot_close(struct qi_depot *depot);
bool qi_depot_open(struct qi_depot *depot, uint32_t batch, uint32_t max);

/* Nobody puts or gets in between. */
void qi_depot_hold(struct qi_depot *depot);
void qi_depot_let_go(struct qi_depot *depot);

#endif /* QI_CACHE_DEPOT_H */
