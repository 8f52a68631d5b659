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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../instance.h"
#include "bench.h"

enum workload {
	WORKLOAD_PAIRS, /* allocate a batch, free it, repeat */
	WORKLOAD_WHOLE, /* allocate all there is in batches, then free all */
	WORKLOAD_CHURN, /* free a random batch of the pool, allocate as many */
	WORKLOAD_CROSS, /* threads in pairs: the even one allocates batches, the odd one frees them */
	WORKLOAD_REACH, /* the last thread asks for all, which the others have used and freed */
	NR_WORKLOADS
};

struct peer;

struct cell {
	uint32_t allocator; /* enum allocator */
	const struct instance *instance; /* of Quire's cells, NULL in others */
	enum mode mode; /* of the CPUs that the cell runs on, where the cache has modes */
	struct peer *peer; /* of other allocators' cells: the process that runs them */
	enum workload workload;
	enum form form;
	enum calls calls;
	enum pattern pattern;
	unsigned int order;
	uint32_t batch;
	uint32_t threads;
	uint64_t work; /* blocks allocated by one thread in one timed section */
	uint64_t seed;
	uint64_t nr_held; /* in a peer: random pages that it holds while the cell runs */
	/* WORKLOAD_CHURN: held pages of all threads, by the cell's form; a peer has its own. */
	uint32_t *pool; /* pfn form */
	void **page_pool; /* page form */
	size_t nr_pool;
	void (*look)(void *context); /* WORKLOAD_REACH: just before the last thread asks; or NULL */
	void *look_context;
	/*
	 * results: nanoseconds per page and thread; percent of the total. WORKLOAD_CROSS: a pair of
	 * threads counts as one; alloc and free are the times in calls, the total is what passes
	 * between two pages that come out of the ring.
	 */
	double alloc_ns;
	double free_ns;
	double total_ns;
	double spread_pct;
	/*
	 * Million pages a second of all threads together, from the first one's start to the last
	 * one's end: threads that share a CPU may not meet, so their own times do not tell. Of
	 * WORKLOAD_PAIRS in order and of WORKLOAD_CROSS; in others there is work between the calls,
	 * and it is 0.
	 */
	double mpages_per_s;
	uint64_t nr_got; /* WORKLOAD_REACH: what the last thread got, the fewest of all runs */
};

/* Batches that one thread allocates in one timed section. */
uint64_t cell_repetitions(const struct cell *cell);

/*
 * WORKLOAD_PAIRS and WORKLOAD_CROSS: pages that one run allocates in all its passes, and that it
 * may have out at once.
 */
uint64_t cell_pages_moved(const struct cell *cell);
uint64_t cell_pages_out(const struct cell *cell);

/*
 * Measure cells, taking turns so that a disturbance meets all of them, those with the same
 * work next to each other: one warm-up each that does not count, then runs that do. Sets their
 * results. Ends the command if memory runs short. measure_shown() shows its progress.
 */
void measure(struct cell *cells, unsigned int nr_cells, unsigned int runs);
void measure_shown(struct cell *cells, unsigned int nr_cells, unsigned int runs);

/*
 * Give every cell whose work is 0 as much as lets a timed section last about milliseconds. The
 * shorter a section, the more of it threads can be by themselves before the others have started.
 */
void measure_choose_work(struct cell *cells, unsigned int nr_cells, unsigned int milliseconds);

#endif /* TOOL_MEASURE_H */
