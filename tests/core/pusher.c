/* SPDX-License-Identifier: MIT */
/*
 * A thread that defers a page and stops before its pageblock is on the stack hides the pages that others
 * defer in that pageblock meanwhile. A request that finds nothing else waits for it, within reason.
 */
#include "alloc/instance.h"
#include "test.h"

#include <pthread.h>
#include <time.h>

enum {
	ORDER = 1, /* past the lists: its frees go to the zone */
	NR_BLOCKS = 256, /* all of one pageblock */
	NR_PAGES = NR_BLOCKS << ORDER,
	LAST = -1, /* a link that ends a chain */
};

/* The stopped thread's next steps, after a moment. */
static void *go_on(void *context)
{
	static const struct timespec moment = { .tv_sec = 0, .tv_nsec = 2000000 };
	struct quire *q = context;

	nanosleep(&moment, NULL);
	atomic_store(&q->space.zones[0].deferred, 1);
	return NULL;
}

static void take_all(struct quire *q, uint32_t *pfns)
{
	for (uint32_t i = 0; i < NR_BLOCKS; i++)
		pfns[i] = quire_alloc_pfn(q, 0, ORDER);
	assert_int_equal(quire_held(q), NR_PAGES);
}

/* Block pfn is freed while the zone is locked and the push of its pageblock, the first, is half done. */
static void hide(struct quire *q, uint32_t pfn)
{
	struct qi_zone *zone = &q->space.zones[0];

	atomic_store(&q->space.blocks.units[0].deferred, (uint32_t)LAST);
	qp_lock(&zone->lock);
	qt_assert_ok(quire_free_pfn(q, pfn));
	qi_zone_release(&q->space, zone);
}

static void test_request_waits_for_a_stopped_pusher(const struct qt_param *param)
{
	uint32_t pfns[NR_BLOCKS];
	uint32_t pfn = QUIRE_NO_PFN;
	pthread_t thread;
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	take_all(t.q, pfns);
	hide(t.q, pfns[3]);
	assert_int_equal(pthread_create(&thread, NULL, go_on, t.q), 0);
	qt_assert_ok(quire_alloc_pfn_err(t.q, 0, ORDER, &pfn));
	pthread_join(thread, NULL);
	assert_int_equal(pfn, pfns[3]);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_BLOCKS, pfns), NR_BLOCKS);
	qt_end(&t);
}

static void test_and_gives_up_when_it_stays(const struct qt_param *param)
{
	uint32_t pfns[NR_BLOCKS];
	uint32_t pfn = QUIRE_NO_PFN;
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	take_all(t.q, pfns);
	hide(t.q, pfns[3]);
	qt_assert_err(quire_alloc_pfn_err(t.q, 0, ORDER, &pfn), ENOMEM);
	assert_int_equal(pfn, QUIRE_NO_PFN);
	atomic_store(&t.q->space.zones[0].deferred, 1);
	qt_assert_ok(quire_alloc_pfn_err(t.q, 0, ORDER, &pfn));
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_BLOCKS, pfns), NR_BLOCKS);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(request_waits_for_a_stopped_pusher),
		QT_TEST(and_gives_up_when_it_stays),
	};

	return QT_RUN_CACHES(tests);
}
