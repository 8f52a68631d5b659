/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "../clock.h"
#include "../format.h"
#include "../memory.h"
#include "../say.h"
#include "loops.h"
#include "measure.h"
#include "team.h"

/* Batches in a ring: small ones are many, so that a wake-up of one side does not stop the other. */
enum { RING_SLOTS = 4096, RING_PLACES_MIN = 4, RING_PLACES_MAX = 256 };

/* What a pair of threads of WORKLOAD_CROSS shares: a ring for each of its three passes. */
struct lane {
	struct ring warm, whole, split;
	struct seat slots; /* whose slots are the rings' places, one ring after the other */
};

/* When a thread began its part of the section that the total is of, and ended it. */
struct span {
	uint64_t begin_ns;
	uint64_t end_ns;
};

struct run {
	const struct cell *cell;
	double ticks_cost;
	struct times *times; /* one a thread: of all its pages, then of one page */
	struct span *spans; /* one a thread; zero where there is work between the calls */
	struct lane *lanes; /* one a pair of threads */
};

uint64_t cell_repetitions(const struct cell *cell)
{
	uint64_t repetitions = cell->work / cell->batch;

	return repetitions ? repetitions : 1;
}

static uint64_t warm_repetitions(const struct cell *cell)
{
	return cell_repetitions(cell) / 8 + 1;
}

static uint64_t nr_places(const struct cell *cell)
{
	uint64_t places = RING_PLACES_MAX;

	while (places > RING_PLACES_MIN && places * cell->batch > RING_SLOTS)
		places /= 2;
	return places;
}

/* Threads that allocate. */
static uint64_t nr_takers(const struct cell *cell)
{
	return cell->workload == WORKLOAD_CROSS ? cell->threads / 2 : cell->threads;
}

uint64_t cell_pages_moved(const struct cell *cell)
{
	uint64_t batches = warm_repetitions(cell) + 2 * cell_repetitions(cell);

	return nr_takers(cell) * (batches * cell->batch << cell->order);
}

/* Beside what is in a ring, each of its two threads may have a batch in hand. */
uint64_t cell_pages_out(const struct cell *cell)
{
	uint64_t batches = cell->workload == WORKLOAD_CROSS ? nr_places(cell) + 2 : 1;

	return nr_takers(cell) * (batches * cell->batch << cell->order);
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

/* A stretch on both clocks, to find the length of a tick. */
struct stretch {
	uint64_t begin_ns;
	uint64_t begin_ticks;
};

static struct stretch stretch_begin(void)
{
	return (struct stretch){ now_ns(), ticks() };
}

static double stretch_ns_per_tick(const struct stretch *stretch)
{
	return (double)(now_ns() - stretch->begin_ns) / (double)(ticks() - stretch->begin_ticks);
}

static struct times split_times(const struct run *run, const struct split *split,
				const struct stretch *stretch)
{
	double ns_per_tick = stretch_ns_per_tick(stretch);
	struct times times = {
		.alloc_ns = section_ns(run, split, split->alloc_ticks, ns_per_tick),
		.free_ns = section_ns(run, split, split->free_ticks, ns_per_tick),
	};

	times.total_ns = times.alloc_ns + times.free_ns;
	return times;
}

/* Run a loop that splits its time. */
static struct times time_split(const struct run *run, struct seat *seat,
			       bool (*loop)(struct seat *, size_t, struct split *))
{
	struct stretch stretch = stretch_begin();
	struct split split = { 0 };
	bool enough = loop(seat, cell_repetitions(run->cell), &split);
	struct times times = split_times(run, &split, &stretch);

	check_enough(enough, run->cell);
	return times;
}

static double span_ns(const struct span *span)
{
	return (double)(span->end_ns - span->begin_ns);
}

/* Without a clock inside: the total alone. */
static struct span time_pairs(const struct run *run, struct seat *seat)
{
	struct span span = { .begin_ns = now_ns() };
	bool enough = loops_pairs(seat, cell_repetitions(run->cell));

	span.end_ns = now_ns();
	check_enough(enough, run->cell);
	return span;
}

static struct times run_pairs(const struct run *run, struct team *team, unsigned int thread,
			      struct seat *seat)
{
	struct times times;
	struct span span;
	double scale;

	seat_begin(seat, seat->batch);
	check_enough(loops_pairs(seat, warm_repetitions(run->cell)), run->cell);
	team_meet(team);
	span = time_pairs(run, seat);
	team_meet(team);
	times = time_split(run, seat, loops_split);
	if (seat->pattern == PATTERN_INORDER)
		run->spans[thread] = span;
	if (seat->pattern == PATTERN_INORDER && times.total_ns > 0) {
		scale = span_ns(&span) / times.total_ns;
		times.alloc_ns *= scale;
		times.free_ns *= scale;
		times.total_ns = span_ns(&span);
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
	size_t bytes = seat_slot_bytes(seat), first, nr;
	struct times times;
	char *pool;

	part_of_pool(cell, thread, &first, &nr);
	pool = cell->form == FORM_PFN ? (char *)cell->pool : (char *)cell->page_pool;
	pool += first * bytes;
	seat_begin(seat, nr);
	memcpy(seat->slots.any, pool, nr * bytes);
	times = time_split(run, seat, loops_churn);
	memcpy(pool, seat->slots.any, nr * bytes);
	seat_end(seat);
	return times;
}

static void give_back(struct seat *seat, size_t nr)
{
	if (loops_give(seat, nr) != nr)
		fail("the allocator refused to take back pages that it had handed out");
}

/* Blocks of a thread's share; sets *nr to how many of them there were in the end. */
static struct times run_whole(const struct run *run, struct team *team, struct seat *seat,
			      size_t *nr)
{
	size_t share = (size_t)(seat_nr_managed(run->cell) >> seat->order) / run->cell->threads;
	struct times times = { 0 };
	uint64_t begin;

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
	give_back(seat, *nr);
	times.free_ns = (double)(now_ns() - begin);
	times.total_ns = times.alloc_ns + times.free_ns;
	seat_end(seat);
	return times;
}

/* ---- One thread allocates, the other frees -------------------------------------------------- */

static void lane_begin(struct lane *lane, const struct cell *cell)
{
	ring_init(&lane->warm, nr_places(cell));
	ring_init(&lane->whole, nr_places(cell));
	ring_init(&lane->split, nr_places(cell));
	lane->slots = seat_make(cell, 0);
	seat_begin(&lane->slots, (size_t)nr_places(cell) * cell->batch);
}

static void pass(const struct run *run, struct seat *seat, struct ring *ring, uint64_t repetitions,
		 struct split *split, bool producer)
{
	bool enough = producer ? loops_produce(seat, ring, repetitions, split)
			       : loops_consume(seat, ring, repetitions, split);

	check_enough(enough, run->cell);
}

/*
 * The pair is one thread to the mean: the consumer has the total, since it ends when all is freed,
 * and each side has its calls; twice, as the mean is over both.
 */
static struct times run_cross(const struct run *run, struct team *team, unsigned int thread,
			      struct seat *seat)
{
	struct lane *lane = &run->lanes[thread / 2];
	uint64_t repetitions = cell_repetitions(run->cell);
	struct span *span = &run->spans[thread];
	bool producer = thread % 2 == 0;
	struct split split = { 0 };
	struct stretch stretch;
	struct times times;

	seat->slots = lane->slots.slots;
	pass(run, seat, &lane->warm, warm_repetitions(run->cell), NULL, producer);
	team_meet(team);
	span->begin_ns = now_ns();
	pass(run, seat, &lane->whole, repetitions, NULL, producer);
	span->end_ns = now_ns();
	team_meet(team);
	stretch = stretch_begin();
	pass(run, seat, &lane->split, repetitions, &split, producer);
	times = split_times(run, &split, &stretch);
	return (struct times){
		.alloc_ns = producer ? 2 * times.alloc_ns : 0,
		.free_ns = producer ? 0 : 2 * times.free_ns,
		.total_ns = producer ? 0 : 2 * span_ns(span),
	};
}

/* ---- What one thread reaches of what others have freed -------------------------------------- */

/* All there is, batch by batch, and one by one when a whole batch is not to be had. */
static size_t take_all_there_is(struct seat *seat, size_t nr)
{
	struct seat rest = *seat;
	size_t got = loops_take(seat, nr);

	rest.calls = CALLS_SINGLE;
	rest.slots.any = (char *)seat->slots.any + got * seat_slot_bytes(seat);
	return got + loops_take(&rest, nr - got);
}

/*
 * The threads but the last take all there is, in equal shares, and free it, which leaves in their
 * caches what the allocator keeps there; they stay until the last has asked for everything.
 */
static struct times run_reach(const struct run *run, struct team *team, unsigned int thread,
			      struct seat *seat)
{
	const struct cell *cell = run->cell;
	size_t nr_managed = (size_t)seat_nr_managed(cell), nr = nr_managed / (cell->threads - 1);
	bool last = thread + 1 == cell->threads;
	struct times times = { 0 };
	uint64_t begin_ns;

	seat_begin(seat, last ? nr_managed : nr);
	if (!last)
		give_back(seat, loops_take(seat, nr));
	team_meet(team);
	if (last) {
		if (cell->look)
			cell->look(cell->look_context);
		begin_ns = now_ns();
		times.nr_got = take_all_there_is(seat, nr_managed);
		times.alloc_ns = (double)(now_ns() - begin_ns);
		begin_ns = now_ns();
		give_back(seat, (size_t)times.nr_got);
		times.free_ns = (double)(now_ns() - begin_ns);
		times.total_ns = times.alloc_ns + times.free_ns;
	}
	team_meet(team);
	seat_end(seat);
	return times;
}

/* ---- All of them ---------------------------------------------------------------------------- */

/* Times of a workload, and how many blocks they are of. */
static struct times run_workload(const struct run *run, struct team *team, unsigned int thread,
				 struct seat *seat, size_t *nr_blocks)
{
	struct times times;

	*nr_blocks = (size_t)cell_repetitions(run->cell) * run->cell->batch;
	switch (run->cell->workload) {
	case WORKLOAD_WHOLE:
		return run_whole(run, team, seat, nr_blocks);
	case WORKLOAD_CHURN:
		return run_churn(run, thread, seat);
	case WORKLOAD_CROSS:
		return run_cross(run, team, thread, seat);
	case WORKLOAD_REACH:
		times = run_reach(run, team, thread, seat);
		/* The mean is over all threads, and one of them has the time. */
		*nr_blocks = (size_t)(times.nr_got / run->cell->threads);
		*nr_blocks += !*nr_blocks;
		return times;
	default:
		return run_pairs(run, team, thread, seat);
	}
}

static void run_thread(struct team *team, unsigned int thread, void *context)
{
	struct run *run = context;
	struct times times;
	struct seat seat;
	size_t nr_blocks;
	double nr_pages;

	loops_thread_begin();
	seat = seat_make(run->cell, thread);
	times = run_workload(run, team, thread, &seat, &nr_blocks);
	nr_pages = (double)nr_blocks * (double)(UINT64_C(1) << run->cell->order);
	run->times[thread] = (struct times){
		.alloc_ns = times.alloc_ns / nr_pages,
		.free_ns = times.free_ns / nr_pages,
		.total_ns = times.total_ns / nr_pages,
		.nr_got = times.nr_got,
	};
	loops_thread_end();
}

static void lanes_begin(struct run *run)
{
	unsigned int i, nr = run->cell->threads / 2;

	run->lanes = aligned_alloc(RING_LINES, nr * sizeof(*run->lanes));
	if (!run->lanes)
		fail("no memory for %u rings; give fewer --threads", nr);
	for (i = 0; i < nr; i++)
		lane_begin(&run->lanes[i], run->cell);
}

static void lanes_end(struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->cell->threads / 2; i++)
		seat_end(&run->lanes[i].slots);
	free(run->lanes);
}

/* Pages of all threads by the time from the first start to the last end. */
static double throughput(const struct run *run)
{
	const struct cell *cell = run->cell;
	uint64_t nr_pages = nr_takers(cell) * cell_repetitions(cell) * cell->batch << cell->order;
	struct span whole = run->spans[0];
	unsigned int i;

	for (i = 1; i < cell->threads; i++) {
		if (run->spans[i].begin_ns < whole.begin_ns)
			whole.begin_ns = run->spans[i].begin_ns;
		if (run->spans[i].end_ns > whole.end_ns)
			whole.end_ns = run->spans[i].end_ns;
	}
	return whole.end_ns > whole.begin_ns ? 1000 * (double)nr_pages / span_ns(&whole) : 0;
}

/* Mean of the threads, of one run. */
struct times cell_run(const struct cell *cell, double ticks_cost)
{
	struct run run = { .cell = cell, .ticks_cost = ticks_cost };
	struct times sum = { 0 };
	double nr = cell->threads;
	unsigned int i;

	run.times = need_zeroed(cell->threads, sizeof(*run.times));
	run.spans = need_zeroed(cell->threads, sizeof(*run.spans));
	if (cell->workload == WORKLOAD_CROSS)
		lanes_begin(&run);
	team_run(cell->threads, run_thread, &run);
	if (cell->workload == WORKLOAD_CROSS)
		lanes_end(&run);
	for (i = 0; i < cell->threads; i++) {
		sum.alloc_ns += run.times[i].alloc_ns / nr;
		sum.free_ns += run.times[i].free_ns / nr;
		sum.total_ns += run.times[i].total_ns / nr;
		sum.nr_got += run.times[i].nr_got;
	}
	sum.mpages_per_s = throughput(&run);
	free(run.spans);
	free(run.times);
	return sum;
}
