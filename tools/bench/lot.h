/* SPDX-License-Identifier: MIT */
/*
 * A lot of cells that are measured in turns, for benches whose rows are every combination of the
 * lists given. Each of Quire's cells has an instance of its own, so that the instance's counters
 * tell how often that cell alone took a zone's lock.
 */
#ifndef TOOL_LOT_H
#define TOOL_LOT_H

#include <stdbool.h>
#include <stdint.h>

#include "../instance.h"
#include "bench.h"
#include "measure.h"
#include "peer.h"

struct lot_entry {
	struct instance_plan plan;
	struct instance instance;
	struct quire_stats before; /* the counters when the measurement began */
	/* results, of Quire's cells: times per million pages that went out and came back */
	double zone_locks;
	double zone_contended; /* of these, not had at the first try */
};

/* Cells, and beside each what belongs to it. */
struct lot {
	struct cell *cells;
	struct lot_entry *entries;
	unsigned int nr;
	struct peers peers;
};

/* 1, 2, 4, ... to as many as the CPUs that may be used, and on to times as many. */
struct values lot_thread_counts(uint32_t times);

/*
 * Pages of the region: options->nr_pages if that is enough for every cell, else the command ends;
 * when it is 0, as many as are enough.
 */
uint64_t lot_pages(const struct bench_options *options, enum workload workload);

/*
 * Every combination of the options' lists, single calls before bulk. lot_free() ends what
 * lot_make() began; pages that are held then end the command. With options->work 0 each cell gets
 * as much work as takes about section_ms: in sections shorter than a scheduler's turn, threads that
 * share a CPU would run one after the other and never meet.
 */
void lot_make(struct lot *lot, const struct bench_options *options, enum workload workload);
void lot_measure(struct lot *lot, unsigned int runs);
void lot_free(struct lot *lot);

/*
 * A bench that is such a lot and a table of it: title is the table's first line, per what its times
 * are taken of ("page and thread").
 */
struct lot_bench {
	const struct bench *bench;
	enum workload workload;
	const char *title;
	const char *per;
	bool with_batch; /* a column for the batch */
};

int lot_run(const struct lot_bench *bench, const struct bench_options *options);

/* For the help of such a bench: columns of its table that do not explain themselves. */
#define LOT_COLUMNS                                                                          \
	"  single/bulk  how many times the time of bulk calls single calls take; not with\n" \
	"               several forms, nor beside other allocators\n"                        \
	"  vs NAME      beside another allocator: Quire's total as a multiple of its\n"      \
	"  together     pages of all threads by the time from the first one's start to\n"    \
	"               the last one's end; of short sections much is waking up\n"           \
	"  locks        acquisitions of the zone's lock for each million pages\n"            \
	"  waits        those of them that were not had at once\n"                           \
	"Beside other allocators the table has totals alone; JSON has alloc and free too."

#endif /* TOOL_LOT_H */
