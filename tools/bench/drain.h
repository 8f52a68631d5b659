/* SPDX-License-Identifier: MIT */
/* `quire bench drain`: its rows, which drain_rows.c makes and measures and drain_show.c shows. */
#ifndef TOOL_DRAIN_H
#define TOOL_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "../instance.h"
#include "bench.h"
#include "drain_turn.h"

/* A row: all turns of one plan. */
struct drained {
	struct drain_plan plan;
	/*
	 * The same victim without drains: what a drained row is set against, NULL for an idle victim.
	 * It is measured before in each run; where drains end a turn, right after the drained row,
	 * for as long as that took (as_long_as, NULL where its own time ends it).
	 */
	const struct drained *control;
	const struct drained *as_long_as;
	struct drain_samples samples;
	struct drain_result last; /* of the run that is on */
	/* sums of all runs */
	uint64_t nr_drains;
	uint64_t nr_full;
	uint64_t nr_moved;
	uint64_t nr_pages; /* that the victim allocated and freed */
	uint64_t drained_ns;
	uint64_t nr_interrupts;
	bool counted; /* every run's interrupts are */
	int victim_cpu;
	int drainer_cpu;
	double *pair_ns; /* one a run: of a page's allocation and free */
	double *lost_ns; /* one a run: of the victim, a drain */
	unsigned int nr_lost; /* runs that had a drain */
	/* results of all runs */
	double pair_median;
	double pair_spread_pct;
	double lost_median;
	double lost_quartiles; /* their distance */
};

struct drain {
	const struct bench_options *options;
	/*
	 * One for each cache and check. Rows share it, and change its mode for their turns, since
	 * where its lists happen to lie in memory changes the time of a pair by more than a few
	 * drains do.
	 */
	struct instance *instances;
	unsigned int nr_instances;
	struct drained *rows;
	unsigned int nr;
};

/* drain_rows_free() ends what drain_rows_make() began. Too many rows end the command. */
void drain_rows_make(struct drain *drain);
void drain_rows_measure(struct drain *drain);
void drain_rows_free(struct drain *drain);

/* Tables to standard output and the report, as the options want them. */
void drain_show(const struct drain *drain);

#endif /* TOOL_DRAIN_H */
