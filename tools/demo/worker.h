/* SPDX-License-Identifier: MIT */
/*
 * A thread that allocates, stamps, verifies and frees pages, and is interrupted by a timer to do
 * the same.
 */
#ifndef TOOL_WORKER_H
#define TOOL_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <quire/quire.h>

#include "../rng.h"

enum { WORKER_SIGNAL_PAGES = 16 };

/* A page with the stamp that its holder wrote into it. */
struct stamped {
	uint64_t *page;
	uint64_t stamp;
};

struct worker_figures {
	uint64_t nr_calls;
	uint64_t nr_signals;
	uint64_t nr_signal_pages; /* allocated in handlers */
	uint64_t nr_verified; /* stamps found again, or not */
	uint64_t nr_bad; /* stamps that were not found again, and frees that were refused */
	uint64_t nr_held; /* set when the worker has stopped */
};

/*
 * What a holder of pages is: the thread itself, and its signal handler, which must not share a word
 * with the thread that it interrupts.
 */
struct holder {
	struct rng rng; /* of choices */
	uint64_t next_stamp; /* unlike every stamp of another holder */
	struct stamped *held;
	size_t nr;
	size_t max;
	uint64_t nr_verified;
	uint64_t nr_bad;
};

/*
 * When workers work: none begins before all meet, with whoever started them, since early ones would
 * keep the CPUs from the rest; and each looks at the clock itself, should it be long until somebody
 * gets to stop it.
 */
struct worker_shift {
	pthread_barrier_t begin;
	uint64_t end; /* on the clock of now_ns(); set before its owner waits at begin */
};

struct worker {
	pthread_t thread;
	struct quire *q;
	struct holder own;
	struct holder handler;
	struct stamped handler_pages[WORKER_SIGNAL_PAGES];
	uint64_t nr_calls;
	uint64_t nr_signals;
	uint64_t nr_signal_pages;
	atomic_bool stopping;
	struct worker_shift *shift;
	struct worker_figures figures; /* valid when stopped */
};

/* The worker holds at most max_held pages at a time, and a few more in its handler. */
void worker_start(struct worker *worker, struct quire *q, unsigned int number, uint64_t seed,
		  size_t max_held, struct worker_shift *shift);

/*
 * Tell it to stop, and wait until it has; what it holds then stays held, and its figures are valid.
 * All are told before the first is waited for: those still at work would keep the CPUs from it.
 */
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker);

/* Verify and free what it holds. */
void worker_give_back(struct worker *worker);

#endif /* TOOL_WORKER_H */
