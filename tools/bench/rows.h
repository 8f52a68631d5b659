/* SPDX-License-Identifier: MIT */
/* Rows that the benches share: the same fields under the same names, in JSON and in tables. */
#ifndef TOOL_ROWS_H
#define TOOL_ROWS_H

#include <stdbool.h>
#include <jansson.h>

#include "../table.h"
#include "bench.h"
#include "compare.h"
#include "measure.h"
#include "peer.h"

/*
 * Of a row that describes an instance and a workload, not yet its times. What only Quire has is
 * null in a peer's row.
 */
void row_identity(json_t *row, const struct cell *cell);

/* "batch", "threads", times and spread. */
void row_times(json_t *row, const struct cell *cell);

/* A rate of drains: a number, or "max". */
json_t *row_rate(uint32_t rate);

/* Options as they were in force, for "options". */
void row_options(json_t *object, const struct bench *bench, const struct bench_options *options);

/* Whether standard output is for the table, not for JSON. */
bool row_table_wanted(const struct bench_options *options);

/* Write the report where --json says, if it was given, and end it. */
void row_finish(json_t *report, const struct bench_options *options);

/*
 * "ratio_NAME" for each peer that has a row like this one of Quire's: the row's total as a multiple
 * of the peer's.
 */
void row_ratios(json_t *row, const struct comparison *all, const struct cell *cell);

/* The peers' libraries, for "options". */
void row_libraries(json_t *object, const struct peers *peers);

/*
 * Columns "allocator" and, with Quire among them, "vs" each peer, and their cells; nothing if there
 * is no peer.
 */
void row_allocator_column(struct table *table, const struct comparison *all);
void row_allocator_cell(struct table *table, const struct comparison *all, const struct cell *cell);
void row_ratio_columns(struct table *table, const struct comparison *all);
void row_ratio_cells(struct table *table, const struct comparison *all, const struct cell *cell);

/* Names of a cell's cache and check for tables: "-" where a peer has none. */
const char *row_cache_name(const struct cell *cell);
const char *row_check_name(const struct cell *cell);

/* A column for the mode, where more was asked for than is usual. "-": the cache has none. */
bool row_mode_wanted(const struct bench_options *options);
void row_mode_column(struct table *table, const struct bench_options *options);
void row_mode_cell(struct table *table, const struct bench_options *options,
		   const struct cell *cell);

/*
 * The table's columns and cells for total and spread, and for what is shown besides, as far as its
 * lines have room; ratio is that of single calls to this, 0 for none.
 */
enum {
	TIMES_PHASES = 1 << 0, /* allocation and free apart */
	TIMES_RATIO = 1 << 1, /* of single calls to bulk calls */
};

void row_time_columns(struct table *table, unsigned int shown);
void row_time_cells(struct table *table, const struct cell *cell, unsigned int shown, double ratio);

#endif /* TOOL_ROWS_H */
