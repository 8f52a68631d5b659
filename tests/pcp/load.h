/* SPDX-License-Identifier: MIT */
/*
 * Load: threads that take and give pages without a pause, some bound to a CPU each and some going from one
 * to the next, and all of them interrupted by handlers that allocate and free too.
 */
#ifndef QT_LOAD_H
#define QT_LOAD_H

#include "churn.h"

#include <pthread.h>

#define LOAD_MOST 64u

struct load;

struct load_worker {
	pthread_t thread;
	struct load *load;
	uint32_t number;
	struct churn churn;
	struct stress_handler handler; /* of the handler alone, until the thread has ended */
};

struct load {
	struct stress *s;
	uint32_t nr_workers;
	atomic_uint running; /* threads that have begun */
	atomic_uint handlers; /* times that one was interrupted */
	atomic_bool done;
	struct load_worker workers[LOAD_MOST];
};

/* One thread bound to each CPU, and one more that goes round; they run when this returns. */
void load_begin(struct load *l, struct stress *s);
/* End them, and give back what they and their handlers hold. There were handlers. */
void load_end(struct load *l);

/*
 * Wait until pages have gone into or out of the list of the i-th CPU. Not if something went wrong, as
 * nobody moves any then.
 */
void load_wait(const struct load *l, unsigned int i);

#endif /* QT_LOAD_H */
