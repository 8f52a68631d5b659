/* SPDX-License-Identifier: MIT */
/*
 * One stretch of drains: a victim bound to one CPU, and a drainer bound to another that empties the
 * victim's list, or every CPU's, at a given rate. It ends after a number of drains, or when its time
 * is over.
 */
#ifndef TOOL_DRAIN_TURN_H
#define TOOL_DRAIN_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "../histogram.h"
#include "bench.h"
#include "measure.h"

/* One operation of the paced victim is due in so many nanoseconds. */
enum { DRAIN_PACE_NS = 1000 };

struct drain_plan {
	struct cell cell; /* what the victim does: instance, mode of its CPU, form, calls, batch */
	enum victim victim;
	enum target target;
	uint32_t rate; /* drains a second; 0: none */
	uint64_t ns; /* length */
	uint64_t nr_drains; /* that end it, whatever its length; 0: its length does */
};

/*
 * What is kept of every drain, in nanoseconds, and of every operation of the paced victim, in
 * ticks().
 */
struct drain_samples {
	struct histogram latency; /* of quire_drain() */
	struct histogram due; /* from when the operation was due to its end */
	struct histogram took; /* from its begin */
};

struct drain_result {
	/*
	 * Of the busy victim: all of its time. Of the paced one: the time for which work that was due
	 * was not done yet. An interrupt between two operations that ends before the next is due is
	 * not in it.
	 */
	uint64_t victim_ns;
	uint64_t nr_pages; /* that it allocated and freed */
	uint64_t nr_drains;
	uint64_t nr_full; /* drains that found pages */
	uint64_t nr_moved; /* pages that the drains moved */
	uint64_t drained_ns; /* from the first drain's begin to the last one's end, and waits */
	bool counted; /* the system says how often the victim's CPU was interrupted */
	uint64_t nr_interrupts; /* function calls, in drained_ns */
	int victim_cpu;
	int drainer_cpu;
};

/* The samples are added to those that are there. */
struct drain_result drain_turn(const struct drain_plan *plan, struct drain_samples *samples);

#endif /* TOOL_DRAIN_TURN_H */
