/* SPDX-License-Identifier: MIT */
/*
 * `quire bench fill`: what allocation costs as a region fills up. A level is reached by allocating
 * all of it and freeing random pages, so what is free is scattered as widely as it can be.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../format.h"
#include "../machine.h"
#include "../memory.h"
#include "../report.h"
#include "../rng.h"
#include "../say.h"
#include "../table.h"
#include "bench.h"
#include "measure.h"
#include "plans.h"
#include "rows.h"

enum { DEFAULT_PAGES = 1 << 18, DEFAULT_WORK = 1 << 17, BATCH = 64, FILL_BATCH = 512 };

struct fill {
	const struct bench_options *options;
	json_t *report;
	struct table table;
	unsigned int times; /* that have a column */
	unsigned int nr_done;
	unsigned int nr_all;
};

static void defaults(struct bench_options *options)
{
	options->calls = (struct values){ .value = { CALLS_SINGLE, CALLS_BULK }, .nr = 2 };
	options->pattern = (struct values){ .value = { PATTERN_INORDER, PATTERN_RANDOM }, .nr = 2 };
	options->level = (struct values){ .value = { 10, 25, 50, 75, 90, 95, 99 }, .nr = 7 };
	options->batch = values_one(BATCH);
	options->nr_pages = DEFAULT_PAGES;
	options->runs = 9;
	options->work = DEFAULT_WORK;
}

static bool has_random(const struct values *patterns)
{
	unsigned int i;

	for (i = 0; i < patterns->nr; i++) {
		if (patterns->value[i] == PATTERN_RANDOM)
			return true;
	}
	return false;
}

/*
 * Twice a batch for each thread must be free at every level; where random held pages are freed, as
 * many must be held.
 */
static void check_room(const struct bench_options *options)
{
	bool random = has_random(&options->pattern);
	uint64_t held, need;
	unsigned int level, batch;

	for (level = 0; level < options->level.nr; level++) {
		held = options->nr_pages * options->level.value[level] / 100;
		for (batch = 0; batch < options->batch.nr; batch++) {
			need = (uint64_t)options->batch.value[batch] * options->threads;
			if (options->nr_pages - held >= 2 * need && (!random || held >= 2 * need))
				continue;
			fail_usage(
				"--level %u holds %llu of %llu pages; %u thread%s with batches of "
				"%u want %llu free%s; give a larger --size or a smaller --batch",
				options->level.value[level], (unsigned long long)held,
				(unsigned long long)options->nr_pages, options->threads,
				format_plural(options->threads), options->batch.value[batch],
				(unsigned long long)(2 * need), random ? " and as many held" : "");
		}
	}
}

/* Hold all pages, in random order. */
static size_t hold_all(const struct instance *instance, uint32_t *pool, size_t nr, struct rng *rng)
{
	size_t held = 0, got;

	do {
		got = quire_alloc_bulk_pfn(instance->q, 0, 0,
					   nr - held < FILL_BATCH ? nr - held : FILL_BATCH,
					   pool + held);
		held += got;
	} while (got && held < nr);
	rng_shuffle(rng, pool, held, sizeof(*pool));
	return held;
}

static void release(const struct instance *instance, const uint32_t *pool, size_t nr)
{
	if (quire_free_bulk_pfn(instance->q, nr, pool) != nr)
		fail("the library refused to take back pages that it had handed out");
}

static void columns(struct fill *f)
{
	table_init(&f->table);
	table_column(&f->table, "cache", "", COLUMN_WORD);
	row_mode_column(&f->table, f->options);
	table_column(&f->table, "check", "", COLUMN_WORD);
	table_column(&f->table, "full", "%", COLUMN_NUMBER);
	table_column(&f->table, "pages freed", "", COLUMN_WORD);
	table_column(&f->table, "calls", "", COLUMN_WORD);
	table_column(&f->table, "batch", "pages", COLUMN_NUMBER);
	row_time_columns(&f->table, f->times);
}

static void add_row(struct fill *f, const struct cell *cell, uint32_t level, double ratio)
{
	json_t *row = report_row(f->report);

	table_cell(&f->table, "%s", quire_cache_name(cell->instance->info.cache));
	row_mode_cell(&f->table, f->options, cell);
	table_cell(&f->table, "%s", quire_check_name(cell->instance->info.check));
	table_cell(&f->table, "%u", level);
	table_cell(&f->table, "%s", cell->pattern == PATTERN_RANDOM ? "random held" : "just taken");
	table_cell(&f->table, "%s", bench_calls_name(cell->calls));
	table_cell(&f->table, "%u", cell->batch);
	row_time_cells(&f->table, cell, f->times, ratio);
	row_identity(row, cell);
	row_times(row, cell);
	report_count(row, "full_pct", level);
	report_text(row, "pattern", bench_pattern_name(cell->pattern));
}

static void run_cell(struct fill *f, const struct cell *like, uint32_t level)
{
	struct cell cells[2];
	unsigned int i, nr = f->options->calls.nr;

	for (i = 0; i < nr; i++) {
		cells[i] = *like;
		cells[i].calls = (enum calls)f->options->calls.value[i];
	}
	progress("%u of %u: %u %% full, batch %u", ++f->nr_done, f->nr_all, level, like->batch);
	measure(cells, nr, f->options->runs);
	for (i = 0; i < nr; i++)
		add_row(f, &cells[i], level, i ? cells[0].total_ns / cells[i].total_ns : 0);
}

/* Every pattern and batch at one level; pool holds level percent of the pages. */
static void run_level(struct fill *f, struct cell *cell, uint32_t level)
{
	const struct bench_options *options = f->options;
	unsigned int pattern, batch;

	for (pattern = 0; pattern < options->pattern.nr; pattern++) {
		cell->pattern = (enum pattern)options->pattern.value[pattern];
		cell->workload = cell->pattern == PATTERN_RANDOM ? WORKLOAD_CHURN : WORKLOAD_PAIRS;
		for (batch = 0; batch < options->batch.nr; batch++) {
			cell->batch = options->batch.value[batch];
			run_cell(f, cell, level);
		}
	}
}

static void run_instance(struct fill *f, const struct instance_plan *plan)
{
	const struct bench_options *options = f->options;
	struct rng rng = rng_make(options->seed, UINT32_MAX);
	struct instance instance;
	struct cell cell = {
		.instance = &instance,
		.mode = plan->isolated ? MODE_SHARED : MODE_BIASED,
		.form = FORM_PFN,
		.threads = options->threads,
		.work = options->work,
		.seed = options->seed,
	};
	size_t nr = (size_t)options->nr_pages, held;
	unsigned int level;

	instance_open(&instance, plan);
	cell.pool = need_zeroed(nr, sizeof(*cell.pool));
	for (level = 0; level < options->level.nr; level++) {
		held = hold_all(&instance, cell.pool, nr, &rng);
		cell.nr_pool = nr * options->level.value[level] / 100;
		if (held < cell.nr_pool)
			fail("only %zu of %zu pages could be held", held, nr);
		release(&instance, cell.pool + cell.nr_pool, held - cell.nr_pool);
		run_level(f, &cell, options->level.value[level]);
		release(&instance, cell.pool, cell.nr_pool);
	}
	free(cell.pool);
	instance_close(&instance);
}

static void print(const struct fill *f)
{
	const struct bench_options *options = f->options;
	char size[FORMAT_MAX], work[FORMAT_MAX];

	printf("fill: pages of a region that is filled to a level, what is free lies scattered\n"
	       "region of %s, %u thread%s, pfn form; medians of %u run%s of %s page%s each, times "
	       "per page and thread\n\n",
	       format_bytes(size, options->nr_pages << 12), options->threads,
	       options->threads == 1 ? "" : "s", options->runs, options->runs == 1 ? "" : "s",
	       format_count(work, options->work), format_plural(options->work));
	table_print(&f->table, stdout, 0);
}

static int run(const struct bench_options *options)
{
	struct fill f = { .options = options };
	struct machine machine;
	struct plans plans;
	unsigned int i;

	check_room(options);
	report_open(options->json);
	machine_look(&machine);
	f.report = report_new(bench_fill.name, &machine);
	row_options(report_options(f.report), &bench_fill, options);
	f.times = TIMES_PHASES | (options->calls.nr > 1 ? TIMES_RATIO : 0);
	columns(&f);
	plans = plans_of(options, false);
	f.nr_all = plans.nr * options->level.nr * options->pattern.nr * options->batch.nr;
	for (i = 0; i < plans.nr; i++)
		run_instance(&f, &plans.plan[i]);
	progress_end();
	if (row_table_wanted(options))
		print(&f);
	row_finish(f.report, options);
	table_free(&f.table);
	return EXIT_DONE;
}

const struct bench bench_fill = {
	.name = "fill",
	.summary = "the cost of pages when 10 to 99 % of a region are held",
	.text = "Allocates the whole region and frees random pages of it until a level is\n"
		"reached; what is free then lies scattered. At each level batches are freed and\n"
		"allocated:\n"
		"  --pattern inorder  a batch is allocated, and the same pages are freed again\n"
		"  --pattern random   random held pages are freed, and as many allocated\n"
		"A cache serves most of both from its lists; with --cache none the second is\n"
		"what the zone has to bear.",
	.examples = "  quire bench fill --cache none,locked\n"
		    "  quire bench fill --level 50,99 --pattern random --threads 2\n",
	.accepts = OPTION_CACHE | OPTION_CHECK | OPTION_MODE | OPTION_CALLS | OPTION_PATTERN |
		   OPTION_BATCH | OPTION_LEVEL | OPTION_THREADS | OPTION_SIZE | OPTION_WORK |
		   OPTION_RUNS | OPTION_SEED | OPTION_JSON,
	.defaults = defaults,
	.run = run,
};
