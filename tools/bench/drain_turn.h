/* SPDX-License-Identifier: MIT */
/*
 * One stretch of drains: a victim bound to one CPU, and a drainer bound to another that empties the
 * victim's list at a given rate. It ends when its time is over.
 */
#ifndef TOOL_DRAIN_TURN_H
#define TOOL_DRAIN_TURN_H

#include <stdint.h>

#include "../histogram.h"
#include "bench.h"
#include "measure.h"

struct drain_plan {
	struct cell cell; /* what the victim does: instance, form, calls, batch */
	enum victim victim;
	uint32_t rate; /* drains a second; 0: none */
	uint64_t ns; /* length */
};

struct drain_result {
	uint64_t victim_ns; /* that the busy victim took for its pages */
	uint64_t nr_pages; /* that it allocated and freed in that time */
	uint64_t nr_drains;
	uint64_t nr_moved; /* pages that the drains moved */
	int victim_cpu;
	int drainer_cpu;
};

/* Latencies of the drains, in nanoseconds, are added to the histogram. */
struct drain_result drain_turn(const struct drain_plan *plan, struct histogram *latency);

#endif /* TOOL_DRAIN_TURN_H */
