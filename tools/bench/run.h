/* SPDX-License-Identifier: MIT */
/*
 * One run of one cell by its threads, in this process: the command's with Quire's loops, a peer
 * program's with the peer's.
 */
#ifndef TOOL_RUN_H
#define TOOL_RUN_H

#include <stdint.h>

struct cell;

/* Nanoseconds per page, means of the threads. */
struct times {
	double alloc_ns;
	double free_ns;
	double total_ns;
	uint64_t nr_got; /* WORKLOAD_REACH */
	double mpages_per_s; /* see struct cell */
};

/* ticks_cost is what ticks_cost() says. Ends the process if memory runs short. */
struct times cell_run(const struct cell *cell, double ticks_cost);

#endif /* TOOL_RUN_H */
