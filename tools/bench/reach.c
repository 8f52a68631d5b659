/* SPDX-License-Identifier: MIT */
/*
 * `quire bench reach`: does an allocator with free pages find them? A thread on one CPU uses all
 * pages and frees them; a thread on another CPU then asks for every one of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../format.h"
#include "../machine.h"
#include "../memory.h"
#include "../report.h"
#include "../say.h"
#include "../table.h"
#include "bench.h"
#include "lot.h"
#include "rows.h"

enum { DEFAULT_PAGES = 4096, BATCH = 64, THREADS = 2 };

/* Where the pages of one cell's instance were, before they were asked for. */
struct place {
	const struct instance *instance;
	struct quire_stats stats;
};

struct reach {
	const struct bench_options *options;
	struct lot lot;
	struct place *places; /* one a cell; of peers nothing is known */
	struct comparison all;
	struct table table;
};

static void look(void *context)
{
	struct place *place = context;

	place->stats = instance_stats(place->instance);
}

static void look_at_all(struct reach *reach)
{
	unsigned int i;

	reach->places = need_zeroed(reach->lot.nr, sizeof(*reach->places));
	for (i = 0; i < reach->lot.nr; i++) {
		if (!reach->lot.cells[i].instance)
			continue;
		reach->places[i].instance = reach->lot.cells[i].instance;
		reach->lot.cells[i].look = look;
		reach->lot.cells[i].look_context = &reach->places[i];
	}
}

static void columns(struct reach *reach)
{
	struct table *table = &reach->table;

	table_init(table);
	table_column(table, "allocator", "", COLUMN_WORD);
	table_column(table, "cache", "", COLUMN_WORD);
	row_mode_column(table, reach->options);
	table_column(table, "check", "", COLUMN_WORD);
	table_column(table, "calls", "", COLUMN_WORD);
	table_column(table, "pages", "", COLUMN_NUMBER);
	table_column(table, "in lists", "pages", COLUMN_NUMBER);
	table_column(table, "depot", "pages", COLUMN_NUMBER);
	table_column(table, "stash", "pages", COLUMN_NUMBER);
	table_column(table, "zone", "pages", COLUMN_NUMBER);
	table_column(table, "got", "pages", COLUMN_NUMBER);
	table_column(table, "of all", "%", COLUMN_NUMBER);
	table_column(table, "time", "ns/page", COLUMN_NUMBER);
}

static void place_cells(struct table *table, const struct place *place)
{
	const uint64_t counts[] = { place->stats.free_lists, place->stats.free_depot,
				    place->stats.free_stash, place->stats.free_zone };
	unsigned int i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (place->instance)
			table_count(table, counts[i]);
		else
			table_cell(table, "-");
	}
}

static double percent(const struct reach *reach, const struct cell *cell)
{
	return 100 * (double)cell->nr_got / (double)reach->options->nr_pages;
}

static void table_row(struct reach *reach, const struct cell *cell, const struct place *place)
{
	struct table *table = &reach->table;

	table_cell(table, "%s", bench_allocator_name(cell->allocator));
	table_cell(table, "%s", row_cache_name(cell));
	row_mode_cell(table, reach->options, cell);
	table_cell(table, "%s", row_check_name(cell));
	table_cell(table, "%s", bench_calls_name(cell->calls));
	table_count(table, reach->options->nr_pages);
	place_cells(table, place);
	table_count(table, cell->nr_got);
	table_cell(table, "%.2f", percent(reach, cell));
	table_cell(table, "%.1f", cell->alloc_ns);
}

static void json_row(const struct reach *reach, json_t *row, const struct cell *cell,
		     const struct place *place)
{
	row_identity(row, cell);
	report_count(row, "batch", cell->batch);
	report_count(row, "threads", cell->threads);
	report_count(row, "pages", reach->options->nr_pages);
	report_count(row, "got", cell->nr_got);
	report_real(row, "got_pct", percent(reach, cell));
	report_real(row, "alloc_ns", cell->alloc_ns);
	if (!place->instance)
		return;
	report_count(row, "free_lists", place->stats.free_lists);
	report_count(row, "free_depot", place->stats.free_depot);
	report_count(row, "free_stash", place->stats.free_stash);
	report_count(row, "free_zone", place->stats.free_zone);
	report_count(row, "deferred", place->stats.deferred);
}

static void print(const struct reach *reach)
{
	char size[FORMAT_MAX];

	printf("reach: pages that one CPU gets after another has used and freed them all\n"
	       "region of %s, batches of %u; where the pages were before, and the fewest got in "
	       "%u run%s\n\n",
	       format_bytes(size, reach->options->nr_pages << 12), BATCH, reach->options->runs,
	       format_plural(reach->options->runs));
	table_print(&reach->table, stdout, 0);
}

static void show(struct reach *reach)
{
	struct machine machine;
	json_t *report;
	unsigned int i;

	machine_look(&machine);
	report = report_new(bench_reach.name, &machine);
	row_options(report_options(report), &bench_reach, reach->options);
	row_libraries(report_options(report), &reach->lot.peers);
	columns(reach);
	for (i = 0; i < reach->lot.nr; i++) {
		json_row(reach, report_row(report), &reach->lot.cells[i], &reach->places[i]);
		table_row(reach, &reach->lot.cells[i], &reach->places[i]);
	}
	progress_end();
	if (row_table_wanted(reach->options))
		print(reach);
	row_finish(report, reach->options);
	table_free(&reach->table);
}

static int run(const struct bench_options *options)
{
	struct reach reach = { .options = options };

	report_open(options->json);
	lot_make(&reach.lot, options, WORKLOAD_REACH);
	look_at_all(&reach);
	measure_shown(reach.lot.cells, reach.lot.nr, options->runs);
	show(&reach);
	lot_free(&reach.lot);
	free(reach.places);
	return EXIT_DONE;
}

static void defaults(struct bench_options *options)
{
	options->calls = (struct values){ .value = { CALLS_SINGLE, CALLS_BULK }, .nr = 2 };
	options->thread_list = values_one(THREADS);
	options->batch = values_one(BATCH);
	options->nr_pages = DEFAULT_PAGES;
	options->runs = 5;
	options->work = DEFAULT_PAGES;
}

const struct bench bench_reach = {
	.name = "reach",
	.summary = "how many of all pages one CPU gets after another has freed them",
	.text = "A thread on one CPU allocates every page and frees it again, which leaves some\n"
		"in that CPU's list and in the depot; it stays, and a thread on another CPU asks\n"
		"for every page, by normal effort: batches of 64, or single calls. What lies in\n"
		"lists is free memory: an allocator that fails while other CPUs' caches hold\n"
		"pages has to be given more pages than its user needs. Quire's calls that may\n"
		"wait empty depot and lists before they fail, so they get 100 %; the time shows\n"
		"what that costs. Further columns say where the pages were before they were\n"
		"asked for; where peers keep theirs is not known.",
	.examples = "  quire bench reach --cache none,locked\n"
		    "  quire bench reach --allocator all --calls bulk --json reach.json\n"
		    "  quire bench reach --size 1G --runs 3\n",
	.accepts = OPTION_ALLOCATOR | OPTION_CACHE | OPTION_CHECK | OPTION_MODE | OPTION_CALLS |
		   OPTION_SIZE | OPTION_RUNS | OPTION_JSON,
	.defaults = defaults,
	.run = run,
};
