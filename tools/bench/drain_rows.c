/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "../memory.h"
#include "../say.h"
#include "../stat.h"
#include "drain.h"
#include "plans.h"

enum { MAX_ROWS = 256 };

#define NS_PER_MILLISECOND UINT64_C(1000000)

/* ---- Rows ----------------------------------------------------------------------------------- */

static struct drained *add(struct drain *drain, const struct drained *like, uint32_t rate)
{
	struct drained *row = &drain->rows[drain->nr++];

	*row = *like;
	row->plan.rate = rate;
	row->plan.ns = drain->options->milliseconds * NS_PER_MILLISECOND;
	row->plan.nr_drains = rate ? drain->options->drains : 0;
	row->counted = true;
	row->pair_ns = need_zeroed(drain->options->runs, sizeof(*row->pair_ns));
	row->lost_ns = need_zeroed(drain->options->runs, sizeof(*row->lost_ns));
	return row;
}

/* Its control is one that is there, or of its own where only it says how long that has to be. */
static void add_drained(struct drain *drain, const struct drained *like, uint32_t rate,
			const struct drained *control)
{
	struct drained *row = add(drain, like, rate);

	row->control = control;
	if (like->plan.victim != VICTIM_IDLE && !control) {
		struct drained *own = add(drain, like, 0);

		own->as_long_as = row;
		row->control = own;
	}
}

/* A control comes first, asked for or not; an idle victim has nothing to lose. */
static void add_victim(struct drain *drain, struct drained *like, enum victim victim)
{
	const struct bench_options *options = drain->options;
	const struct drained *control = NULL;
	unsigned int target, rate;

	like->plan.victim = victim;
	if (victim != VICTIM_IDLE && !options->drains)
		control = add(drain, like, 0);
	for (target = 0; target < options->target.nr; target++) {
		like->plan.target = (enum target)options->target.value[target];
		for (rate = 0; rate < options->rate.nr; rate++) {
			if (options->rate.value[rate])
				add_drained(drain, like, options->rate.value[rate], control);
		}
	}
}

/* Modes stand together: they are compared. */
static void add_victims(struct drain *drain, struct drained *like, const struct values *modes)
{
	const struct values *victims = &drain->options->victim;
	unsigned int victim, mode;

	for (victim = 0; victim < victims->nr; victim++) {
		for (mode = 0; mode < modes->nr; mode++) {
			like->plan.cell.mode = (enum mode)modes->value[mode];
			add_victim(drain, like, (enum victim)victims->value[victim]);
		}
	}
}

static void add_instance(struct drain *drain, const struct instance_plan *plan)
{
	const struct bench_options *options = drain->options;
	const struct values modes = plans_modes(options, plan->cache);
	struct instance *instance = &drain->instances[drain->nr_instances++];
	struct drained like = { .plan.cell.instance = instance };
	unsigned int batch, calls;

	instance_open(instance, plan);
	for (batch = 0; batch < options->batch.nr; batch++) {
		like.plan.cell.batch = options->batch.value[batch];
		for (calls = 0; calls < options->calls.nr; calls++) {
			like.plan.cell.calls = (enum calls)options->calls.value[calls];
			add_victims(drain, &like, &modes);
		}
	}
}

/* At most: a cache may have no modes, and an idle victim has no control. */
static unsigned int most_rows(const struct bench_options *options)
{
	unsigned int drained = options->target.nr * options->rate.nr;

	return options->cache.nr * options->check.nr * options->mode.nr * options->batch.nr *
	       options->calls.nr * options->victim.nr *
	       (options->drains ? 2 * drained : drained + 1);
}

/* The instances are those without modes, which are the rows' own. */
void drain_rows_make(struct drain *drain)
{
	struct bench_options without = *drain->options;
	unsigned int nr = most_rows(drain->options), i;
	struct plans plans;

	if (nr > MAX_ROWS)
		fail_usage("the lists make up to %u rows, and %d can be measured in turns; split "
			   "the longest list over several runs",
			   nr, MAX_ROWS);
	without.mode = values_one(MODE_BIASED);
	plans = plans_of(&without, true);
	drain->rows = need_zeroed(nr, sizeof(*drain->rows));
	drain->instances = need_zeroed(plans.nr, sizeof(*drain->instances));
	for (i = 0; i < plans.nr; i++)
		add_instance(drain, &plans.plan[i]);
}

void drain_rows_free(struct drain *drain)
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

static void take_turn(struct drained *row, unsigned int run)
{
	struct drain_result *result = &row->last;

	if (row->as_long_as)
		row->plan.ns = row->as_long_as->last.drained_ns;
	*result = drain_turn(&row->plan, &row->samples);
	row->nr_drains += result->nr_drains;
	row->nr_full += result->nr_full;
	row->nr_moved += result->nr_moved;
	row->nr_pages += result->nr_pages;
	row->drained_ns += result->drained_ns;
	row->nr_interrupts += result->nr_interrupts;
	row->counted = row->counted && result->counted;
	row->victim_cpu = result->victim_cpu;
	row->drainer_cpu = result->drainer_cpu;
	if (result->nr_pages)
		row->pair_ns[run] = (double)result->victim_ns / (double)result->nr_pages;
}

/*
 * What the victim lost is the time it took, less what as many pages took in the control of the same
 * run, which was moments before or after.
 */
static void find_loss(struct drained *row, unsigned int run)
{
	const struct drain_result *result = &row->last;

	if (row->control && result->nr_drains)
		row->lost_ns[row->nr_lost++] = ((double)result->victim_ns -
						(double)result->nr_pages *
							row->control->pair_ns[run]) /
					       (double)result->nr_drains;
}

static void summarise(struct drained *row, unsigned int runs)
{
	row->pair_median = stat_median(row->pair_ns, runs);
	row->pair_spread_pct = stat_spread_pct(row->pair_ns, runs);
	if (!row->nr_lost)
		return;
	row->lost_median = stat_median(row->lost_ns, row->nr_lost);
	row->lost_quartiles = stat_quartiles(row->lost_ns, row->nr_lost);
}

void drain_rows_measure(struct drain *drain)
{
	unsigned int runs = drain->options->runs, run, i;

	for (run = 0; run < runs; run++) {
		for (i = 0; i < drain->nr; i++) {
			progress("run %u of %u: row %u of %u", run + 1, runs, i + 1, drain->nr);
			take_turn(&drain->rows[i], run);
		}
		for (i = 0; i < drain->nr; i++)
			find_loss(&drain->rows[i], run);
	}
	for (i = 0; i < drain->nr; i++)
		summarise(&drain->rows[i], runs);
}
