/* SPDX-License-Identifier: MIT */
/* Three tables, since no line has room for all: the drains, the paced victim, the interrupts. */
#include <stdio.h>

#include "../clock.h"
#include "../format.h"
#include "../machine.h"
#include "../report.h"
#include "../say.h"
#include "../table.h"
#include "drain.h"
#include "rows.h"

#define NR(things) (sizeof(things) / sizeof((things)[0]))

/* With fewer drains a few interrupts of other causes are as many as theirs. */
enum { DRAINS_FOR_MORE = 1000 };

/* Of the paced victim's operations: how tables name them, and JSON, without dots. */
static const struct {
	double fraction;
	const char *title;
	const char *name;
} quantiles[] = {
	/* clang-format off */
	{ 0.5, "p50", "p50" },
	{ 0.99, "p99", "p99" },
	{ 0.999, "p99.9", "p99_9" },
	{ 0.9999, "p99.99", "p99_99" },
	{ 1, "max", "max" },
	/* clang-format on */
};

/* ---- Figures -------------------------------------------------------------------------------- */

static double latency_us(const struct drained *row, double fraction)
{
	return (double)histogram_quantile(&row->samples.latency, fraction) / 1000;
}

static double operation_ns(const struct histogram *operations, double fraction)
{
	return (double)histogram_quantile(operations, fraction) * ticks_ns();
}

static double seconds(const struct drained *row)
{
	return (double)row->drained_ns / 1e9;
}

static double moved_per_drain(const struct drained *row)
{
	return row->nr_drains ? (double)row->nr_moved / (double)row->nr_drains : 0;
}

static bool has_times(const struct drained *row)
{
	return row->plan.victim != VICTIM_IDLE;
}

/* What the control had in the same time. */
static bool is_compared(const struct drained *row)
{
	return row->control && row->counted && row->control->counted;
}

/* Of one run nobody can say how far runs lie apart. */
static bool has_quartiles(const struct drained *row)
{
	return row->nr_lost > 1;
}

/* Only drains that found pages count: for the others nobody need be interrupted. */
static double interrupts_per_drain(const struct drained *row)
{
	double more = (double)row->nr_interrupts - (double)row->control->nr_interrupts;

	return more / (double)row->nr_full;
}

/* ---- Tables --------------------------------------------------------------------------------- */

/* Without a value the cell is empty. */
static void real_cell(struct table *table, bool there, unsigned int digits, double value)
{
	if (there)
		table_cell(table, "%.*f", (int)digits, value);
	else
		table_cell(table, "%s", "");
}

static bool target_wanted(const struct bench_options *options)
{
	return options->target.nr > 1 || options->target.value[0] != TARGET_ONE;
}

/* Where the line has room. */
static bool spread_wanted(const struct bench_options *options)
{
	return !target_wanted(options) || !row_mode_wanted(options);
}

/* What has several values is a column, else it is in the heading. */
static void identity_columns(struct table *table, const struct bench_options *options)
{
	table_init(table);
	table_column(table, "cache", "", COLUMN_WORD);
	row_mode_column(table, options);
	if (options->check.nr > 1)
		table_column(table, "check", "", COLUMN_WORD);
	if (options->calls.nr > 1)
		table_column(table, "calls", "", COLUMN_WORD);
	if (options->batch.nr > 1)
		table_column(table, "batch", "pages", COLUMN_NUMBER);
	table_column(table, "victim", "", COLUMN_WORD);
	if (target_wanted(options))
		table_column(table, "target", "", COLUMN_WORD);
	table_column(table, "asked", "/s", COLUMN_NUMBER);
}

static void identity_cells(struct table *table, const struct bench_options *options,
			   const struct drained *row)
{
	const struct cell *cell = &row->plan.cell;

	table_cell(table, "%s", row_cache_name(cell));
	row_mode_cell(table, options, cell);
	if (options->check.nr > 1)
		table_cell(table, "%s", row_check_name(cell));
	if (options->calls.nr > 1)
		table_cell(table, "%s", bench_calls_name(cell->calls));
	if (options->batch.nr > 1)
		table_cell(table, "%u", cell->batch);
	table_cell(table, "%s", bench_victim_name(row->plan.victim));
	if (target_wanted(options))
		table_cell(table, "%s", row->plan.rate ? bench_target_name(row->plan.target) : "-");
	if (row->plan.rate == RATE_MAX)
		table_cell(table, "%s", bench_rate_name(row->plan.rate));
	else
		table_count(table, row->plan.rate);
}

static void drains_columns(struct table *table, const struct bench_options *options)
{
	identity_columns(table, options);
	table_column(table, "done", "/s", COLUMN_NUMBER);
	table_column(table, "p50", "us", COLUMN_NUMBER);
	table_column(table, "p99", "us", COLUMN_NUMBER);
	table_column(table, "max", "us", COLUMN_NUMBER);
	table_column(table, "moved", "pages", COLUMN_NUMBER);
	table_column(table, "pair", "ns/page", COLUMN_NUMBER);
	if (spread_wanted(options))
		table_column(table, "spread", "%", COLUMN_NUMBER);
	table_column(table, "lost", "ns", COLUMN_NUMBER);
	table_column(table, "quartiles", "ns", COLUMN_NUMBER);
}

static void drains_cells(struct table *table, const struct bench_options *options,
			 const struct drained *row)
{
	bool drained = row->nr_drains > 0;

	identity_cells(table, options, row);
	table_count(table, (uint64_t)((double)row->nr_drains / seconds(row) + 0.5));
	real_cell(table, drained, 2, latency_us(row, 0.5));
	real_cell(table, drained, 2, latency_us(row, 0.99));
	real_cell(table, drained, 2, latency_us(row, 1));
	real_cell(table, drained, 1, moved_per_drain(row));
	real_cell(table, has_times(row), 2, row->pair_median);
	if (spread_wanted(options))
		real_cell(table, has_times(row), 1, row->pair_spread_pct);
	real_cell(table, row->nr_lost, 0, row->lost_median);
	real_cell(table, has_quartiles(row), 0, row->lost_quartiles);
}

static void operations_columns(struct table *table, const struct bench_options *options)
{
	size_t i;

	identity_columns(table, options);
	table_column(table, "from", "", COLUMN_WORD);
	for (i = 0; i < NR(quantiles); i++)
		table_column(table, quantiles[i].title, "ns", COLUMN_NUMBER);
}

static void operations_cells(struct table *table, const struct bench_options *options,
			     const struct drained *row, const struct histogram *operations,
			     const char *from)
{
	size_t i;

	identity_cells(table, options, row);
	table_cell(table, "%s", from);
	for (i = 0; i < NR(quantiles); i++)
		table_count(table,
			    (uint64_t)(operation_ns(operations, quantiles[i].fraction) + 0.5));
}

static void interrupts_columns(struct table *table, const struct bench_options *options)
{
	identity_columns(table, options);
	table_column(table, "time", "s", COLUMN_NUMBER);
	table_column(table, "drains", "", COLUMN_NUMBER);
	table_column(table, "with pages", "", COLUMN_NUMBER);
	table_column(table, "interrupts", "", COLUMN_NUMBER);
	table_column(table, "control", "", COLUMN_NUMBER);
	table_column(table, "more", "/drain", COLUMN_NUMBER);
}

/* "-": the system does not tell. */
static void interrupts_cell(struct table *table, const struct drained *row)
{
	if (!row)
		table_cell(table, "%s", "");
	else if (row->counted)
		table_count(table, row->nr_interrupts);
	else
		table_cell(table, "-");
}

static void interrupts_cells(struct table *table, const struct bench_options *options,
			     const struct drained *row)
{
	bool compared = is_compared(row) && row->nr_full >= DRAINS_FOR_MORE;

	identity_cells(table, options, row);
	table_cell(table, "%.2f", seconds(row));
	table_count(table, row->nr_drains);
	table_count(table, row->nr_full);
	interrupts_cell(table, row);
	interrupts_cell(table, row->control);
	real_cell(table, compared, 4, compared ? interrupts_per_drain(row) : 0);
}

static void put_table(struct table *table, const char *title)
{
	printf("%s\n", title);
	table_print(table, stdout, 0);
	table_free(table);
}

static void print_drains(const struct drain *drain)
{
	struct table table;
	unsigned int i;

	drains_columns(&table, drain->options);
	for (i = 0; i < drain->nr; i++)
		drains_cells(&table, drain->options, &drain->rows[i]);
	put_table(&table, "");
}

static void print_operations(const struct drain *drain)
{
	struct table table;
	unsigned int i, nr = 0;

	operations_columns(&table, drain->options);
	for (i = 0; i < drain->nr; i++) {
		const struct drained *row = &drain->rows[i];

		if (row->plan.victim != VICTIM_PACED)
			continue;
		operations_cells(&table, drain->options, row, &row->samples.due, "due");
		operations_cells(&table, drain->options, row, &row->samples.took, "begin");
		nr++;
	}
	if (nr)
		put_table(&table, "\nOperations of the paced victim, one due each microsecond: to "
				  "its end from when it was due,\nand from its begin\n");
	else
		table_free(&table);
}

static void print_interrupts(const struct drain *drain)
{
	struct table table;
	unsigned int i, nr = 0;

	interrupts_columns(&table, drain->options);
	for (i = 0; i < drain->nr; i++) {
		if (!drain->rows[i].nr_drains)
			continue;
		interrupts_cells(&table, drain->options, &drain->rows[i]);
		nr++;
	}
	if (nr)
		put_table(&table, "\nFunction-call interrupts of the victim's CPU, all runs\n");
	else
		table_free(&table);
}

/* "the list of CPU 0, or those of all CPUs; CPU 0 is busy, paced or idle" */
static void print_emptied(const struct bench_options *options, int victim_cpu)
{
	const struct values *victims = &options->victim;
	unsigned int i;

	if (options->target.nr > 1)
		printf("the list of CPU %d, or those of all CPUs", victim_cpu);
	else if (target_wanted(options))
		printf("the lists of all CPUs");
	else
		printf("the list of CPU %d", victim_cpu);
	printf("; CPU %d is ", victim_cpu);
	for (i = 0; i < victims->nr; i++)
		printf("%s%s",
		       !i		      ? ""
		       : i + 1 == victims->nr ? " or "
					      : ", ",
		       bench_victim_name(victims->value[i]));
	printf("\n");
}

/* What is one for all rows; the rest is in columns. */
static void print_common(const struct bench_options *options)
{
	char size[FORMAT_MAX];

	if (options->check.nr == 1)
		printf("check %s, ", quire_check_name(options->check.value[0]));
	if (options->calls.nr == 1)
		printf("%s calls, ", bench_calls_name(options->calls.value[0]));
	if (options->batch.nr == 1)
		printf("batch %u, ", options->batch.value[0]);
	printf("region of %s\n", format_bytes(size, options->nr_pages << 12));
}

static void print_heading(const struct drain *drain)
{
	const struct bench_options *options = drain->options;
	char count[FORMAT_MAX], length[FORMAT_MAX + 16];

	printf("drain: CPU %d empties ", drain->rows[0].drainer_cpu);
	print_emptied(options, drain->rows[0].victim_cpu);
	print_common(options);
	if (options->drains)
		snprintf(length, sizeof(length), "%s drain%s", format_count(count, options->drains),
			 format_plural(options->drains));
	else
		snprintf(length, sizeof(length), "%g s", (double)options->milliseconds / 1000);
	printf("%u run%s of %s each in turns: latencies of all drains, medians of the rest\n",
	       options->runs, format_plural(options->runs), length);
}

static void print(const struct drain *drain)
{
	print_heading(drain);
	print_drains(drain);
	print_operations(drain);
	print_interrupts(drain);
	if (drain->rows[0].drainer_cpu == drain->rows[0].victim_cpu)
		printf("\nThis process has one CPU, on which drainer and victim take turns: the "
		       "figures mean little.\n");
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* What there is no value of is null. */
static void real_member(json_t *row, const char *name, bool there, double value)
{
	report_member(row, name, there ? json_real(value) : json_null());
}

static void count_member(json_t *row, const char *name, bool there, uint64_t value)
{
	report_member(row, name, there ? json_integer((json_int_t)value) : json_null());
}

static void json_identity(json_t *object, const struct drained *row)
{
	row_identity(object, &row->plan.cell);
	report_count(object, "batch", row->plan.cell.batch);
	report_text(object, "victim", bench_victim_name(row->plan.victim));
	if (row->plan.rate)
		report_text(object, "target", bench_target_name(row->plan.target));
	else
		report_member(object, "target", json_null());
	report_member(object, "rate", row_rate(row->plan.rate));
	report_count(object, "victim_cpu", (uint64_t)row->victim_cpu);
	report_count(object, "drainer_cpu", (uint64_t)row->drainer_cpu);
}

static void json_drains(json_t *object, const struct drained *row)
{
	bool drained = row->nr_drains > 0;

	report_real(object, "elapsed_s", seconds(row));
	report_count(object, "drains", row->nr_drains);
	report_count(object, "drains_with_pages", row->nr_full);
	report_real(object, "drains_per_s", (double)row->nr_drains / seconds(row));
	real_member(object, "latency_p50_us", drained, latency_us(row, 0.5));
	real_member(object, "latency_p99_us", drained, latency_us(row, 0.99));
	real_member(object, "latency_max_us", drained, latency_us(row, 1));
	report_count(object, "pages_moved", row->nr_moved);
	real_member(object, "pages_per_drain", drained, moved_per_drain(row));
	real_member(object, "pair_ns", has_times(row), row->pair_median);
	real_member(object, "spread_pct", has_times(row), row->pair_spread_pct);
	real_member(object, "lost_ns", row->nr_lost, row->lost_median);
	real_member(object, "lost_quartiles_ns", has_quartiles(row), row->lost_quartiles);
}

static void json_interrupts(json_t *object, const struct drained *row)
{
	bool compared = is_compared(row) && row->nr_full;

	count_member(object, "interrupts", row->counted, row->nr_interrupts);
	count_member(object, "control_interrupts", is_compared(row),
		     is_compared(row) ? row->control->nr_interrupts : 0);
	real_member(object, "more_interrupts_per_drain", compared,
		    compared ? interrupts_per_drain(row) : 0);
}

/* "due_p50_ns", ... "begin_max_ns"; null but for a paced victim. */
static void json_operations(json_t *object, const struct drained *row, const char *from,
			    const struct histogram *operations)
{
	bool there = row->plan.victim == VICTIM_PACED;
	char name[32];
	size_t i;

	for (i = 0; i < NR(quantiles); i++) {
		snprintf(name, sizeof(name), "%s_%s_ns", from, quantiles[i].name);
		real_member(object, name, there, operation_ns(operations, quantiles[i].fraction));
	}
}

static void json_row(json_t *object, const struct drained *row)
{
	json_identity(object, row);
	json_drains(object, row);
	json_interrupts(object, row);
	report_count(object, "victim_pages", row->nr_pages);
	json_operations(object, row, "due", &row->samples.due);
	json_operations(object, row, "begin", &row->samples.took);
}

void drain_show(const struct drain *drain)
{
	struct machine machine;
	json_t *report;
	unsigned int i;

	machine_look(&machine);
	report = report_new(bench_drain.name, &machine);
	row_options(report_options(report), &bench_drain, drain->options);
	for (i = 0; i < drain->nr; i++)
		json_row(report_row(report), &drain->rows[i]);
	progress_end();
	if (row_table_wanted(drain->options))
		print(drain);
	row_finish(report, drain->options);
}
