/* SPDX-License-Identifier: MIT */
/*
 * Debug builds: assert the lock order of port.h, and that no thread waits for itself. Each thread
 * counts the locks it holds by rank. Only waiting is checked: a try cannot deadlock.
 */
#include "port/port.h"

enum {
	NR_RANKS = QP_RANK_DEPOT + 1,
};

static _Thread_local uint32_t held[NR_RANKS] __attribute__((tls_model("initial-exec")));

/* fork takes the locks of all instances, one after the other: there ranks say nothing. */
static _Thread_local bool forking __attribute__((tls_model("initial-exec")));

void qp_lock_note_fork(bool begins)
{
	forking = begins;
}

void qp_lock_note_wanted(const struct qp_lock *lock)
{
	if (lock->rank >= NR_RANKS || lock->rank == 0)
		qp_panic("a lock has no rank");
	if (atomic_load_explicit(&lock->owner, memory_order_relaxed) == qp_self())
		qp_panic(
			"a thread waits for a lock that it holds: was a call that may wait made in a "
			"signal handler? Pass QUIRE_ATOMIC or QUIRE_NOWAIT there");
	for (uint32_t rank = lock->rank + 1; !forking && rank < NR_RANKS; rank++)
		if (held[rank] > 0)
			qp_panic("lock order: waits for a lock while holding one of higher rank");
}

void qp_lock_note_taken(struct qp_lock *lock)
{
	atomic_store_explicit(&lock->owner, qp_self(), memory_order_relaxed);
	held[lock->rank]++;
}

void qp_lock_note_dropped(struct qp_lock *lock)
{
	if (atomic_load_explicit(&lock->owner, memory_order_relaxed) != qp_self())
		qp_panic("unlocked a lock that this thread does not hold");
	atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
	held[lock->rank]--;
}
