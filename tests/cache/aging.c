/* SPDX-License-Identifier: MIT */
#include "aging.h"

#include <time.h>

enum {
	SOME = 200, /* pages in a list: fewer than its high */
	PATIENCE_S = 60,
	NAP_NS = 200000,
};

bool aging_has_lists(const struct qt *t)
{
	return t->config.require != QUIRE_CACHE_NONE;
}

void aging_open(struct qt *t, const struct qt_param *param, uint32_t flags)
{
	qt_begin(t, param);
	t->config.flags |= flags;
	t->config.max_pages = AGING_PAGES;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, AGING_PAGES);
}

bool aging_use(struct quire *q)
{
	uint32_t pfns[SOME];

	if (quire_alloc_bulk_pfn(q, 0, 0, SOME, pfns) != SOME)
		return false;
	for (uint32_t i = 0; i < SOME; i++)
		if (quire_free_pfn(q, pfns[i]) != 0)
			return false;
	return true;
}

uint64_t aging_pages_near(const struct quire *q)
{
	struct quire_stats stats = { .size = sizeof(stats) };

	return quire_stats_get(q, &stats) == 0 ? stats.free_lists + stats.free_depot : UINT64_MAX;
}

bool aging_becomes_empty(const struct quire *q)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	struct timespec now;
	time_t end;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + PATIENCE_S;
	while (aging_pages_near(q) > 0 && now.tv_sec < end) {
		nanosleep(&nap, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	return aging_pages_near(q) == 0;
}
