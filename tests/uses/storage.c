/* SPDX-License-Identifier: MIT */
/* A storage engine: frames for disk pages, with headers beside them in an array that pfns index. */
#include "random.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

struct header {
	uint64_t disk_page; /* 0: none */
	bool used; /* since the clock's hand came by */
};

struct pool {
	struct quire *q;
	struct header *headers; /* by pfn */
	uint32_t nr, hand;
};

/* use begins */
static uint32_t frame_for(struct pool *pool, uint64_t disk_page)
{
	uint32_t pfn;

	while ((pfn = quire_alloc_pfn(pool->q, 0, 0)) == QUIRE_NO_PFN) {
		struct header *old = &pool->headers[pool->hand];

		if (old->disk_page && !old->used && quire_free_pfn(pool->q, pool->hand) == 0)
			old->disk_page = 0;
		old->used = false;
		pool->hand = (pool->hand + 1) % pool->nr;
	}
	pool->headers[pfn] = (struct header){ disk_page, true };
	return pfn;
}
/* use ends */

static uint32_t lookup(const struct pool *pool, uint64_t disk_page)
{
	for (uint32_t pfn = 0; pfn < pool->nr; pfn++)
		if (pool->headers[pfn].disk_page == disk_page)
			return pfn;
	return QUIRE_NO_PFN;
}

/* "Reads" a disk page: each is full of its own number. */
static void get(struct pool *pool, uint64_t disk_page, unsigned int *misses)
{
	uint32_t pfn = lookup(pool, disk_page);
	uint64_t *frame;

	if (pfn == QUIRE_NO_PFN) {
		(*misses)++;
		pfn = frame_for(pool, disk_page);
		frame = quire_pfn_to_page(pool->q, pfn);
		for (unsigned int i = 0; i < 512; i++)
			frame[i] = disk_page;
	}
	frame = quire_pfn_to_page(pool->q, pfn);
	assert_true(frame[0] == disk_page && frame[511] == disk_page);
	pool->headers[pfn].used = true;
}

static void test_frames_with_headers_beside_them(const struct qt_param *param)
{
	struct qt_random random = qt_random_seed(1);
	unsigned int misses = 0;
	struct pool pool = { 0 };
	struct qt t;

	qt_open_mapped(&t, param, 200);
	pool.q = t.q;
	pool.nr = (uint32_t)qt_info(t.q).nr_pfns;
	pool.headers = calloc(pool.nr, sizeof(*pool.headers));
	assert_non_null(pool.headers);
	for (int i = 0; i < 20000; i++) {
		uint32_t hot = qt_random_below(&random, 150), cold = qt_random_below(&random, 5000);

		get(&pool, 1 + (i % 10 ? hot : cold), &misses);
	}
	assert_true(misses > 300 && misses < 10000);
	qt_assert_sound(t.q, 200);
	qt_assert_no_report(&t.reports);
	for (uint32_t pfn = 0; pfn < pool.nr; pfn++)
		if (pool.headers[pfn].disk_page)
			qt_assert_ok(quire_free_pfn(t.q, pfn));
	free(pool.headers);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = { QT_TEST(frames_with_headers_beside_them) };

	return QT_RUN_CACHES(tests);
}
