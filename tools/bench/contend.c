/* SPDX-License-Identifier: MIT */
/*
 * `quire bench contend`: every CPU allocates and frees at once, then twice as many threads as there
 * are CPUs, so that some are stopped wherever they just are.
 */
#include "bench.h"
#include "lot.h"

enum { BATCH = 64 };

static int run(const struct bench_options *options)
{
	static const struct lot_bench lot = {
		.bench = &bench_contend,
		.workload = WORKLOAD_PAIRS,
		.title = "threads allocate a batch each and free it, all at once",
		.per = "page and thread",
		.with_batch = true,
	};

	return lot_run(&lot, options);
}

static void defaults(struct bench_options *options)
{
	options->calls = (struct values){ .value = { CALLS_SINGLE, CALLS_BULK }, .nr = 2 };
	options->thread_list = lot_thread_counts(2);
	options->batch = (struct values){ .value = { 1, BATCH }, .nr = 2 };
	options->runs = 9;
}

const struct bench bench_contend = {
	.name = "contend",
	.summary = "1 to 2 x CPUs threads that allocate and free at once",
	.text = "Threads, bound to the CPUs in turn, allocate a batch and free it, again and\n"
		"again and all at once. Where threads are more than CPUs, some are stopped in\n"
		"the middle of a call; whoever would wait for them shows it here. The time is a\n"
		"thread's own, waiting for a CPU included, so with two threads on each CPU it\n"
		"doubles at best, and what all do together should stay as it is. Rows are\n"
		"measured in turns, each on an instance of its own. To be read so:\n" LOT_COLUMNS,
	.examples = "  quire bench contend --cache none,locked --threads 1-4\n"
		    "  quire bench contend --batch 1,64,512 --calls bulk --json contend.json\n"
		    "  quire bench contend --allocator quire,rte_mempool --threads 2\n",
	.accepts = OPTION_ALLOCATOR | OPTION_CACHE | OPTION_CHECK | OPTION_MODE | OPTION_CALLS |
		   OPTION_FORM | OPTION_BATCH | OPTION_THREAD_LIST | OPTION_SIZE | OPTION_WORK |
		   OPTION_RUNS | OPTION_JSON,
	.defaults = defaults,
	.run = run,
};
