/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include "stepper.h"

#include <quire/quire.h>

#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
	NR_PAGES = 16384,
	MOST = 64,
	WARM = 4, /* rounds before the one that is counted */
	COUNTED = 2,
};

struct user {
	struct quire *q;
	struct quire_region region;
	struct counts *counts;
	bool counted;
	size_t done; /* what the last call returned: pages, or whether it succeeded */
	void *page;
	uint32_t pfn;
	uint64_t offset;
	alignas(64) void *pages[MOST];
	alignas(64) uint32_t pfns[MOST];
	alignas(64) uint64_t offsets[MOST];
};

/* Stop with the call as the next thing that happens. */
static void stop_before(struct user *u, uintptr_t entry)
{
	if (!u->counted)
		return;
	u->counts->entry = entry;
	stepper_trap();
}

#define CALL(name, function, result)                 \
	static void name(struct user *u, uint32_t n) \
	{                                            \
		(void)n;                             \
		stop_before(u, (uintptr_t)function); \
		u->done = (result);                  \
	}

CALL(alloc, quire_alloc, (u->page = quire_alloc(u->q, 0, 0)) != NULL)
CALL(give, quire_free, quire_free(u->q, u->page) == 0)
CALL(alloc_pfn, quire_alloc_pfn, (u->pfn = quire_alloc_pfn(u->q, 0, 0)) != QUIRE_NO_PFN)
CALL(free_pfn, quire_free_pfn, quire_free_pfn(u->q, u->pfn) == 0)
CALL(alloc_offset, quire_alloc_offset,
     (u->offset = quire_alloc_offset(u->q, u->region, 0, 0)) != QUIRE_NO_OFFSET)
CALL(free_offset, quire_free_offset, quire_free_offset(u->q, u->region, u->offset) == 0)
CALL(alloc_bulk, quire_alloc_bulk, quire_alloc_bulk(u->q, 0, 0, n, u->pages))
CALL(free_bulk, quire_free_bulk, quire_free_bulk(u->q, n, u->pages))
CALL(alloc_bulk_pfn, quire_alloc_bulk_pfn, quire_alloc_bulk_pfn(u->q, 0, 0, n, u->pfns))
CALL(free_bulk_pfn, quire_free_bulk_pfn, quire_free_bulk_pfn(u->q, n, u->pfns))
CALL(alloc_bulk_offset, quire_alloc_bulk_offset,
     quire_alloc_bulk_offset(u->q, u->region, 0, 0, n, u->offsets))
CALL(free_bulk_offset, quire_free_bulk_offset,
     quire_free_bulk_offset(u->q, u->region, n, u->offsets))

const struct call calls[CALLS] = {
	{ "quire_alloc", alloc, 1 },
	{ "quire_free", give, 1 },
	{ "quire_alloc_pfn", alloc_pfn, 1 },
	{ "quire_free_pfn", free_pfn, 1 },
	{ "quire_alloc_offset", alloc_offset, 1 },
	{ "quire_free_offset", free_offset, 1 },
	{ "quire_alloc_bulk(1)", alloc_bulk, 1 },
	{ "quire_free_bulk(1)", free_bulk, 1 },
	{ "quire_alloc_bulk(8)", alloc_bulk, 8 },
	{ "quire_free_bulk(8)", free_bulk, 8 },
	{ "quire_alloc_bulk(64)", alloc_bulk, 64 },
	{ "quire_free_bulk(64)", free_bulk, 64 },
	{ "quire_alloc_bulk_pfn(1)", alloc_bulk_pfn, 1 },
	{ "quire_free_bulk_pfn(1)", free_bulk_pfn, 1 },
	{ "quire_alloc_bulk_pfn(8)", alloc_bulk_pfn, 8 },
	{ "quire_free_bulk_pfn(8)", free_bulk_pfn, 8 },
	{ "quire_alloc_bulk_pfn(64)", alloc_bulk_pfn, 64 },
	{ "quire_free_bulk_pfn(64)", free_bulk_pfn, 64 },
	{ "quire_alloc_bulk_offset(8)", alloc_bulk_offset, 8 },
	{ "quire_free_bulk_offset(8)", free_bulk_offset, 8 },
	{ "quire_alloc_bulk_offset(64)", alloc_bulk_offset, 64 },
	{ "quire_free_bulk_offset(64)", free_bulk_offset, 64 },
};

struct column {
	const char *name;
	uint32_t cache;
	uint32_t check;
};

static const struct column columns[CALLS_COLUMNS] = {
	{ "pcp,on", QUIRE_CACHE_PCP, QUIRE_CHECK_ON },
	{ "pcp,off", QUIRE_CACHE_PCP, QUIRE_CHECK_OFF },
	{ "locked,on", QUIRE_CACHE_LOCKED, QUIRE_CHECK_ON },
	{ "locked,off", QUIRE_CACHE_LOCKED, QUIRE_CHECK_OFF },
};

const char *calls_column(size_t column)
{
	return columns[column].name;
}

static bool open_user(struct user *u, const struct column *column)
{
	struct quire_region_config region;
	struct quire_config config;
	void *memory = mmap(NULL, (size_t)NR_PAGES << 12, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	quire_config_init(&config);
	config.max_pages = NR_PAGES;
	config.nr_cpus = 1;
	config.require = column->cache;
	config.check = column->check;
	config.aids = 0;
	quire_region_config_init(&region);
	region.addr = memory;
	region.bytes = (uint64_t)NR_PAGES << 12;
	return memory != MAP_FAILED && quire_create(&config, &u->q) == 0 &&
	       quire_region_add(u->q, &region, &u->region) == 0;
}

/* Runs of ascending pages in the list, a few batches of them. */
static bool fill_list(struct user *u)
{
	static uint32_t pfns[4][MOST];

	for (size_t i = 0; i < 4; i++)
		if (quire_alloc_bulk_pfn(u->q, 0, 0, MOST, pfns[i]) != MOST)
			return false;
	for (size_t i = 0; i < 4; i++)
		if (quire_free_bulk_pfn(u->q, MOST, pfns[i]) != MOST)
			return false;
	return true;
}

/* What was counted is the case that is meant: a batch that is a run. */
static bool is_run(const struct user *u, const struct call *call)
{
	for (uint32_t i = 1; i < call->n; i++) {
		if (call->make == alloc_bulk &&
		    u->pages[i] != (char *)u->pages[0] + ((size_t)i << 12))
			return false;
		if (call->make == alloc_bulk_pfn && u->pfns[i] != u->pfns[0] + i)
			return false;
		if (call->make == alloc_bulk_offset &&
		    u->offsets[i] != u->offsets[0] + ((uint64_t)i << 12))
			return false;
	}
	return true;
}

static bool make_call(struct user *u, uint32_t i)
{
	const struct call *call = &calls[i];

	u->counts->call = i;
	call->make(u, call->n);
	if (u->done == call->n && is_run(u, call))
		return true;
	snprintf(u->counts->wrong, sizeof(u->counts->wrong), "%s: %zu of %u pages, %s", call->name,
		 u->done, call->n, is_run(u, call) ? "a run" : "not a run");
	return false;
}

static bool run_column(struct user *u, uint32_t column)
{
	struct quire_cpu_stats before = { .size = sizeof(before) };
	struct quire_cpu_stats after = { .size = sizeof(after) };

	u->counts->column = column;
	if (!open_user(u, &columns[column]) || !fill_list(u))
		return false;
	for (uint32_t i = 0; i < CALLS; i += 2)
		for (uint32_t round = 0; round < WARM + COUNTED; round++) {
			u->counted = round >= WARM;
			(void)quire_cpu_stats_get(u->q, 0, &before);
			if (!make_call(u, i) || !make_call(u, i + 1))
				return false;
			(void)quire_cpu_stats_get(u->q, 0, &after);
			if (after.pops == before.pops)
				return false;
		}
	return true;
}

void calls_run(void *context)
{
	static struct user user;

	user.counts = context;
	for (uint32_t column = 0; column < CALLS_COLUMNS; column++) {
		if (run_column(&user, column))
			continue;
		if (user.counts->wrong[0] == '\0')
			snprintf(user.counts->wrong, sizeof(user.counts->wrong),
				 "%s: no instance, or its list was not used", columns[column].name);
		return;
	}
}
