/* SPDX-License-Identifier: MIT */
/*
 * `quire bench drain`: what it costs to empty another CPU's list: the drainer's wait, and what its
 * owner loses by it, against the same owner without drains.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../format.h"
#include "../instance.h"
#include "../machine.h"
#include "../memory.h"
#include "../report.h"
#include "../say.h"
#include "../stat.h"
#include "../table.h"
#include "bench.h"
#include "drain_turn.h"
#include "rows.h"

enum { DEFAULT_PAGES = 1 << 18, MAX_ROWS = 256 };

#define NS_PER_MILLISECOND UINT64_C(1000000)

/* A row: all turns of one plan. */
struct drained {
	struct drain_plan plan;
	const struct drained *control; /* the same victim without drains; NULL: is one, or idle */
	struct histogram latency; /* ns */
	uint64_t nr_drains;
	uint64_t nr_moved;
	int victim_cpu;
	int drainer_cpu;
	double *pair_ns; /* one a run: of a page's allocation and free */
	double *lost_ns; /* one a run: of the victim, a drain */
	unsigned int nr_lost; /* runs that had a drain */
	/* results of all runs */
	double pair_median;
	double pair_spread_pct;
	double lost_median;
	double lost_quartiles; /* their distance */
};

struct drain {
	const struct bench_options *options;
	/*
	 * One for each cache and check. Rows share it, since where its lists happen to lie in
	 * memory changes the time of a pair by more than a few drains do.
	 */
	struct instance *instances;
	unsigned int nr_instances;
	struct drained *rows;
	unsigned int nr;
	struct table table;
};

/* ---- Rows ----------------------------------------------------------------------------------- */

static void add(struct drain *drain, const struct drained *like, enum victim victim, uint32_t rate,
		const struct drained *control)
{
	struct drained *row = &drain->rows[drain->nr++];

	*row = *like;
	row->plan.victim = victim;
	row->plan.rate = rate;
	row->plan.ns = drain->options->milliseconds * NS_PER_MILLISECOND;
	row->control = control;
	row->pair_ns = need_zeroed(drain->options->runs, sizeof(*row->pair_ns));
	row->lost_ns = need_zeroed(drain->options->runs, sizeof(*row->lost_ns));
}

/* A busy victim's control comes first, asked for or not; an idle one has nothing to lose. */
static void add_victim(struct drain *drain, const struct drained *like, enum victim victim)
{
	const struct values *rates = &drain->options->rate;
	const struct drained *control = NULL;
	unsigned int i;

	if (victim == VICTIM_BUSY) {
		control = &drain->rows[drain->nr];
		add(drain, like, victim, 0, NULL);
	}
	for (i = 0; i < rates->nr; i++) {
		if (rates->value[i])
			add(drain, like, victim, rates->value[i], control);
	}
}

static void add_instance(struct drain *drain, const struct instance_plan *plan)
{
	const struct bench_options *options = drain->options;
	struct instance *instance = &drain->instances[drain->nr_instances++];
	struct drained like = { .plan.cell.instance = instance };
	unsigned int batch, calls, victim;

	instance_open(instance, plan);
	for (batch = 0; batch < options->batch.nr; batch++) {
		like.plan.cell.batch = options->batch.value[batch];
		for (calls = 0; calls < options->calls.nr; calls++) {
			like.plan.cell.calls = (enum calls)options->calls.value[calls];
			for (victim = 0; victim < options->victim.nr; victim++)
				add_victim(drain, &like,
					   (enum victim)options->victim.value[victim]);
		}
	}
}

static void make_rows(struct drain *drain)
{
	const struct bench_options *options = drain->options;
	struct instance_plan plan = { .nr_pages = options->nr_pages, .addresses = true };
	unsigned int nr = options->cache.nr * options->check.nr * options->batch.nr *
			  options->calls.nr * options->victim.nr * (options->rate.nr + 1);
	unsigned int cache, check;

	if (nr > MAX_ROWS)
		fail_usage("the lists make up to %u rows, and %d can be measured in turns; split "
			   "the longest list over several runs",
			   nr, MAX_ROWS);
	drain->rows = need_zeroed(nr, sizeof(*drain->rows));
	drain->instances = need_zeroed((size_t)options->cache.nr * options->check.nr,
				       sizeof(*drain->instances));
	for (cache = 0; cache < options->cache.nr; cache++) {
		plan.cache = options->cache.value[cache];
		for (check = 0; check < options->check.nr; check++) {
			plan.check = options->check.value[check];
			add_instance(drain, &plan);
		}
	}
}

static void free_rows(struct drain *drain)
{
	unsigned int i;

	for (i = 0; i < drain->nr_instances; i++)
		instance_close(&drain->instances[i]);
	for (i = 0; i < drain->nr; i++) {
		free(drain->rows[i].pair_ns);
		free(drain->rows[i].lost_ns);
	}
	free(drain->instances);
	free(drain->rows);
}

/* ---- Turns ---------------------------------------------------------------------------------- */

/*
 * What the victim lost is the time it took, less what as many pages took in the control of the same
 * run, which was moments before.
 */
static void take_turn(struct drained *row, unsigned int run)
{
	struct drain_result result = drain_turn(&row->plan, &row->latency);
	double ns = (double)result.victim_ns, pages = (double)result.nr_pages;

	row->nr_drains += result.nr_drains;
	row->nr_moved += result.nr_moved;
	row->victim_cpu = result.victim_cpu;
	row->drainer_cpu = result.drainer_cpu;
	row->pair_ns[run] = pages > 0 ? ns / pages : 0;
	if (row->control && result.nr_drains)
		row->lost_ns[row->nr_lost++] = (ns - pages * row->control->pair_ns[run]) /
					       (double)result.nr_drains;
}

static void measure_rows(struct drain *drain)
{
	unsigned int runs = drain->options->runs, run, i;

	for (run = 0; run < runs; run++) {
		for (i = 0; i < drain->nr; i++) {
			progress("run %u of %u: row %u of %u", run + 1, runs, i + 1, drain->nr);
			take_turn(&drain->rows[i], run);
		}
	}
	for (i = 0; i < drain->nr; i++) {
		struct drained *row = &drain->rows[i];

		row->pair_median = stat_median(row->pair_ns, runs);
		row->pair_spread_pct = stat_spread_pct(row->pair_ns, runs);
		if (!row->nr_lost)
			continue;
		row->lost_median = stat_median(row->lost_ns, row->nr_lost);
		row->lost_quartiles = stat_quartiles(row->lost_ns, row->nr_lost);
	}
}

/* ---- Results -------------------------------------------------------------------------------- */

static double latency_us(const struct drained *row, double fraction)
{
	return (double)histogram_quantile(&row->latency, fraction) / 1000;
}

static double drains_per_second(const struct drain *drain, const struct drained *row)
{
	double seconds = (double)drain->options->milliseconds / 1000 * drain->options->runs;

	return (double)row->nr_drains / seconds;
}

static double moved_per_drain(const struct drained *row)
{
	return (double)row->nr_moved / (double)row->nr_drains;
}

/* Calls and batches are columns where there are several, else in the heading. */
static void columns(struct table *table, const struct bench_options *options)
{
	table_init(table);
	table_column(table, "cache", "", COLUMN_WORD);
	table_column(table, "check", "", COLUMN_WORD);
	if (options->calls.nr > 1)
		table_column(table, "calls", "", COLUMN_WORD);
	if (options->batch.nr > 1)
		table_column(table, "batch", "pages", COLUMN_NUMBER);
	table_column(table, "victim", "", COLUMN_WORD);
	table_column(table, "asked", "/s", COLUMN_NUMBER);
	table_column(table, "done", "/s", COLUMN_NUMBER);
	table_column(table, "p50", "us", COLUMN_NUMBER);
	table_column(table, "p99", "us", COLUMN_NUMBER);
	table_column(table, "max", "us", COLUMN_NUMBER);
	table_column(table, "moved", "pages", COLUMN_NUMBER);
	table_column(table, "pair", "ns/page", COLUMN_NUMBER);
	table_column(table, "spread", "%", COLUMN_NUMBER);
	table_column(table, "lost", "ns", COLUMN_NUMBER);
	table_column(table, "quartiles", "ns", COLUMN_NUMBER);
}

/* Without a value the cell is empty. */
static void real_cell(struct table *table, bool there, unsigned int digits, double value)
{
	if (there)
		table_cell(table, "%.*f", (int)digits, value);
	else
		table_cell(table, "%s", "");
}

static void table_row(struct drain *drain, const struct drained *row)
{
	const struct cell *cell = &row->plan.cell;
	struct table *table = &drain->table;
	bool drained = row->nr_drains > 0, busy = row->plan.victim == VICTIM_BUSY;

	table_cell(table, "%s", row_cache_name(cell));
	table_cell(table, "%s", row_check_name(cell));
	if (drain->options->calls.nr > 1)
		table_cell(table, "%s", bench_calls_name(cell->calls));
	if (drain->options->batch.nr > 1)
		table_cell(table, "%u", cell->batch);
	table_cell(table, "%s", bench_victim_name(row->plan.victim));
	table_count(table, row->plan.rate);
	table_count(table, (uint64_t)(drains_per_second(drain, row) + 0.5));
	real_cell(table, drained, 2, latency_us(row, 0.5));
	real_cell(table, drained, 2, latency_us(row, 0.99));
	real_cell(table, drained, 2, latency_us(row, 1));
	real_cell(table, drained, 1, drained ? moved_per_drain(row) : 0);
	real_cell(table, busy, 2, row->pair_median);
	real_cell(table, busy, 1, row->pair_spread_pct);
	real_cell(table, row->nr_lost, 0, row->lost_median);
	real_cell(table, row->nr_lost, 0, row->lost_quartiles);
}

/* What there is no value of is null. */
static void real_member(json_t *row, const char *name, bool there, double value)
{
	report_member(row, name, there ? json_real(value) : json_null());
}

static void json_row(const struct drain *drain, json_t *object, const struct drained *row)
{
	bool drained = row->nr_drains > 0, busy = row->plan.victim == VICTIM_BUSY;

	row_identity(object, &row->plan.cell);
	report_count(object, "batch", row->plan.cell.batch);
	report_text(object, "victim", bench_victim_name(row->plan.victim));
	report_count(object, "rate", row->plan.rate);
	report_count(object, "victim_cpu", (uint64_t)row->victim_cpu);
	report_count(object, "drainer_cpu", (uint64_t)row->drainer_cpu);
	report_count(object, "drains", row->nr_drains);
	report_real(object, "drains_per_s", drains_per_second(drain, row));
	real_member(object, "latency_p50_us", drained, latency_us(row, 0.5));
	real_member(object, "latency_p99_us", drained, latency_us(row, 0.99));
	real_member(object, "latency_max_us", drained, latency_us(row, 1));
	report_count(object, "pages_moved", row->nr_moved);
	real_member(object, "pages_per_drain", drained, drained ? moved_per_drain(row) : 0);
	real_member(object, "pair_ns", busy, row->pair_median);
	real_member(object, "spread_pct", busy, row->pair_spread_pct);
	real_member(object, "lost_ns", row->nr_lost, row->lost_median);
	real_member(object, "lost_quartiles_ns", row->nr_lost, row->lost_quartiles);
}

static void print(const struct drain *drain)
{
	const struct bench_options *options = drain->options;
	char size[FORMAT_MAX], calls[32] = "", batch[32] = "";

	if (options->calls.nr == 1)
		snprintf(calls, sizeof(calls), ", %s calls",
			 bench_calls_name(options->calls.value[0]));
	if (options->batch.nr == 1)
		snprintf(batch, sizeof(batch), ", batch %u", options->batch.value[0]);
	printf("drain: CPU %d empties the list of CPU %d, which allocates and frees, or sleeps"
	       "%s%s\n"
	       "region of %s; %u run%s of %g s each in turns: latencies of all drains, medians of "
	       "the rest\n\n",
	       drain->rows[0].drainer_cpu, drain->rows[0].victim_cpu, calls, batch,
	       format_bytes(size, options->nr_pages << 12), options->runs,
	       format_plural(options->runs), (double)options->milliseconds / 1000);
	table_print(&drain->table, stdout, 0);
	if (drain->rows[0].drainer_cpu == drain->rows[0].victim_cpu)
		printf("\nThis process has one CPU, on which drainer and victim take turns: the "
		       "figures mean little.\n");
}

static void show(struct drain *drain)
{
	struct machine machine;
	json_t *report;
	unsigned int i;

	machine_look(&machine);
	report = report_new(bench_drain.name, &machine);
	row_options(report_options(report), &bench_drain, drain->options);
	columns(&drain->table, drain->options);
	for (i = 0; i < drain->nr; i++) {
		json_row(drain, report_row(report), &drain->rows[i]);
		table_row(drain, &drain->rows[i]);
	}
	progress_end();
	if (row_table_wanted(drain->options))
		print(drain);
	row_finish(report, drain->options);
	table_free(&drain->table);
}

/* ---- The bench ------------------------------------------------------------------------------ */

static void check_options(const struct bench_options *options)
{
	unsigned int i;

	for (i = 0; i < options->batch.nr; i++) {
		if (options->batch.value[i] > options->nr_pages)
			fail_usage("--batch %u: the region has %llu pages; give a smaller batch or "
				   "a larger --size",
				   options->batch.value[i], (unsigned long long)options->nr_pages);
	}
	if (options->victim.nr == 1 && options->victim.value[0] == VICTIM_IDLE &&
	    options->rate.nr == 1 && !options->rate.value[0])
		fail_usage("--victim idle with --rate 0 leaves nothing to measure; give a rate, as "
			   "in --rate 100");
}

static int run(const struct bench_options *options)
{
	struct drain drain = { .options = options };

	check_options(options);
	report_open(options->json);
	make_rows(&drain);
	measure_rows(&drain);
	show(&drain);
	free_rows(&drain);
	return EXIT_DONE;
}

static void defaults(struct bench_options *options)
{
	options->batch = values_one(1);
	options->victim = (struct values){ .value = { VICTIM_BUSY, VICTIM_IDLE }, .nr = 2 };
	options->rate = (struct values){ .value = { 0, 100, 10000 }, .nr = 3 };
	options->milliseconds = 50;
	options->nr_pages = DEFAULT_PAGES;
	options->runs = 101;
}

const struct bench bench_drain = {
	.name = "drain",
	.summary = "what it costs to empty the list of another CPU, busy or idle",
	.text = "A victim bound to one CPU allocates and frees as fast as it can; a drainer bound\n"
		"to another empties the victim's list at each rate, with 0 as the control, which\n"
		"comes first in every run. An idle victim sleeps, but for one pair before each\n"
		"drain, so that there is something to drain. To be read so:\n"
		"  done       drains a second; fewer than asked for if one takes too long\n"
		"  p50 ...    how long quire_drain() takes its caller: the fence, and the pages\n"
		"  moved      pages that a drain found and gave to the zone, in the mean\n"
		"  pair       the victim's time for the allocation and free of a page\n"
		"  lost       what one drain costs the victim: its time, less what as many pages\n"
		"             take in the control, by the number of drains. It holds interrupts,\n"
		"             sections begun anew, and the refill of the list that was taken away\n"
		"  quartiles  how far the runs' figures for that lie apart. Where this is larger\n"
		"             than what was lost, as with few drains, read: not measurable; a\n"
		"             quiet machine, more runs, or a higher rate give a better figure.\n"
		"             Runs are short, so that disturbances meet control and drains alike\n"
		"On a single CPU both take turns, and the figures mean little.",
	.examples = "  quire bench drain --cache locked,pcp\n"
		    "  quire bench drain --victim busy --rate 1000,10000,100000 --runs 501\n"
		    "  quire bench drain --batch 64 --calls bulk --json drain.json\n",
	.accepts = OPTION_CACHE | OPTION_CHECK | OPTION_CALLS | OPTION_BATCH | OPTION_VICTIM |
		   OPTION_RATE | OPTION_SECONDS | OPTION_SIZE | OPTION_RUNS | OPTION_JSON,
	.defaults = defaults,
	.run = run,
};
