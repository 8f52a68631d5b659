/* SPDX-License-Identifier: MIT */
/*
 * `quire bench cross`: one CPU only allocates, another only frees, as in a forwarder whose receiver
 * and sender are two threads. Batches pass from one to the other through a ring without locks.
 */
#include "bench.h"
#include "lot.h"

enum { BATCH = 64 };

static int run(const struct bench_options *options)
{
	static const struct lot_bench lot = {
		.bench = &bench_cross,
		.workload = WORKLOAD_CROSS,
		.title = "one CPU allocates batches, another frees them",
		.per = "page and pair of threads",
		.with_batch = true,
	};

	return lot_run(&lot, options);
}

static void defaults(struct bench_options *options)
{
	options->calls = (struct values){ .value = { CALLS_SINGLE, CALLS_BULK }, .nr = 2 };
	options->batch = values_one(BATCH);
	options->runs = 9;
}

const struct bench bench_cross = {
	.name = "cross",
	.summary = "one CPU allocates, another frees, batches pass through a ring",
	.text = "Threads work in pairs: one on an even CPU allocates batches, one on the odd CPU\n"
		"after it frees them; a bounded ring without locks carries them across, as\n"
		"pointers, pfns or offsets (--form). The total is wall time per page of the\n"
		"whole pipeline, so of the slower side and of moving the batches; alloc and free\n"
		"are the times inside the calls of each side, which run at once and need not add\n"
		"up to it. Pages here do not come back by the CPU that took them: every batch\n"
		"passes from one cache to the other, by the depot or by the zone and its lock. On\n"
		"a single CPU both take turns, and the figures mean little. To be read so:\n" LOT_COLUMNS,
	.examples = "  quire bench cross --cache none,locked --check on,off\n"
		    "  quire bench cross --batch 1,8,64,512 --form page,pfn --json cross.json\n"
		    "  quire bench cross --allocator quire,rte_mempool --calls bulk\n",
	.accepts = OPTION_ALLOCATOR | OPTION_CACHE | OPTION_CHECK | OPTION_MODE | OPTION_CALLS |
		   OPTION_FORM | OPTION_BATCH | OPTION_PAIRS | OPTION_SIZE | OPTION_WORK |
		   OPTION_RUNS | OPTION_JSON,
	.defaults = defaults,
	.run = run,
};
