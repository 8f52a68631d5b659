/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include <string.h>

#include "../report.h"
#include "../say.h"

void row_identity(json_t *row, const struct cell *cell)
{
	report_text(row, "allocator", "quire");
	report_text(row, "cache", quire_cache_name(cell->instance->info.cache));
	report_text(row, "check", quire_check_name(cell->instance->info.check));
	report_text(row, "calls", bench_calls_name(cell->calls));
	report_count(row, "order", cell->order);
}

void row_times(json_t *row, const struct cell *cell)
{
	report_count(row, "batch", cell->batch);
	report_count(row, "threads", cell->threads);
	report_real(row, "alloc_ns", cell->alloc_ns);
	report_real(row, "free_ns", cell->free_ns);
	report_real(row, "total_ns", cell->total_ns);
	report_real(row, "spread_pct", cell->spread_pct);
}

static json_t *list(const struct values *values, const char *(*name)(uint32_t value))
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < values->nr; i++) {
		json_t *item = name ? json_string(name(values->value[i]))
				    : json_integer(values->value[i]);

		if (json_array_append_new(array, item) != 0)
			fail("no memory for a report");
	}
	return array;
}

static void number_options(json_t *object, unsigned int accepts,
			   const struct bench_options *options)
{
	if (accepts & OPTION_THREADS)
		report_count(object, "threads", options->threads);
	if (accepts & OPTION_SIZE)
		report_count(object, "pages", options->nr_pages);
	if (accepts & OPTION_WHOLE)
		report_flag(object, "whole", options->whole);
	if (accepts & OPTION_WORK)
		report_count(object, "work", options->work);
	if (accepts & OPTION_ROUNDS)
		report_count(object, "rounds", options->rounds);
	if (accepts & OPTION_RUNS)
		report_count(object, "runs", options->runs);
	if (accepts & OPTION_SEED)
		report_count(object, "seed", options->seed);
}

void row_options(json_t *object, const struct bench *bench, const struct bench_options *options)
{
	const struct {
		unsigned int bit;
		const char *name;
		const struct values *values;
		const char *(*word)(uint32_t value);
	} lists[] = {
		{ OPTION_CACHE, "cache", &options->cache, quire_cache_name },
		{ OPTION_CHECK, "check", &options->check, quire_check_name },
		{ OPTION_CALLS, "calls", &options->calls, bench_calls_name },
		{ OPTION_FORM, "form", &options->form, bench_form_name },
		{ OPTION_PATTERN, "pattern", &options->pattern, bench_pattern_name },
		{ OPTION_ORDER, "order", &options->order, NULL },
		{ OPTION_BATCH, "batch", &options->batch, NULL },
		{ OPTION_LEVEL, "level", &options->level, NULL },
	};
	unsigned int i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (bench->accepts & lists[i].bit)
			report_member(object, lists[i].name, list(lists[i].values, lists[i].word));
	}
	number_options(object, bench->accepts, options);
}

bool row_table_wanted(const struct bench_options *options)
{
	return !options->json || strcmp(options->json, "-") != 0;
}

void row_finish(json_t *report, const struct bench_options *options)
{
	if (options->json)
		report_write(report, options->json);
	else
		json_decref(report);
}

void row_time_columns(struct table *table, bool with_ratio)
{
	table_column(table, "alloc", "ns/page", COLUMN_NUMBER);
	table_column(table, "free", "ns/page", COLUMN_NUMBER);
	table_column(table, "total", "ns/page", COLUMN_NUMBER);
	table_column(table, "spread", "%", COLUMN_NUMBER);
	if (with_ratio)
		table_column(table, "single/bulk", "ratio", COLUMN_NUMBER);
}

/* Large blocks cost little a page: two digits would be none. */
static void time_cell(struct table *table, double ns)
{
	table_cell(table, "%.*f", ns < 0.1 ? 4 : 2, ns);
}

void row_time_cells(struct table *table, const struct cell *cell, bool with_ratio, double ratio)
{
	time_cell(table, cell->alloc_ns);
	time_cell(table, cell->free_ns);
	time_cell(table, cell->total_ns);
	table_cell(table, "%.1f", cell->spread_pct);
	if (!with_ratio)
		return;
	if (ratio > 0)
		table_cell(table, "%.2f", ratio);
	else
		table_cell(table, "%s", "");
}
