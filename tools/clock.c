/* SPDX-License-Identifier: MIT */
#include "clock.h"

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
