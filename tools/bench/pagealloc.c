/* SPDX-License-Identifier: MIT */
/*
 * `quire bench pagealloc`: the table that came with the magazine series. Allocate a batch, then
 * free it, timed apart, for batches of 1 to 16384. The original loop ran one page more than it
 * divided by; here the counts agree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../format.h"
#include "../machine.h"
#include "../memory.h"
#include "../report.h"
#include "../say.h"
#include "../table.h"
#include "bench.h"
#include "compare.h"
#include "measure.h"
#include "peer.h"
#include "plans.h"
#include "rows.h"

enum { DEFAULT_PAGES = 1 << 18, SECTION_MS = 10, WHOLE_BATCH = 512, MAX_DEFAULT_BATCH = 16384 };

struct pagealloc {
	const struct bench_options *options;
	json_t *report;
	struct table table;
	unsigned int times; /* that have a column: TIMES_PHASES, TIMES_RATIO */
	bool with_repeated; /* so many batches a run: where the line has room */
	bool with_blocks; /* an order above 0: show the time of a block as well */
	struct instance *instances; /* one for each plan */
	unsigned int nr_instances;
	struct peers peers;
	struct cell *cells; /* all rows, which are measured in turns */
	unsigned int nr_cells;
	struct comparison all; /* of these peers and cells */
};

static void defaults(struct bench_options *options)
{
	options->section_ms = SECTION_MS;
	options->batch.nr = 0; /* chosen, once it is known what else was asked for */
	options->calls = (struct values){ .value = { CALLS_SINGLE, CALLS_BULK }, .nr = 2 };
	options->runs = 9;
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

/* ---- Cells: every combination of the options ------------------------------------------------ */

static void open_instances(struct pagealloc *p)
{
	const struct plans plans = plans_of(p->options, true);

	if (!peers_with_quire(p->options))
		return;
	p->instances = need_zeroed(plans.nr, sizeof(*p->instances));
	for (; p->nr_instances < plans.nr; p->nr_instances++)
		instance_open(&p->instances[p->nr_instances], &plans.plan[p->nr_instances]);
}

static void close_instances(struct pagealloc *p)
{
	while (p->nr_instances)
		instance_close(&p->instances[--p->nr_instances]);
	free(p->instances);
}

static struct cell cell_like(const struct bench_options *options)
{
	return (struct cell){
		.allocator = ALLOCATOR_QUIRE,
		.workload = options->whole ? WORKLOAD_WHOLE : WORKLOAD_PAIRS,
		.threads = options->threads,
		.work = options->work,
		.seed = options->seed,
	};
}

static void add_cell(struct pagealloc *p, const struct cell *cell)
{
	p->cells = need_resized(p->cells, p->nr_cells + 1, sizeof(*p->cells));
	p->cells[p->nr_cells++] = *cell;
}

/* Batches, and kinds of calls within a batch: single calls come first, bulk is compared. */
static void add_batches(struct pagealloc *p, struct cell *like)
{
	const struct bench_options *options = p->options;
	unsigned int batch, calls;

	if (options->whole)
		like->work = (options->nr_pages >> like->order) / options->threads;
	for (batch = 0; batch < options->batch.nr; batch++) {
		like->batch = options->batch.value[batch];
		for (calls = 0; calls < options->calls.nr; calls++) {
			like->calls = (enum calls)options->calls.value[calls];
			add_cell(p, like);
		}
	}
}

static void add_patterns(struct pagealloc *p, struct cell *like)
{
	const struct bench_options *options = p->options;
	unsigned int pattern, order;

	for (pattern = 0; pattern < options->pattern.nr; pattern++) {
		like->pattern = (enum pattern)options->pattern.value[pattern];
		/* Peers have objects of one page. */
		for (order = 0; order < (like->peer ? 1 : options->order.nr); order++) {
			like->order = like->peer ? 0 : options->order.value[order];
			add_batches(p, like);
		}
	}
}

static void add_instance(struct pagealloc *p, const struct instance *instance)
{
	const struct bench_options *options = p->options;
	struct cell cell = cell_like(options);
	unsigned int form;

	cell.instance = instance;
	cell.mode = instance->isolated ? MODE_SHARED : MODE_BIASED;
	for (form = 0; form < options->form.nr; form++) {
		cell.form = (enum form)options->form.value[form];
		add_patterns(p, &cell);
	}
}

/* To peers a page is a pointer, whatever form is asked for. */
static void add_peer(struct pagealloc *p, struct peer *peer)
{
	struct cell cell = cell_like(p->options);

	cell.allocator = peer_allocator(peer);
	cell.peer = peer;
	add_patterns(p, &cell);
}

static void add_cells(struct pagealloc *p)
{
	unsigned int i;

	for (i = 0; i < p->nr_instances; i++)
		add_instance(p, &p->instances[i]);
	for (i = 0; i < p->peers.nr; i++)
		add_peer(p, p->peers.peer[i]);
	p->all = (struct comparison){ &p->peers, p->nr_instances > 0, p->cells, p->nr_cells };
}

/* ---- Results -------------------------------------------------------------------------------- */

static void columns(struct pagealloc *p)
{
	table_init(&p->table);
	row_allocator_column(&p->table, &p->all);
	table_column(&p->table, "cache", "", COLUMN_WORD);
	row_mode_column(&p->table, p->options);
	table_column(&p->table, "check", "", COLUMN_WORD);
	if (p->options->form.nr > 1)
		table_column(&p->table, "form", "", COLUMN_WORD);
	if (p->options->pattern.nr > 1)
		table_column(&p->table, "frees", "", COLUMN_WORD);
	table_column(&p->table, "calls", "", COLUMN_WORD);
	if (p->with_blocks)
		table_column(&p->table, "order", "", COLUMN_NUMBER);
	table_column(&p->table, "batch", "blocks", COLUMN_NUMBER);
	row_time_columns(&p->table, p->times);
	row_ratio_columns(&p->table, &p->all);
	if (p->with_blocks)
		table_column(&p->table, "block", "ns", COLUMN_NUMBER);
	if (p->with_repeated)
		table_column(&p->table, "repeated", "batches", COLUMN_NUMBER);
}

static void table_row(struct pagealloc *p, const struct cell *cell, double ratio)
{
	row_allocator_cell(&p->table, &p->all, cell);
	table_cell(&p->table, "%s", row_cache_name(cell));
	row_mode_cell(&p->table, p->options, cell);
	table_cell(&p->table, "%s", row_check_name(cell));
	if (p->options->form.nr > 1)
		table_cell(&p->table, "%s", bench_form_name(cell->form));
	if (p->options->pattern.nr > 1)
		table_cell(&p->table, "%s", bench_pattern_name(cell->pattern));
	table_cell(&p->table, "%s", bench_calls_name(cell->calls));
	if (p->with_blocks)
		table_cell(&p->table, "%u", cell->order);
	table_cell(&p->table, "%u", cell->batch);
	row_time_cells(&p->table, cell, p->times, ratio);
	row_ratio_cells(&p->table, &p->all, cell);
	if (p->with_blocks)
		table_cell(&p->table, "%.2f",
			   cell->total_ns * (double)(UINT64_C(1) << cell->order));
	if (p->with_repeated)
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
	row_ratios(row, &p->all, cell);
}

static void rows(struct pagealloc *p)
{
	unsigned int i, calls = p->options->calls.nr;

	for (i = 0; i < p->nr_cells; i++) {
		const struct cell *cell = &p->cells[i], *first = &p->cells[i - i % calls];

		table_row(p, cell, cell == first ? 0 : first->total_ns / cell->total_ns);
		json_row(p, cell);
	}
}

/* What tells groups of rows apart, without what is usual. */
static void name_group(const struct cell *cell, char *text, size_t bytes)
{
	snprintf(text, bytes, "cache %s%s, check %s, %s calls%s%s%s", row_cache_name(cell),
		 cell->mode == MODE_SHARED ? " shared" : "", row_check_name(cell),
		 bench_calls_name(cell->calls), cell->form == FORM_PAGE ? "" : ", ",
		 cell->form == FORM_PAGE ? "" : bench_form_name(cell->form),
		 cell->pattern == PATTERN_INORDER ? "" : ", frees random");
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
	if (options->work && !options->whole)
		printf(" of %s block%s each", format_count(work, options->work),
		       format_plural(options->work));
	else if (!options->whole)
		printf(" of about %d ms each", SECTION_MS);
	printf(", times per page of 4 KiB and thread\n\n");
	table_print(&p->table, stdout, 0);
	if (p->peers.nr && p->nr_instances) {
		printf("\n");
		compare_print(stdout, &p->all, name_group);
	}
}

/* What fits into a line: more columns that tell rows apart leave room for fewer figures. */
static void choose_columns(struct pagealloc *p)
{
	const struct bench_options *options = p->options;
	bool alone = p->peers.nr == 0;

	p->times = TIMES_PHASES | (alone && options->calls.nr > 1 ? TIMES_RATIO : 0);
	p->with_blocks = largest(&options->order) > 0;
	p->with_repeated = alone && options->form.nr == 1 && options->pattern.nr == 1 &&
			   !row_mode_wanted(options);
}

static void prepare(struct pagealloc *p)
{
	const struct bench_options *options = p->options;
	struct machine machine;

	choose_columns(p);
	machine_look(&machine);
	p->report = report_new(bench_pagealloc.name, &machine);
	row_options(report_options(p->report), &bench_pagealloc, options);
	row_libraries(report_options(p->report), &p->peers);
	add_cells(p);
	columns(p);
}

static int run(const struct bench_options *given)
{
	struct bench_options options = *given;
	struct pagealloc p = { .options = &options };

	choose_batches(&options);
	options.nr_pages = region_pages(&options);
	report_open(options.json);
	peers_start(&p.peers, &options, options.nr_pages);
	open_instances(&p);
	prepare(&p);
	measure_choose_work(p.cells, p.nr_cells, SECTION_MS);
	measure_shown(p.cells, p.nr_cells, options.runs);
	rows(&p);
	progress_end();
	if (row_table_wanted(&options))
		print(&p, options.nr_pages);
	close_instances(&p);
	peers_stop(&p.peers);
	row_finish(p.report, &options);
	table_free(&p.table);
	free(p.cells);
	return EXIT_DONE;
}

const struct bench bench_pagealloc = {
	.name = "pagealloc",
	.summary = "allocate a batch of 1 to 16384 blocks, then free it, timed apart",
	.text = "Allocates a whole batch, then frees it, timed apart, for batches of 1 to 16384\n"
		"blocks (all powers of two unless --batch names some). Every combination of the\n"
		"lists given becomes a row. With both kinds of calls the column single/bulk shows\n"
		"how many times the time of bulk calls single calls take. Times are per page and\n"
		"thread: a block of order 4 counts as 16 pages. The pages are not touched, so the\n"
		"region is addresses only and may be larger than memory.\n"
		"With --allocator others are measured beside Quire, compiled as a program that\n"
		"uses them would be, with as many objects of 4 KiB as the region has pages (they\n"
		"have order 0 alone). Each runs in its own process and sleeps while others have\n"
		"their turn. The column 'vs' has the total of a row of Quire's as a multiple of\n"
		"the other's, and lines below the table their geometric means over the batches;\n"
		"single/bulk makes room for that.\n"
		"With --whole a run allocates all of the region in batches (512 unless given),\n"
		"and then frees all of it, in order or, with --pattern random, fully shuffled.",
	.examples =
		"  quire bench pagealloc --cache locked --check on,off --calls single,bulk\n"
		"  quire bench pagealloc --allocator quire,rte_mempool --check on,off\n"
		"  quire bench pagealloc --cache pcp --mode biased,shared --calls single,bulk\n"
		"  quire bench pagealloc --batch 64 --threads 2 --form pfn --json result.json\n"
		"  quire bench pagealloc --whole --cache none --calls single,bulk --size 1G \\\n"
		"      --pattern inorder,random\n",
	.accepts = OPTION_ALLOCATOR | OPTION_CACHE | OPTION_CHECK | OPTION_MODE | OPTION_CALLS |
		   OPTION_FORM | OPTION_PATTERN | OPTION_ORDER | OPTION_BATCH | OPTION_THREADS |
		   OPTION_SIZE | OPTION_WHOLE | OPTION_WORK | OPTION_RUNS | OPTION_SEED |
		   OPTION_JSON,
	.defaults = defaults,
	.run = run,
};
