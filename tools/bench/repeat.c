/* SPDX-License-Identifier: MIT */
/*
 * `quire bench repeat`: one page, allocated and freed again and again: the shortest way through an
 * allocator, and the one where a shared line or lock shows first.
 */
#include "bench.h"
#include "lot.h"

static int run(const struct bench_options *options)
{
	static const struct lot_bench lot = {
		.bench = &bench_repeat,
		.workload = WORKLOAD_PAIRS,
		.title = "allocate a page, free it, repeat",
		.per = "page and thread",
	};

	return lot_run(&lot, options);
}

static void defaults(struct bench_options *options)
{
	options->calls = (struct values){ .value = { CALLS_SINGLE, CALLS_BULK }, .nr = 2 };
	options->thread_list = lot_thread_counts(1);
	options->batch = values_one(1);
	options->runs = 9;
}

const struct bench bench_repeat = {
	.name = "repeat",
	.summary = "allocate one page and free it, by each of 1 to all CPUs",
	.text = "Each thread, bound to a CPU of its own while there are enough, allocates one\n"
		"page and frees it, again and again; bulk calls do it with n = 1. With a cache\n"
		"that works, a thread's time does not depend on how many others there are, and\n"
		"the zone's lock is taken next to never. Rows are measured in turns, each on an\n"
		"instance of its own. To be read so:\n" LOT_COLUMNS,
	.examples = "  quire bench repeat --cache none,locked\n"
		    "  quire bench repeat --check on,off --threads 1,2 --json repeat.json\n"
		    "  quire bench repeat --allocator quire,rte_mempool --form page\n",
	.accepts = OPTION_ALLOCATOR | OPTION_CACHE | OPTION_CHECK | OPTION_MODE | OPTION_CALLS |
		   OPTION_FORM | OPTION_THREAD_LIST | OPTION_SIZE | OPTION_WORK | OPTION_RUNS |
		   OPTION_JSON,
	.defaults = defaults,
	.run = run,
};
