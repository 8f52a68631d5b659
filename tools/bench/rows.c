/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include <string.h>

#include "../report.h"
#include "../say.h"
#include "lists.h"

static bool has_modes(const struct cell *cell)
{
	return !cell->peer && cell->instance->info.cache == QUIRE_CACHE_PCP;
}

void row_identity(json_t *row, const struct cell *cell)
{
	report_text(row, "allocator", bench_allocator_name(cell->allocator));
	if (cell->peer)
		report_member(row, "cache", json_null());
	else
		report_text(row, "cache", row_cache_name(cell));
	if (has_modes(cell))
		report_text(row, "mode", bench_mode_name(cell->mode));
	else
		report_member(row, "mode", json_null());
	report_text(row, "check", row_check_name(cell));
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

const char *row_cache_name(const struct cell *cell)
{
	return cell->peer ? "-" : quire_cache_name(cell->instance->info.cache);
}

/* Peers do not check what they are given to free, or always do; either way it is not chosen. */
const char *row_check_name(const struct cell *cell)
{
	return quire_check_name(cell->peer ? QUIRE_CHECK_OFF : cell->instance->info.check);
}

bool row_mode_wanted(const struct bench_options *options)
{
	return options->mode.nr > 1 || options->mode.value[0] != MODE_BIASED;
}

void row_mode_column(struct table *table, const struct bench_options *options)
{
	if (row_mode_wanted(options))
		table_column(table, "mode", "", COLUMN_WORD);
}

void row_mode_cell(struct table *table, const struct bench_options *options,
		   const struct cell *cell)
{
	if (row_mode_wanted(options))
		table_cell(table, "%s", has_modes(cell) ? bench_mode_name(cell->mode) : "-");
}

void row_ratios(json_t *row, const struct comparison *all, const struct cell *cell)
{
	const struct peers *peers = all->peers;
	char name[64];
	unsigned int i;

	for (i = 0; i < peers->nr; i++) {
		uint32_t allocator = peer_allocator(peers->peer[i]);
		double ratio = compare_ratio(all, cell, allocator);

		snprintf(name, sizeof(name), "ratio_%s", bench_allocator_name(allocator));
		if (ratio > 0)
			report_real(row, name, ratio);
	}
}

void row_libraries(json_t *object, const struct peers *peers)
{
	json_t *libraries;
	unsigned int i;

	if (!peers->nr)
		return;
	libraries = json_object();
	for (i = 0; i < peers->nr; i++)
		report_text(libraries, bench_allocator_name(peer_allocator(peers->peer[i])),
			    peer_library(peers->peer[i]));
	report_member(object, "libraries", libraries);
}

void row_allocator_column(struct table *table, const struct comparison *all)
{
	if (all->peers->nr)
		table_column(table, "allocator", "", COLUMN_WORD);
}

void row_allocator_cell(struct table *table, const struct comparison *all, const struct cell *cell)
{
	if (all->peers->nr)
		table_cell(table, "%s", bench_allocator_name(cell->allocator));
}

void row_ratio_columns(struct table *table, const struct comparison *all)
{
	unsigned int i;

	for (i = 0; i < all->peers->nr && all->with_quire; i++)
		table_column(table, "vs", bench_allocator_name(peer_allocator(all->peers->peer[i])),
			     COLUMN_NUMBER);
}

void row_ratio_cells(struct table *table, const struct comparison *all, const struct cell *cell)
{
	unsigned int i;

	for (i = 0; i < all->peers->nr && all->with_quire; i++) {
		double ratio = compare_ratio(all, cell, peer_allocator(all->peers->peer[i]));

		if (ratio > 0)
			table_cell(table, "%.3f", ratio);
		else
			table_cell(table, "%s", "");
	}
}

json_t *row_rate(uint32_t rate)
{
	return rate == RATE_MAX ? json_string(bench_rate_name(rate)) : json_integer(rate);
}

static json_t *item_of(const struct option_list *list, uint32_t value)
{
	if (list->bit == OPTION_RATE)
		return row_rate(value);
	return list->word ? json_string(list->word(value)) : json_integer(value);
}

static json_t *array_of(const struct option_list *list)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < list->values->nr; i++) {
		if (json_array_append_new(array, item_of(list, list->values->value[i])) != 0)
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
	if (accepts & OPTION_DRAINS && options->drains)
		report_count(object, "drains", options->drains);
	if (accepts & OPTION_SECONDS && !options->drains)
		report_real(object, "seconds", (double)options->milliseconds / 1000);
	if (accepts & OPTION_SEED)
		report_count(object, "seed", options->seed);
}

void row_options(json_t *object, const struct bench *bench, const struct bench_options *options)
{
	struct option_list lists[LISTS_MAX];
	unsigned int nr = lists_of(options, lists), i;

	for (i = 0; i < nr; i++) {
		if (bench->accepts & lists[i].bit)
			report_member(object, lists[i].name, array_of(&lists[i]));
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

void row_time_columns(struct table *table, unsigned int shown)
{
	if (shown & TIMES_PHASES) {
		table_column(table, "alloc", "ns/page", COLUMN_NUMBER);
		table_column(table, "free", "ns/page", COLUMN_NUMBER);
	}
	table_column(table, "total", "ns/page", COLUMN_NUMBER);
	table_column(table, "spread", "%", COLUMN_NUMBER);
	if (shown & TIMES_RATIO)
		table_column(table, "single", "/bulk", COLUMN_NUMBER);
}

/* Large blocks cost little a page: two digits would be none. */
static void time_cell(struct table *table, double ns)
{
	table_cell(table, "%.*f", ns < 0.1 ? 4 : ns < 9999 ? 2 : 0, ns);
}

void row_time_cells(struct table *table, const struct cell *cell, unsigned int shown, double ratio)
{
	if (shown & TIMES_PHASES) {
		time_cell(table, cell->alloc_ns);
		time_cell(table, cell->free_ns);
	}
	time_cell(table, cell->total_ns);
	table_cell(table, "%.1f", cell->spread_pct);
	if (!(shown & TIMES_RATIO))
		return;
	if (ratio > 0)
		table_cell(table, "%.2f", ratio);
	else
		table_cell(table, "%s", "");
}
