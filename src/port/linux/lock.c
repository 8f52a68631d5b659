/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a lock: spin briefly, then sleep in a futex, so that a preempted holder burns no
 * core.
 */
#define _GNU_SOURCE
#include "port/port.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	SPINS = 100, /* about 3 µs: longer than any hold that is not preempted */
};

static bool spin(struct qp_lock *lock)
{
	for (int i = 0; i < SPINS; i++) {
		uint32_t unlocked = 0;

		if (atomic_load_explicit(&lock->word, memory_order_relaxed) == 0 &&
		    atomic_compare_exchange_strong(&lock->word, &unlocked, 1))
			return true;
		qp_pause();
	}
	return false;
}

/* Who has slept takes the lock as 2: others may still sleep, and its unlock must wake one. */
void qp_lock_wait(struct qp_lock *lock)
{
	int saved = errno;

	if (spin(lock))
		return;
	while (atomic_exchange(&lock->word, 2) != 0)
		syscall(SYS_futex, (uint32_t *)&lock->word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
	errno = saved;
}

void qp_lock_wake(struct qp_lock *lock)
{
	int saved = errno;

	syscall(SYS_futex, (uint32_t *)&lock->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	errno = saved;
}
