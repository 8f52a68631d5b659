/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <stdlib.h>

#include "../clock.h"
#include "../memory.h"
#include "../say.h"
#include "../stat.h"
#include "peer.h"
#include "run.h"

/* Blocks of a probe, and of a section at most. */
enum { PROBE_WORK = 1 << 12, MAX_PROBES = 6, MAX_WORK = 1 << 30 };

static struct times run_once(const struct cell *cell, double cost)
{
	return cell->peer ? peer_run(cell->peer, cell) : cell_run(cell, cost);
}

/*
 * Work for a section of so many nanoseconds, from ever longer probes: a short one finds nothing in
 * the processor's caches and says too little. What disturbs a probe makes it longer.
 */
static uint64_t work_for(const struct cell *like, double section_ns, double cost)
{
	struct cell cell = *like;
	double work = PROBE_WORK, block_ns;
	int tries;

	for (tries = 0; tries < MAX_PROBES; tries++) {
		cell.work = (uint64_t)work;
		block_ns = run_once(&cell, cost).total_ns * (double)(UINT64_C(1) << cell.order);
		if (block_ns * work >= section_ns / 8)
			break;
		work *= 8;
	}
	work = section_ns / (block_ns + 1e-6);
	if (work > MAX_WORK)
		return MAX_WORK;
	return work < PROBE_WORK ? PROBE_WORK : (uint64_t)work;
}

void measure_choose_work(struct cell *cells, unsigned int nr_cells, unsigned int milliseconds)
{
	double cost = ticks_cost();
	unsigned int i;

	for (i = 0; i < nr_cells; i++) {
		if (cells[i].work)
			continue;
		progress("how much work: row %u of %u", i + 1, nr_cells);
		cells[i].work = work_for(&cells[i], milliseconds * 1e6, cost);
	}
}

/* Samples of one cell: all runs' allocations, then frees, totals, and throughputs. */
enum { NR_SAMPLES = 4 };

static void summarise(struct cell *cell, double *samples, unsigned int runs)
{
	cell->alloc_ns = stat_median(samples, runs);
	cell->free_ns = stat_median(samples + runs, runs);
	cell->total_ns = stat_median(samples + 2 * (size_t)runs, runs);
	cell->spread_pct = stat_spread_pct(samples + 2 * (size_t)runs, runs);
	cell->mpages_per_s = stat_median(samples + 3 * (size_t)runs, runs);
}

/* A cell in the order of measuring, and its samples. */
struct place {
	struct cell *cell;
	double *samples;
};

static int differ(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Cells with the same work stand together, whoever does it: those are compared. */
static int compare_places(const void *left, const void *right)
{
	const struct cell *a = ((const struct place *)left)->cell;
	const struct cell *b = ((const struct place *)right)->cell;
	int order = differ(a->threads, b->threads);

	if (!order)
		order = differ(a->pattern, b->pattern);
	if (!order)
		order = differ(a->order, b->order);
	if (!order)
		order = differ(a->batch, b->batch);
	if (!order)
		order = differ(a->calls, b->calls);
	return order ? order : differ((uintptr_t)a, (uintptr_t)b);
}

static void turn(struct place *place, unsigned int run, unsigned int runs, double cost)
{
	struct times times = run_once(place->cell, cost);

	place->samples[run] = times.alloc_ns;
	place->samples[runs + run] = times.free_ns;
	place->samples[2 * (size_t)runs + run] = times.total_ns;
	place->samples[3 * (size_t)runs + run] = times.mpages_per_s;
	if (run == 0 || times.nr_got < place->cell->nr_got)
		place->cell->nr_got = times.nr_got;
}

/* All turns: what the first says, which warms up, is overwritten by the second. */
static void turns(struct place *places, unsigned int nr_cells, unsigned int runs, bool shown)
{
	double cost = ticks_cost();
	unsigned int i, nr;

	for (nr = 0; nr <= runs; nr++) {
		if (shown)
			progress("turn %u of %u: %u row%s", nr + 1, runs + 1, nr_cells,
				 nr_cells == 1 ? "" : "s");
		for (i = 0; i < nr_cells; i++)
			turn(&places[i], nr ? nr - 1 : 0, runs, cost);
	}
}

static void measure_in_turns(struct cell *cells, unsigned int nr_cells, unsigned int runs,
			     bool shown)
{
	double *samples = need_zeroed((size_t)nr_cells * runs * NR_SAMPLES, sizeof(*samples));
	struct place *places = need_zeroed(nr_cells, sizeof(*places));
	unsigned int i;

	for (i = 0; i < nr_cells; i++)
		places[i] = (struct place){ &cells[i], samples + (size_t)i * runs * NR_SAMPLES };
	qsort(places, nr_cells, sizeof(*places), compare_places);
	turns(places, nr_cells, runs, shown);
	for (i = 0; i < nr_cells; i++)
		summarise(places[i].cell, places[i].samples, runs);
	free(places);
	free(samples);
}

void measure(struct cell *cells, unsigned int nr_cells, unsigned int runs)
{
	measure_in_turns(cells, nr_cells, runs, false);
}

void measure_shown(struct cell *cells, unsigned int nr_cells, unsigned int runs)
{
	measure_in_turns(cells, nr_cells, runs, true);
}
