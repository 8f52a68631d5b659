/* SPDX-License-Identifier: MIT */
/*
 * One cell of a table: a workload, measured in several runs.
 *
 * Small batches are measured in two passes. The first repeats "allocate the batch, free it" without
 * looking at a clock in between, which gives the total without any error from clocks, however short
 * a pair is. The second reads the processor's counter between the phases and subtracts what the
 * reading costs; it says how the total divides. Frees in random order need work that must not be
 * timed between the phases, so there the second pass gives the total too.
 */
#ifndef TOOL_MEASURE_H
#define TOOL_MEASURE_H

#include "../instance.h"
#include "bench.h"

enum workload {
	WORKLOAD_PAIRS, /* allocate a batch, free it, repeat */
	WORKLOAD_WHOLE, /* allocate all there is in batches, then free all */
	WORKLOAD_CHURN, /* free a random batch of the pool, allocate as many (pfn form) */
};

struct cell {
	const struct instance *instance;
	enum workload workload;
	enum form form;
	enum calls calls;
	enum pattern pattern;
	unsigned int order;
	uint32_t batch;
	uint32_t threads;
	uint64_t work; /* blocks allocated by one thread in one timed section */
	uint64_t seed;
	uint32_t *pool; /* WORKLOAD_CHURN: held pages of all threads */
	size_t nr_pool;
	/* results: nanoseconds per page and thread; percent of the total */
	double alloc_ns;
	double free_ns;
	double total_ns;
	double spread_pct;
};

/* Batches that one thread allocates in one timed section. */
uint64_t cell_repetitions(const struct cell *cell);

/*
 * Measure cells, taking turns so that a disturbance meets all of them: one warm-up each that does
 * not count, then runs that do. Sets their results. Ends the command if memory runs short.
 */
void measure(struct cell *cells, unsigned int nr_cells, unsigned int runs);

#endif /* TOOL_MEASURE_H */
