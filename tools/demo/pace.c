/* SPDX-License-Identifier: MIT */
/* The table of `quire bench pagealloc`, cut down to what fits beside the rest. */
#include <stdio.h>

#include "../bench/measure.h"
#include "../say.h"
#include "../table.h"
#include "demo.h"

enum { RUNS = 7, WORK = 1 << 15, NR_BATCHES = 3, NR_CALLS = 2, NR_CACHES = 2 };

static const uint32_t batches[NR_BATCHES] = { 1, 64, 512 };

static void ignore(void *context, const struct quire_report *report)
{
	(void)context;
	(void)report;
}

/* The cache that a program gets here, and the one that has no lists, to compare. */
static void choose_caches(uint32_t caches[NR_CACHES])
{
	struct quire_config config;
	size_t bytes;

	quire_config_init(&config);
	config.max_pages = QUIRE_PAGEBLOCK_PAGES;
	config.require = QUIRE_CACHE_PCP;
	config.report = ignore;
	caches[0] = quire_metadata_size(&config, &bytes) == 0 ? QUIRE_CACHE_PCP
							      : QUIRE_CACHE_LOCKED;
	caches[1] = QUIRE_CACHE_NONE;
}

/* All cells of one cache: batches, and for each of them single calls, then bulk. */
static void run_cache(const struct demo *demo, uint32_t cache, struct cell *cells)
{
	const struct instance_plan plan = {
		.cache = cache,
		.nr_pages = demo->memory.bytes / DEMO_PAGE_BYTES,
		.addresses = true,
	};
	struct instance instance;
	unsigned int batch, calls;

	instance_open(&instance, &plan);
	for (batch = 0; batch < NR_BATCHES; batch++) {
		for (calls = 0; calls < NR_CALLS; calls++)
			cells[batch * NR_CALLS + calls] = (struct cell){
				.instance = &instance,
				.workload = WORKLOAD_PAIRS,
				.form = FORM_PAGE,
				.calls = (enum calls)calls,
				.batch = batches[batch],
				.threads = 1,
				.work = WORK,
				.seed = demo->seed,
			};
		progress("cache %s, batch %u", quire_cache_name(cache), batches[batch]);
		measure(cells + batch * NR_CALLS, NR_CALLS, RUNS);
	}
	progress_end();
	instance_close(&instance);
}

static void columns(struct table *table, const uint32_t caches[NR_CACHES])
{
	unsigned int cache;

	table_init(table);
	table_column(table, "calls", "", COLUMN_WORD);
	table_column(table, "batch", "pages", COLUMN_NUMBER);
	for (cache = 0; cache < NR_CACHES; cache++) {
		table_column(table, quire_cache_name(caches[cache]), "alloc", COLUMN_NUMBER);
		table_column(table, "", "free", COLUMN_NUMBER);
		table_column(table, "", "total", COLUMN_NUMBER);
	}
}

static void table_row(struct table *table, struct cell cells[NR_CACHES][NR_BATCHES * NR_CALLS],
		      unsigned int calls, unsigned int batch)
{
	unsigned int cache;

	table_cell(table, "%s", bench_calls_name(calls));
	table_cell(table, "%u", batches[batch]);
	for (cache = 0; cache < NR_CACHES; cache++) {
		const struct cell *cell = &cells[cache][batch * NR_CALLS + calls];

		table_cell(table, "%.2f", cell->alloc_ns);
		table_cell(table, "%.2f", cell->free_ns);
		table_cell(table, "%.2f", cell->total_ns);
	}
}

bool demo_pace(const struct demo *demo)
{
	struct cell cells[NR_CACHES][NR_BATCHES * NR_CALLS];
	struct table table;
	uint32_t caches[NR_CACHES];
	unsigned int cache, calls, batch;
	bool held = true;

	choose_caches(caches);
	printf("\n2. Nanoseconds a page, one thread, with the cache '%s' and with '%s'\n",
	       quire_cache_name(caches[0]), quire_cache_name(caches[1]));
	for (cache = 0; cache < NR_CACHES; cache++)
		run_cache(demo, caches[cache], cells[cache]);
	columns(&table, caches);
	for (calls = 0; calls < NR_CALLS; calls++) {
		for (batch = 0; batch < NR_BATCHES; batch++)
			table_row(&table, cells, calls, batch);
	}
	for (cache = 0; cache < NR_CACHES; cache++) {
		for (batch = 0; batch < NR_BATCHES * NR_CALLS; batch++)
			held = held && cells[cache][batch].total_ns > 0;
	}
	table_print(&table, stdout, 3);
	table_free(&table);
	return held;
}
