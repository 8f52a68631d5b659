/* SPDX-License-Identifier: MIT */
/*
 * A thread cancelled before a call or while it waits inside: cancellation takes effect before the
 * call or after it, never with pages in hand, which would be lost or announced as moving for ever.
 */
#include "alloc/instance.h"
#include "test.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
	NR_PAGES = 4096,
	MOMENTS = 20,
	SOME = 200,
	WRONG = 3, /* slot that repeats the one before */
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

struct freer {
	struct quire *q;
	uint32_t pfns[SOME];
	size_t freed;
};

static void *free_cancelled(void *argument)
{
	struct freer *freer = argument;

	pthread_cancel(pthread_self());
	freer->freed = quire_free_bulk_pfn(freer->q, SOME, freer->pfns);
	return NULL;
}

/* Run it with standard error in memory; how many bytes came there. */
static off_t run_quietly(void *(*run)(void *argument), void *argument)
{
	int saved = dup(STDERR_FILENO);
	int memory = memfd_create("reports", 0);
	pthread_t thread;
	off_t bytes;

	assert_true(saved >= 0 && memory >= 0);
	assert_true(dup2(memory, STDERR_FILENO) == STDERR_FILENO);
	if (pthread_create(&thread, NULL, run, argument) == 0)
		pthread_join(thread, NULL);
	assert_true(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
	bytes = lseek(memory, 0, SEEK_END);
	close(memory);
	close(saved);
	return bytes;
}

/* The library's own reporter writes to standard error, in the middle of the call. */
static void test_while_something_is_reported(const struct qt_param *param)
{
	struct freer freer = { .freed = 0 };
	uint32_t last;
	struct qt t;

	qt_begin(&t, param);
	t.config.max_pages = NR_PAGES;
	t.config.report = NULL;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	freer.q = t.q;
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, SOME, freer.pfns), SOME);
	last = freer.pfns[WRONG];
	freer.pfns[WRONG] = freer.pfns[WRONG - 1];
	assert_true(run_quietly(free_cancelled, &freer) > 0);
	assert_int_equal(freer.freed, SOME - 1);
	qt_assert_sound(t.q, 1);
	qt_assert_ok(quire_free_pfn(t.q, last));
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(while_draining_a_list),
		QT_TEST(while_waiting_for_pages_in_transit),
		QT_TEST(while_something_is_reported),
	};

	return QT_RUN_CACHES(tests);
}
