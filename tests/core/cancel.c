/* SPDX-License-Identifier: MIT */
/*
 * A thread cancelled while it waits inside a call: cancellation takes effect before the call or after it,
 * never with pages in hand, which would be announced as moving for ever.
 */
#include "alloc/instance.h"
#include "test.h"

#include <pthread.h>
#include <time.h>

enum {
	NR_PAGES = 4096,
	MOMENTS = 20,
};

static void moment(void)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };

	nanosleep(&pause, NULL);
}

static void open_instance(struct qt *t, const struct qt_param *param)
{
	qt_begin(t, param);
	if (param->cache->cache != QUIRE_CACHE_PCP)
		t->config.flags |= QUIRE_CONFIG_ONE_LIST;
	t->config.max_pages = NR_PAGES;
	t->config.max_regions = 1;
	t->config.max_zones = 1;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, NR_PAGES);
}

static uint32_t movers(const struct quire *q)
{
	return (uint32_t)atomic_load(&q->space.zones[0].transit);
}

/* Whoever waits has been waiting for a while when it is cancelled, and goes on waiting if it must. */
static void cancel(pthread_t thread)
{
	for (int i = 0; i < MOMENTS; i++)
		moment();
	pthread_cancel(thread);
	for (int i = 0; i < MOMENTS; i++)
		moment();
}

static void *drain(void *q)
{
	quire_drain(q, QUIRE_ALL_CPUS, 0);
	return NULL;
}

static void test_while_draining_a_list(const struct qt_param *param)
{
	pthread_t thread;
	struct qt t;

	open_instance(&t, param);
	qt_assert_ok(quire_free_pfn(t.q, quire_alloc_pfn(t.q, 0, 0)));
	if (t.q->front.high > 0) {
		assert_true(qi_front_count_lists(&t.q->front) > 0);
		qi_front_hold(&t.q->front);
		assert_int_equal(pthread_create(&thread, NULL, drain, t.q), 0);
		cancel(thread);
		qi_front_let_go(&t.q->front);
		pthread_join(thread, NULL);
	}
	assert_int_equal(movers(t.q), 0);
	qt_end(&t);
}

/* It waits for pages in transit; after its cancellation nothing is lost. */
static void *allocate(void *q)
{
	uint32_t pfn = quire_alloc_pfn(q, 0, 4);

	if (pfn != QUIRE_NO_PFN)
		quire_free_pfn(q, pfn);
	return NULL;
}

static void test_while_waiting_for_pages_in_transit(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES];
	pthread_t thread;
	struct qt t;

	open_instance(&t, param);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, pfns), NR_PAGES);
	qi_transit_begin(&t.q->space.zones[0]);
	assert_int_equal(pthread_create(&thread, NULL, allocate, t.q), 0);
	cancel(thread);
	qi_transit_end(&t.q->space.zones[0], false);
	pthread_join(thread, NULL);
	assert_int_equal(movers(t.q), 0);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, pfns), NR_PAGES);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(while_draining_a_list),
		QT_TEST(while_waiting_for_pages_in_transit),
	};

	return QT_RUN_CACHES(tests);
}
