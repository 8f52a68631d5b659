/* SPDX-License-Identifier: MIT */
/*
 * Debug builds: assert the lock order of port.h. Each thread counts the locks it holds by rank. A
 * handler that interrupts a holder only tries, and tries are not checked: they cannot deadlock.
 */
#include "port/port.h"

enum {
	NR_RANKS = QP_RANK_DEPOT + 1,
};

static _Thread_local uint32_t held[NR_RANKS] __attribute__((tls_model("initial-exec")));

void qp_lock_note_taken(const struct qp_lock *lock, bool waited_for)
{
	if (lock->rank >= NR_RANKS || lock->rank == 0)
		qp_panic("a lock has no rank");
	for (uint32_t rank = lock->rank + 1; waited_for && rank < NR_RANKS; rank++)
		if (held[rank] > 0)
			qp_panic("lock order: waited for a lock while holding one of higher rank");
	held[lock->rank]++;
}

void qp_lock_note_dropped(const struct qp_lock *lock)
{
	if (held[lock->rank] == 0)
		qp_panic("unlocked a lock that this thread does not hold");
	held[lock->rank]--;
}
