/* SPDX-License-Identifier: MIT */
/* A bench that is a lot and a table of it. */
#include <stdio.h>

#include "../format.h"
#include "../machine.h"
#include "../report.h"
#include "../say.h"
#include "../table.h"
#include "lot.h"
#include "rows.h"

struct view {
	const struct lot_bench *bench;
	const struct bench_options *options;
	const struct lot *lot;
	struct comparison all;
	struct table table;
	bool cross;
	unsigned int times; /* that have a column: TIMES_PHASES, TIMES_RATIO */
};

static void columns(struct view *view)
{
	struct table *table = &view->table;

	table_init(table);
	row_allocator_column(table, &view->all);
	table_column(table, "cache", "", COLUMN_WORD);
	row_mode_column(table, view->options);
	table_column(table, "check", "", COLUMN_WORD);
	if (view->options->form.nr > 1)
		table_column(table, "form", "", COLUMN_WORD);
	table_column(table, "calls", "", COLUMN_WORD);
	if (view->bench->with_batch)
		table_column(table, "batch", "pages", COLUMN_NUMBER);
	table_column(table, view->cross ? "pairs" : "threads", "", COLUMN_NUMBER);
	row_time_columns(table, view->times);
	row_ratio_columns(table, &view->all);
	table_column(table, "together", "Mpages/s", COLUMN_NUMBER);
	table_column(table, "locks", "/Mpage", COLUMN_NUMBER);
	table_column(table, "waits", "/Mpage", COLUMN_NUMBER);
}

static unsigned int nr_teams(const struct view *view, const struct cell *cell)
{
	return view->cross ? cell->threads / 2 : cell->threads;
}

/* Single calls come right before the bulk calls that differ in nothing else. */
static double single_to_bulk(const struct view *view, unsigned int i)
{
	const struct cell *cells = view->lot->cells;

	if (view->options->calls.nr < 2 || cells[i].calls != CALLS_BULK || cells[i].total_ns <= 0)
		return 0;
	return cells[i - 1].total_ns / cells[i].total_ns;
}

static void lock_cell(struct table *table, const struct cell *cell, double per_million)
{
	if (cell->instance)
		table_cell(table, "%.*f", per_million < 10 ? 2 : 0, per_million);
	else
		table_cell(table, "-");
}

static void table_row(struct view *view, unsigned int i)
{
	const struct cell *cell = &view->lot->cells[i];
	struct table *table = &view->table;

	row_allocator_cell(table, &view->all, cell);
	table_cell(table, "%s", row_cache_name(cell));
	row_mode_cell(table, view->options, cell);
	table_cell(table, "%s", row_check_name(cell));
	if (view->options->form.nr > 1)
		table_cell(table, "%s", bench_form_name(cell->form));
	table_cell(table, "%s", bench_calls_name(cell->calls));
	if (view->bench->with_batch)
		table_cell(table, "%u", cell->batch);
	table_cell(table, "%u", nr_teams(view, cell));
	row_time_cells(table, cell, view->times, single_to_bulk(view, i));
	row_ratio_cells(table, &view->all, cell);
	table_cell(table, "%.1f", cell->mpages_per_s);
	lock_cell(table, cell, view->lot->entries[i].zone_locks);
	lock_cell(table, cell, view->lot->entries[i].zone_contended);
}

static void json_row(const struct view *view, json_t *row, unsigned int i)
{
	const struct cell *cell = &view->lot->cells[i];

	row_identity(row, cell);
	row_times(row, cell);
	row_ratios(row, &view->all, cell);
	report_text(row, "form", bench_form_name(cell->form));
	report_count(row, "work", cell->work);
	if (view->cross)
		report_count(row, "pairs", cell->threads / 2);
	report_real(row, "mpages_per_s", cell->mpages_per_s);
	if (!cell->instance)
		return;
	report_real(row, "zone_locks_per_million", view->lot->entries[i].zone_locks);
	report_real(row, "zone_contended_per_million", view->lot->entries[i].zone_contended);
}

static void print(const struct view *view)
{
	const struct bench_options *options = view->options;
	char size[FORMAT_MAX], count[FORMAT_MAX], work[FORMAT_MAX + 8], form[32] = "";

	if (options->form.nr == 1)
		snprintf(form, sizeof(form), ", %s form", bench_form_name(options->form.value[0]));
	printf("%s: %s%s\n", view->bench->bench->name, view->bench->title, form);
	if (options->work)
		snprintf(work, sizeof(work), "%s page%s", format_count(count, options->work),
			 format_plural(options->work));
	else
		snprintf(work, sizeof(work), "about %u ms", options->section_ms);
	printf("region of %s; medians of %u run%s of %s each, times per %s\n\n",
	       format_bytes(size, options->nr_pages << 12), options->runs,
	       format_plural(options->runs), work, view->bench->per);
	table_print(&view->table, stdout, 0);
}

/* What fits into a line: beside others the totals are compared, and JSON has the rest. */
static unsigned int times_shown(const struct view *view)
{
	const struct bench_options *options = view->options;
	bool alone = view->all.peers->nr == 0;

	return (alone ? TIMES_PHASES : 0) |
	       (alone && options->calls.nr > 1 && options->form.nr == 1 ? TIMES_RATIO : 0);
}

static void show(struct view *view)
{
	struct machine machine;
	json_t *report;
	unsigned int i;

	machine_look(&machine);
	report = report_new(view->bench->bench->name, &machine);
	row_options(report_options(report), view->bench->bench, view->options);
	row_libraries(report_options(report), view->all.peers);
	columns(view);
	for (i = 0; i < view->lot->nr; i++) {
		json_row(view, report_row(report), i);
		table_row(view, i);
	}
	progress_end();
	if (row_table_wanted(view->options))
		print(view);
	row_finish(report, view->options);
	table_free(&view->table);
}

int lot_run(const struct lot_bench *bench, const struct bench_options *given)
{
	struct bench_options options = *given;
	struct lot lot;
	struct view view = { .bench = bench, .options = &options, .lot = &lot };

	options.nr_pages = lot_pages(given, bench->workload);
	report_open(options.json);
	lot_make(&lot, &options, bench->workload);
	view.all = (struct comparison){ &lot.peers, peers_with_quire(&options), lot.cells, lot.nr };
	view.cross = bench->workload == WORKLOAD_CROSS;
	view.times = times_shown(&view);
	lot_measure(&lot, options.runs);
	show(&view);
	lot_free(&lot);
	return EXIT_DONE;
}
