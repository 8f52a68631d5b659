/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <stdlib.h>
#include <string.h>

#include "../clock.h"
#include "../format.h"
#include "../memory.h"
#include "../say.h"
#include "../stat.h"
#include "loops.h"
#include "team.h"

/* Of one thread: of all its pages while they are summed, of one page once they are divided. */
struct times {
	double alloc_ns;
	double free_ns;
	double total_ns;
};

struct run {
	const struct cell *cell;
	double ticks_cost;
	struct times *times; /* one a thread, of one page */
};

uint64_t cell_repetitions(const struct cell *cell)
{
	uint64_t repetitions = cell->work / cell->batch;

	return repetitions ? repetitions : 1;
}

static void check_enough(bool enough, const struct cell *cell)
{
	if (!enough)
		fail("memory ran short with batches of %u block%s of order %u in %u thread%s; "
		     "give a larger --size",
		     cell->batch, format_plural(cell->batch), cell->order, cell->threads,
		     format_plural(cell->threads));
}

/* Ticks, less what reading the clock added to them, in nanoseconds; never below 0. */
static double section_ns(const struct run *run, const struct split *split, uint64_t section_ticks,
			 double ns_per_tick)
{
	double pure = (double)section_ticks - run->ticks_cost * (double)split->nr_sections;

	return pure > 0 ? pure * ns_per_tick : 0;
}

/* Run a loop that splits its time, and find the length of a tick while it runs. */
static struct times time_split(const struct run *run, struct seat *seat,
			       bool (*loop)(struct seat *, size_t, struct split *))
{
	struct split split = { 0 };
	uint64_t begin_ns = now_ns(), begin_ticks = ticks();
	struct times times;
	double ns_per_tick;
	bool enough;

	enough = loop(seat, cell_repetitions(run->cell), &split);
	ns_per_tick = (double)(now_ns() - begin_ns) / (double)(ticks() - begin_ticks);
	check_enough(enough, run->cell);
	times.alloc_ns = section_ns(run, &split, split.alloc_ticks, ns_per_tick);
	times.free_ns = section_ns(run, &split, split.free_ticks, ns_per_tick);
	times.total_ns = times.alloc_ns + times.free_ns;
	return times;
}

/* Without a clock inside: the total alone. */
static double time_pairs(const struct run *run, struct seat *seat)
{
	uint64_t begin_ns = now_ns();
	bool enough = loops_pairs(seat, cell_repetitions(run->cell));
	double total_ns = (double)(now_ns() - begin_ns);

	check_enough(enough, run->cell);
	return total_ns;
}

static struct times run_pairs(const struct run *run, struct team *team, struct seat *seat)
{
	struct times times;
	double total_ns, scale;

	seat_begin(seat, seat->batch);
	check_enough(loops_pairs(seat, cell_repetitions(run->cell) / 8 + 1), run->cell);
	team_meet(team);
	total_ns = time_pairs(run, seat);
	team_meet(team);
	times = time_split(run, seat, loops_split);
	if (seat->pattern == PATTERN_INORDER && times.total_ns > 0) {
		scale = total_ns / times.total_ns;
		times = (struct times){ times.alloc_ns * scale, times.free_ns * scale, total_ns };
	}
	seat_end(seat);
	return times;
}

/* A thread's part of the pool: the threads' parts differ by one page at most. */
static void part_of_pool(const struct cell *cell, unsigned int thread, size_t *first, size_t *nr)
{
	*first = cell->nr_pool * thread / cell->threads;
	*nr = cell->nr_pool * (thread + 1) / cell->threads - *first;
}

static struct times run_churn(const struct run *run, unsigned int thread, struct seat *seat)
{
	const struct cell *cell = run->cell;
	size_t bytes = sizeof(*cell->pool), first, nr;
	struct times times;

	part_of_pool(cell, thread, &first, &nr);
	seat_begin(seat, nr);
	memcpy(seat->slots.pfns, cell->pool + first, nr * bytes);
	times = time_split(run, seat, loops_churn);
	memcpy(cell->pool + first, seat->slots.pfns, nr * bytes);
	seat_end(seat);
	return times;
}

/* Blocks of a thread's share; sets *nr to how many of them there were in the end. */
static struct times run_whole(const struct run *run, struct team *team, struct seat *seat,
			      size_t *nr)
{
	struct quire_stats stats = instance_stats(run->cell->instance);
	size_t share = (size_t)(stats.managed >> seat->order) / run->cell->threads;
	struct times times;
	uint64_t begin;
	bool all_freed;

	seat_begin(seat, share);
	team_meet(team);
	begin = now_ns();
	*nr = loops_take(seat, share);
	times.alloc_ns = (double)(now_ns() - begin);
	/* A stash, and what others have in hand, may be missing at the end; no more than that. */
	check_enough(*nr >= share - share / 8 - 1 && *nr, run->cell);
	if (seat->pattern == PATTERN_RANDOM)
		loops_shuffle(seat, *nr);
	team_meet(team);
	begin = now_ns();
	all_freed = loops_give(seat, *nr) == *nr;
	times.free_ns = (double)(now_ns() - begin);
	if (!all_freed)
		fail("the library refused to take back pages that it had handed out");
	times.total_ns = times.alloc_ns + times.free_ns;
	seat_end(seat);
	return times;
}

static struct seat make_seat(const struct cell *cell, unsigned int thread)
{
	return (struct seat){
		.q = cell->instance->q,
		.region = cell->instance->region,
		.form = cell->form,
		.calls = cell->calls,
		.pattern = cell->pattern,
		.order = cell->order,
		.batch = cell->batch,
		.rng = rng_make(cell->seed, thread),
	};
}

static void run_thread(struct team *team, unsigned int thread, void *context)
{
	struct run *run = context;
	struct seat seat = make_seat(run->cell, thread);
	size_t nr_blocks = (size_t)cell_repetitions(run->cell) * run->cell->batch;
	struct times times;
	double nr_pages;

	if (run->cell->workload == WORKLOAD_PAIRS)
		times = run_pairs(run, team, &seat);
	else if (run->cell->workload == WORKLOAD_CHURN)
		times = run_churn(run, thread, &seat);
	else
		times = run_whole(run, team, &seat, &nr_blocks);
	nr_pages = (double)nr_blocks * (double)(UINT64_C(1) << run->cell->order);
	run->times[thread] = (struct times){ times.alloc_ns / nr_pages, times.free_ns / nr_pages,
					     times.total_ns / nr_pages };
}

/* Mean of the threads, of one run. */
static struct times run_once(const struct cell *cell, double cost)
{
	struct run run = { .cell = cell, .ticks_cost = cost };
	struct times sum = { 0 };
	double nr = cell->threads;
	unsigned int i;

	run.times = need_zeroed(cell->threads, sizeof(*run.times));
	team_run(cell->threads, run_thread, &run);
	for (i = 0; i < cell->threads; i++) {
		sum.alloc_ns += run.times[i].alloc_ns;
		sum.free_ns += run.times[i].free_ns;
		sum.total_ns += run.times[i].total_ns;
	}
	free(run.times);
	return (struct times){ sum.alloc_ns / nr, sum.free_ns / nr, sum.total_ns / nr };
}

/* Samples of one cell: all runs' allocations, then frees, then totals. */
static void summarise(struct cell *cell, double *samples, unsigned int runs)
{
	cell->alloc_ns = stat_median(samples, runs);
	cell->free_ns = stat_median(samples + runs, runs);
	cell->total_ns = stat_median(samples + 2 * (size_t)runs, runs);
	cell->spread_pct = stat_spread_pct(samples + 2 * (size_t)runs, runs);
}

void measure(struct cell *cells, unsigned int nr_cells, unsigned int runs)
{
	double *samples = need_zeroed((size_t)nr_cells * runs * 3, sizeof(*samples));
	double cost = ticks_cost();
	unsigned int cell, run;

	for (cell = 0; cell < nr_cells; cell++)
		run_once(&cells[cell], cost);
	for (run = 0; run < runs; run++) {
		for (cell = 0; cell < nr_cells; cell++) {
			double *of_cell = samples + (size_t)cell * runs * 3;
			struct times times = run_once(&cells[cell], cost);

			of_cell[run] = times.alloc_ns;
			of_cell[runs + run] = times.free_ns;
			of_cell[2 * (size_t)runs + run] = times.total_ns;
		}
	}
	for (cell = 0; cell < nr_cells; cell++)
		summarise(&cells[cell], samples + (size_t)cell * runs * 3, runs);
	free(samples);
}
