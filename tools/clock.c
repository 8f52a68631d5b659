/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <pthread.h>

static pthread_once_t found = PTHREAD_ONCE_INIT;
static double ns_of_tick; /* written once */

static void find_tick(void)
{
	const uint64_t length_ns = 5000000;
	uint64_t begin_ns = now_ns(), begin = ticks(), end_ns, end;

	do {
		end_ns = now_ns();
		end = ticks();
	} while (end_ns - begin_ns < length_ns);
	ns_of_tick = (double)(end_ns - begin_ns) / (double)(end - begin);
}

double ticks_ns(void)
{
	pthread_once(&found, find_tick);
	return ns_of_tick;
}

/*
 * The smallest mean of many tries: what disturbs a try can only add to it, and the benches subtract
 * this from sums, so too small a value errs against the allocator.
 */
double ticks_cost(void)
{
	enum { TRIES = 64, READS = 1024 };
	uint64_t best = UINT64_MAX;
	int try, i;

	for (try = 0; try < TRIES; try++) {
		uint64_t begin = ticks(), last = begin;

		for (i = 0; i < READS; i++)
			last = ticks();
		if (last - begin < best)
			best = last - begin;
	}
	return (double)best / READS;
}
