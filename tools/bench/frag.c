/* SPDX-License-Identifier: MIT */
/*
 * `quire bench frag`: LLFree's workload. Does a random mix of frees and allocations leave the free
 * pages scattered, or do whole pageblocks become free again? Threads allocate 90 % of the region,
 * all of it is shuffled across threads, and half is freed; then each round frees 10 % of what is
 * held, at random, and allocates as many.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../format.h"
#include "../instance.h"
#include "../machine.h"
#include "../memory.h"
#include "../report.h"
#include "../rng.h"
#include "../say.h"
#include "../table.h"
#include "bench.h"
#include "plans.h"
#include "rows.h"
#include "team.h"

enum { DEFAULT_PAGES = 1 << 20, DEFAULT_ROUNDS = 100, BATCH = 64 };

/* State after a round; round 0 is before the first. */
struct sample {
	uint32_t round;
	bool drained;
	uint64_t free_huge;
	uint64_t possible_huge;
	uint64_t free_pages;
};

/*
 * One workload. Threads own equal parts of held; between meetings thread 0 alone works on the rest.
 */
struct frag {
	const struct bench_options *options;
	const struct instance *instance;
	enum calls calls;
	uint32_t batch;
	uint32_t *held; /* nr_part slots for each thread */
	size_t nr_part; /* pages that each thread allocates at first: 90 % of its share */
	struct sample *samples;
	size_t nr_samples;
};

static void defaults(struct bench_options *options)
{
	options->nr_pages = DEFAULT_PAGES;
	options->threads = 2;
	options->rounds = DEFAULT_ROUNDS;
	options->batch = values_one(BATCH);
}

static void allocate(const struct frag *frag, uint32_t *pfns, size_t n)
{
	struct quire *q = frag->instance->q;
	size_t done = 0, want, got;

	while (done < n) {
		want = n - done < frag->batch ? n - done : frag->batch;
		if (frag->calls == CALLS_BULK) {
			got = quire_alloc_bulk_pfn(q, 0, 0, want, pfns + done);
		} else {
			pfns[done] = quire_alloc_pfn(q, 0, 0);
			got = pfns[done] != QUIRE_NO_PFN;
		}
		if (!got)
			fail("memory ran short after %zu of %zu pages of a thread, although the "
			     "workload never holds more than 90 %%",
			     done, n);
		done += got;
	}
}

static void release(const struct frag *frag, const uint32_t *pfns, size_t n)
{
	struct quire *q = frag->instance->q;
	size_t done = 0, want, freed;

	while (done < n) {
		want = n - done < frag->batch ? n - done : frag->batch;
		if (frag->calls == CALLS_BULK) {
			freed = quire_free_bulk_pfn(q, want, pfns + done);
		} else {
			want = 1;
			freed = quire_free_pfn(q, pfns[done]) == 0;
		}
		if (freed != want)
			fail("the library refused to take back pages that it had handed out");
		done += want;
	}
}

static void take_sample(struct frag *frag, uint32_t round, bool drained)
{
	struct quire_stats stats = instance_stats(frag->instance);
	struct sample *sample = &frag->samples[frag->nr_samples++];

	sample->round = round;
	sample->drained = drained;
	sample->free_huge = stats.free_pageblocks;
	sample->free_pages = stats.managed - stats.reserved - stats.held;
	sample->possible_huge = sample->free_pages / QUIRE_PAGEBLOCK_PAGES;
}

/* Allocate 90 %, shuffle over all threads, free half. Returns how many pages this thread keeps. */
static size_t prepare(struct frag *frag, struct team *team, unsigned int thread, uint32_t *held)
{
	struct rng rng = rng_make(frag->options->seed, UINT32_MAX);
	size_t nr_kept = frag->nr_part / 2;

	allocate(frag, held, frag->nr_part);
	team_meet(team);
	if (thread == 0)
		rng_shuffle(&rng, frag->held, frag->nr_part * frag->options->threads,
			    sizeof(*frag->held));
	team_meet(team);
	release(frag, held + nr_kept, frag->nr_part - nr_kept);
	return nr_kept;
}

/* Move n random pages to the end of the thread's. */
static void pick(struct rng *rng, uint32_t *held, size_t nr_held, size_t n)
{
	size_t left = nr_held, other;
	uint32_t spare;

	while (left > nr_held - n) {
		other = rng_below(rng, left--);
		spare = held[other];
		held[other] = held[left];
		held[left] = spare;
	}
}

static void run_thread(struct team *team, unsigned int thread, void *context)
{
	struct frag *frag = context;
	struct rng rng = rng_make(frag->options->seed, thread);
	uint32_t *held = frag->held + frag->nr_part * thread;
	size_t nr_held = prepare(frag, team, thread, held), nr_moved = nr_held / 10;
	uint32_t round;

	for (round = 0;; round++) {
		team_meet(team);
		if (thread == 0) {
			take_sample(frag, round, false);
			progress("round %u of %u", round, frag->options->rounds);
		}
		team_meet(team);
		if (round == frag->options->rounds)
			break;
		pick(&rng, held, nr_held, nr_moved);
		release(frag, held + nr_held - nr_moved, nr_moved);
		team_meet(team);
		allocate(frag, held + nr_held - nr_moved, nr_moved);
	}
	team_meet(team);
	if (thread == 0) {
		quire_drain(frag->instance->q, QUIRE_ALL_CPUS, 0);
		take_sample(frag, round, true);
	}
	team_meet(team);
	release(frag, held, nr_held);
}

static void json_row(json_t *row, const struct frag *frag, const struct sample *sample)
{
	const struct cell cell = { .instance = frag->instance, .calls = frag->calls };

	row_identity(row, &cell);
	report_count(row, "batch", frag->calls == CALLS_BULK ? frag->batch : 1);
	report_count(row, "threads", frag->options->threads);
	report_count(row, "round", sample->round);
	report_count(row, "free_huge", sample->free_huge);
	report_count(row, "possible_huge", sample->possible_huge);
	report_flag(row, "drained", sample->drained);
}

/* Rounds that the table shows: 0, 1, 2, 5, 10, 20, 50, ... and the last. */
static bool is_shown(uint32_t round, uint32_t last)
{
	uint32_t digit = round;

	while (digit >= 10 && digit % 10 == 0)
		digit /= 10;
	return digit == 0 || digit == 1 || digit == 2 || digit == 5 || round == last;
}

static void columns(struct table *table)
{
	table_init(table);
	table_column(table, "cache", "", COLUMN_WORD);
	table_column(table, "check", "", COLUMN_WORD);
	table_column(table, "calls", "", COLUMN_WORD);
	table_column(table, "round", "", COLUMN_NUMBER);
	table_column(table, "drained", "", COLUMN_WORD);
	table_column(table, "free", "pages", COLUMN_NUMBER);
	table_column(table, "possible", "blocks", COLUMN_NUMBER);
	table_column(table, "wholly free", "blocks", COLUMN_NUMBER);
	table_column(table, "of possible", "%", COLUMN_NUMBER);
}

static void table_row(struct table *table, const struct frag *frag, const struct sample *sample)
{
	double possible = (double)sample->possible_huge;

	if (!is_shown(sample->round, frag->options->rounds))
		return;
	table_cell(table, "%s", quire_cache_name(frag->instance->info.cache));
	table_cell(table, "%s", quire_check_name(frag->instance->info.check));
	table_cell(table, "%s", bench_calls_name(frag->calls));
	table_cell(table, "%u", sample->round);
	table_cell(table, "%s", sample->drained ? "yes" : "no");
	table_count(table, sample->free_pages);
	table_count(table, sample->possible_huge);
	table_count(table, sample->free_huge);
	table_cell(table, "%.1f", possible > 0 ? 100 * (double)sample->free_huge / possible : 100);
}

/* One workload on an instance of its own. */
static void run_one(const struct bench_options *options, const struct instance_plan *plan,
		    enum calls calls, json_t *report, struct table *table)
{
	struct instance instance;
	struct frag frag = { .options = options, .instance = &instance, .calls = calls };
	size_t i;

	frag.batch = options->batch.value[0];
	frag.nr_part = (size_t)(options->nr_pages * 9 / 10 / options->threads);
	frag.held = need_zeroed(frag.nr_part * options->threads, sizeof(*frag.held));
	frag.samples = need_zeroed((size_t)options->rounds + 2, sizeof(*frag.samples));
	instance_open(&instance, plan);
	team_run(options->threads, run_thread, &frag);
	for (i = 0; i < frag.nr_samples; i++) {
		json_row(report_row(report), &frag, &frag.samples[i]);
		table_row(table, &frag, &frag.samples[i]);
	}
	instance_close(&instance);
	free(frag.samples);
	free(frag.held);
}

/* Batches that run: single calls have none but 1, whatever was asked for. */
static struct values batches_of(const struct bench_options *options)
{
	struct values batches = { .nr = 0 };
	unsigned int i;

	for (i = 0; i < options->calls.nr; i++) {
		uint32_t batch = options->calls.value[i] == CALLS_BULK ? options->batch.value[0]
								       : 1;

		if (!batches.nr || batches.value[0] != batch)
			batches.value[batches.nr++] = batch;
	}
	return batches;
}

static void check_options(const struct bench_options *options)
{
	if (options->batch.nr > 1)
		fail_usage("--batch: %u values given, this bench takes one", options->batch.nr);
	if (options->nr_pages < (uint64_t)options->threads * QUIRE_PAGEBLOCK_PAGES)
		fail_usage(
			"--threads %u: the region has %llu pages, that is less than 512 for each "
			"thread; give fewer threads or a larger --size",
			options->threads, (unsigned long long)options->nr_pages);
}

static void print(const struct bench_options *options, const struct table *table)
{
	char size[FORMAT_MAX];

	printf("frag: blocks of 2 MiB that are wholly free after rounds of random frees and "
	       "allocations\n"
	       "region of %s (page numbers, no memory), %u thread%s; 45 %% held, 10 %% of that "
	       "moved a round\n\n",
	       format_bytes(size, options->nr_pages << 12), options->threads,
	       options->threads == 1 ? "" : "s");
	table_print(table, stdout, 0);
}

static int run(const struct bench_options *options)
{
	struct bench_options shown = *options;
	const struct plans plans = plans_of(options, false);
	struct table table;
	struct machine machine;
	json_t *report;
	unsigned int i, calls;

	check_options(options);
	report_open(options->json);
	shown.batch = batches_of(options);
	machine_look(&machine);
	report = report_new(bench_frag.name, &machine);
	row_options(report_options(report), &bench_frag, &shown);
	columns(&table);
	for (i = 0; i < plans.nr; i++) {
		for (calls = 0; calls < options->calls.nr; calls++)
			run_one(options, &plans.plan[i], (enum calls)options->calls.value[calls],
				report, &table);
	}
	progress_end();
	if (row_table_wanted(options))
		print(options, &table);
	row_finish(report, options);
	table_free(&table);
	return EXIT_DONE;
}

const struct bench bench_frag = {
	.name = "frag",
	.summary = "wholly free 2 MiB blocks after random frees and allocations",
	.text = "Threads allocate 90 % of the region in single pages, all of it is shuffled\n"
		"across threads, and half is freed. Then each round frees 10 % of what is held,\n"
		"at random, and allocates as many. After each round the wholly free 2 MiB blocks\n"
		"are counted and set against the free pages divided by 512; at the end once more\n"
		"after a drain of all CPUs. The region is page numbers only: no memory is\n"
		"mapped. JSON has every round.",
	.examples = "  quire bench frag --cache locked --threads 2 --size 4G\n"
		    "  quire bench frag --cache none,locked --calls bulk --json frag.json\n",
	.accepts = OPTION_CACHE | OPTION_CHECK | OPTION_CALLS | OPTION_BATCH | OPTION_THREADS |
		   OPTION_SIZE | OPTION_ROUNDS | OPTION_SEED | OPTION_JSON,
	.defaults = defaults,
	.run = run,
};
