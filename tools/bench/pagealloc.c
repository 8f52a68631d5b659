/* SPDX-License-Identifier: MIT */
/*
 * `quire bench pagealloc`: the table that came with the magazine series. Allocate a batch, then
 * free it, timed apart, for batches of 1 to 16384. The original loop ran one page more than it
 * divided by; here the counts agree.
 */
#include <stdio.h>
#include <string.h>

#include "../format.h"
#include "../machine.h"
#include "../report.h"
#include "../say.h"
#include "../table.h"
#include "bench.h"
#include "measure.h"
#include "rows.h"

enum {
	DEFAULT_PAGES = 1 << 18,
	DEFAULT_WORK = 1 << 18,
	WHOLE_BATCH = 512,
	MAX_DEFAULT_BATCH = 16384
};

struct pagealloc {
	const struct bench_options *options;
	json_t *report;
	struct table table;
	bool with_ratio;
	bool with_blocks; /* an order above 0: show the time of a block as well */
	unsigned int nr_done;
	unsigned int nr_all;
};

static void defaults(struct bench_options *options)
{
	options->batch.nr = 0; /* chosen, once it is known what else was asked for */
	options->calls = (struct values){ .value = { CALLS_SINGLE, CALLS_BULK }, .nr = 2 };
	options->runs = 9;
	options->work = DEFAULT_WORK;
}

static void choose_batches(struct bench_options *options)
{
	uint32_t batch;

	if (options->batch.nr)
		return;
	if (options->whole)
		options->batch = values_one(WHOLE_BATCH);
	for (batch = 1; batch <= MAX_DEFAULT_BATCH && !options->whole; batch *= 2)
		options->batch.value[options->batch.nr++] = batch;
}

static uint32_t largest(const struct values *values)
{
	uint32_t most = 0;
	unsigned int i;

	for (i = 0; i < values->nr; i++) {
		if (values->value[i] > most)
			most = values->value[i];
	}
	return most;
}

/* Pages that all threads hold at once: a batch each, or with --whole at least one block each. */
static uint64_t pages_needed(const struct bench_options *options)
{
	uint64_t blocks = options->whole ? 1 : largest(&options->batch);

	return (blocks << largest(&options->order)) * options->threads;
}

/* Pages of the region: what was asked for if that is enough, else twice what is needed. */
static uint64_t region_pages(const struct bench_options *options)
{
	uint64_t need = pages_needed(options), pages = options->nr_pages;
	char text[FORMAT_MAX], room[FORMAT_MAX];

	for (; !options->nr_pages && pages < 2 * need;)
		pages = pages ? 2 * pages : DEFAULT_PAGES;
	if (need <= pages && pages <= QUIRE_MAX_PAGES)
		return pages;
	fail_usage("--batch %u, --order %u and --threads %u take %s at once, %s %s; ask for less%s",
		   largest(&options->batch), largest(&options->order), options->threads,
		   format_limit(text, need << 12),
		   options->nr_pages ? "the region has" : "a region has at most",
		   format_limit(room, (options->nr_pages ? pages : QUIRE_MAX_PAGES) << 12),
		   options->nr_pages ? ", or a larger --size" : "");
}

static void columns(struct pagealloc *p)
{
	table_init(&p->table);
	table_column(&p->table, "cache", "", COLUMN_WORD);
	table_column(&p->table, "check", "", COLUMN_WORD);
	if (p->options->form.nr > 1)
		table_column(&p->table, "form", "", COLUMN_WORD);
	if (p->options->pattern.nr > 1)
		table_column(&p->table, "frees", "", COLUMN_WORD);
	table_column(&p->table, "calls", "", COLUMN_WORD);
	table_column(&p->table, "order", "", COLUMN_NUMBER);
	table_column(&p->table, "batch", "blocks", COLUMN_NUMBER);
	row_time_columns(&p->table, p->with_ratio);
	if (p->with_blocks)
		table_column(&p->table, "block", "ns", COLUMN_NUMBER);
	table_column(&p->table, "repeated", "batches", COLUMN_NUMBER);
}

static void table_row(struct pagealloc *p, const struct cell *cell, double ratio)
{
	table_cell(&p->table, "%s", quire_cache_name(cell->instance->info.cache));
	table_cell(&p->table, "%s", quire_check_name(cell->instance->info.check));
	if (p->options->form.nr > 1)
		table_cell(&p->table, "%s", bench_form_name(cell->form));
	if (p->options->pattern.nr > 1)
		table_cell(&p->table, "%s", bench_pattern_name(cell->pattern));
	table_cell(&p->table, "%s", bench_calls_name(cell->calls));
	table_cell(&p->table, "%u", cell->order);
	table_cell(&p->table, "%u", cell->batch);
	row_time_cells(&p->table, cell, p->with_ratio, ratio);
	if (p->with_blocks)
		table_cell(&p->table, "%.2f",
			   cell->total_ns * (double)(UINT64_C(1) << cell->order));
	table_count(&p->table, cell_repetitions(cell));
}

/*
 * The fields that every row has; with several forms or patterns, also those that tell rows apart.
 */
static void json_row(struct pagealloc *p, const struct cell *cell)
{
	json_t *row = report_row(p->report);

	row_identity(row, cell);
	row_times(row, cell);
	if (p->options->form.nr > 1)
		report_text(row, "form", bench_form_name(cell->form));
	if (p->options->pattern.nr > 1)
		report_text(row, "pattern", bench_pattern_name(cell->pattern));
}

/* All kinds of calls of one cell, measured in turns: single calls come first, bulk is compared. */
static void run_cell(struct pagealloc *p, const struct cell *like)
{
	struct cell cells[2];
	unsigned int i, nr = p->options->calls.nr;

	for (i = 0; i < nr; i++) {
		cells[i] = *like;
		cells[i].calls = (enum calls)p->options->calls.value[i];
	}
	progress("%u of %u: order %u, batch %u", ++p->nr_done, p->nr_all, like->order, like->batch);
	measure(cells, nr, p->options->runs);
	for (i = 0; i < nr; i++) {
		table_row(p, &cells[i], i ? cells[0].total_ns / cells[i].total_ns : 0);
		json_row(p, &cells[i]);
	}
}

static uint64_t whole_blocks(const struct bench_options *options, uint64_t nr_pages,
			     unsigned int order)
{
	return (nr_pages >> order) / options->threads;
}

/* Every order and batch of one instance, form and pattern. */
static void run_batches(struct pagealloc *p, struct cell *like, uint64_t nr_pages)
{
	const struct bench_options *options = p->options;
	unsigned int order, batch;

	for (order = 0; order < options->order.nr; order++) {
		like->order = options->order.value[order];
		like->work = options->whole ? whole_blocks(options, nr_pages, like->order)
					    : options->work;
		for (batch = 0; batch < options->batch.nr; batch++) {
			like->batch = options->batch.value[batch];
			run_cell(p, like);
		}
	}
}

static void run_instance(struct pagealloc *p, uint32_t cache, uint32_t check, uint64_t nr_pages)
{
	const struct bench_options *options = p->options;
	const struct instance_plan plan = { cache, check, nr_pages, true };
	struct instance instance;
	struct cell cell = {
		.instance = &instance,
		.workload = options->whole ? WORKLOAD_WHOLE : WORKLOAD_PAIRS,
		.threads = options->threads,
		.seed = options->seed,
	};
	unsigned int form, pattern;

	instance_open(&instance, &plan);
	for (form = 0; form < options->form.nr; form++) {
		cell.form = (enum form)options->form.value[form];
		for (pattern = 0; pattern < options->pattern.nr; pattern++) {
			cell.pattern = (enum pattern)options->pattern.value[pattern];
			run_batches(p, &cell, nr_pages);
		}
	}
	instance_close(&instance);
}

static void print(const struct pagealloc *p, uint64_t nr_pages)
{
	const struct bench_options *options = p->options;
	char size[FORMAT_MAX], work[FORMAT_MAX], mode[64] = "";

	/* What has several values is a column. */
	if (options->form.nr == 1)
		snprintf(mode, sizeof(mode), ", %s form", bench_form_name(options->form.value[0]));
	if (options->pattern.nr == 1)
		snprintf(mode + strlen(mode), sizeof(mode) - strlen(mode), ", frees %s",
			 options->pattern.value[0] == PATTERN_RANDOM ? "in random order"
								     : "in order");
	printf("pagealloc: %s, %u thread%s%s\n",
	       options->whole ? "allocate the whole region, free it all"
			      : "allocate a batch, free it",
	       options->threads, options->threads == 1 ? "" : "s", mode);
	printf("region of %s; medians of %u run%s", format_bytes(size, nr_pages << 12),
	       options->runs, options->runs == 1 ? "" : "s");
	if (!options->whole)
		printf(" of %s block%s each", format_count(work, options->work),
		       format_plural(options->work));
	printf(", times per page of 4 KiB and thread\n\n");
	table_print(&p->table, stdout, 0);
}

static void prepare(struct pagealloc *p, const struct machine *machine)
{
	const struct bench_options *options = p->options;

	p->with_ratio = options->calls.nr > 1;
	p->with_blocks = largest(&options->order) > 0;
	p->nr_all = options->cache.nr * options->check.nr * options->form.nr * options->pattern.nr *
		    options->order.nr * options->batch.nr;
	p->report = report_new(bench_pagealloc.name, machine);
	row_options(report_options(p->report), &bench_pagealloc, options);
	columns(p);
}

static int run(const struct bench_options *given)
{
	struct bench_options options = *given;
	struct pagealloc p = { .options = &options };
	struct machine machine;
	unsigned int cache, check;

	choose_batches(&options);
	options.nr_pages = region_pages(&options);
	report_open(options.json);
	machine_look(&machine);
	prepare(&p, &machine);
	for (cache = 0; cache < options.cache.nr; cache++) {
		for (check = 0; check < options.check.nr; check++)
			run_instance(&p, options.cache.value[cache], options.check.value[check],
				     options.nr_pages);
	}
	progress_end();
	if (row_table_wanted(&options))
		print(&p, options.nr_pages);
	row_finish(p.report, &options);
	table_free(&p.table);
	return EXIT_DONE;
}

const struct bench bench_pagealloc = {
	.name = "pagealloc",
	.summary = "allocate a batch of 1 to 16384 blocks, then free it, timed apart",
	.text = "Allocates a whole batch, then frees it, timed apart, for batches of 1 to 16384\n"
		"blocks (all powers of two unless --batch names some). Every combination of the\n"
		"lists given becomes a row. With both kinds of calls a column shows how many\n"
		"times the time of a bulk call single calls take. Times are per page and thread:\n"
		"a block of order 4 counts as 16 pages. The pages are not touched, so the region\n"
		"is addresses only and may be larger than memory.\n"
		"With --whole a run allocates all of the region in batches (512 unless given),\n"
		"and then frees all of it, in order or, with --pattern random, fully shuffled.",
	.examples =
		"  quire bench pagealloc --cache locked --check on,off --calls single,bulk\n"
		"  quire bench pagealloc --batch 64 --threads 2 --form pfn --json result.json\n"
		"  quire bench pagealloc --whole --cache none --calls single,bulk --size 1G \\\n"
		"      --pattern inorder,random\n",
	.accepts = OPTION_CACHE | OPTION_CHECK | OPTION_CALLS | OPTION_FORM | OPTION_PATTERN |
		   OPTION_ORDER | OPTION_BATCH | OPTION_THREADS | OPTION_SIZE | OPTION_WHOLE |
		   OPTION_WORK | OPTION_RUNS | OPTION_SEED | OPTION_JSON,
	.defaults = defaults,
	.run = run,
};
