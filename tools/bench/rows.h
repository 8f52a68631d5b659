/* SPDX-License-Identifier: MIT */
/* Rows that the benches share: the same fields under the same names, in JSON and in tables. */
#ifndef TOOL_ROWS_H
#define TOOL_ROWS_H

#include <stdbool.h>
#include <jansson.h>

#include "../table.h"
#include "bench.h"
#include "measure.h"

/* Of a row that describes an instance and a workload, not yet its times. */
void row_identity(json_t *row, const struct cell *cell);

/* "batch", "threads", times and spread. */
void row_times(json_t *row, const struct cell *cell);

/* Options as they were in force, for "options". */
void row_options(json_t *object, const struct bench *bench, const struct bench_options *options);

/* Whether standard output is for the table, not for JSON. */
bool row_table_wanted(const struct bench_options *options);

/* Write the report where --json says, if it was given, and end it. */
void row_finish(json_t *report, const struct bench_options *options);

/*
 * The table's columns and cells for the times; ratio is that of single calls to this, 0 for none.
 */
void row_time_columns(struct table *table, bool with_ratio);
void row_time_cells(struct table *table, const struct cell *cell, bool with_ratio, double ratio);

#endif /* TOOL_ROWS_H */
