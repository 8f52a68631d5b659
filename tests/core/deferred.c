/* SPDX-License-Identifier: MIT */
/*
 * Deferred frees under fire: threads free while others lock and unlock all the time. No page may
 * stay deferred once all is quiet, as the last to unlock looks again, and none may be lost.
 */
#include "alloc/instance.h"
#include "sanitizer.h"
#include "test.h"

#include <pthread.h>
#include <string.h>

#define NR_FREERS 3u
#define EACH 600u
#define ROUNDS (400u / QT_SLOWER + 4)

struct round {
	struct quire *q;
	pthread_barrier_t start;
	atomic_bool done;
	atomic_uint failures;
	unsigned int order;
};

struct freer {
	struct round *round;
	uint32_t number;
	uint32_t pfns[EACH];
};

static void *lock_and_unlock(void *argument)
{
	struct round *r = argument;
	struct qi_space *space = &r->q->space;

	while (!atomic_load(&r->done)) {
		qi_zone_lock(space, &space->zones[0]);
		for (int i = 0; i < 100; i++)
			qp_pause();
		qi_zone_unlock(space, &space->zones[0]);
	}
	return NULL;
}

static void *free_all(void *argument)
{
	struct freer *f = argument;
	struct round *r = f->round;
	uint32_t n = EACH >> r->order;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		size_t got = quire_alloc_bulk_pfn(r->q, 0, r->order, n, f->pfns);

		if (got != n)
			atomic_fetch_add(&r->failures, 1);
		if ((i + f->number) % 2) {
			if (quire_free_bulk_pfn(r->q, got, f->pfns) != got)
				atomic_fetch_add(&r->failures, 1);
			continue;
		}
		for (size_t j = 0; j < got; j++)
			if (quire_free_pfn(r->q, f->pfns[j]) != 0)
				atomic_fetch_add(&r->failures, 1);
	}
	return NULL;
}

static void run_threads(struct round *r)
{
	static struct freer freers[NR_FREERS];
	pthread_t locker, threads[NR_FREERS];

	assert_int_equal(pthread_create(&locker, NULL, lock_and_unlock, r), 0);
	for (uint32_t i = 0; i < NR_FREERS; i++) {
		freers[i].round = r;
		freers[i].number = i;
		assert_int_equal(pthread_create(&threads[i], NULL, free_all, &freers[i]), 0);
	}
	for (uint32_t i = 0; i < NR_FREERS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&r->done, true);
	pthread_join(locker, NULL);
}

static void check_order(const struct qt_param *param, unsigned int order, uint64_t *deferred)
{
	struct round r = { .order = order };
	struct quire_stats s;
	struct qt t;

	qt_begin(&t, param);
	t.config.max_pages = 4096;
	t.config.high = t.config.require == QUIRE_CACHE_NONE ? 0 : 16;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, 4096);
	r.q = t.q;
	run_threads(&r);
	assert_int_equal(atomic_load(&r.failures), 0);
	s = qt_stats(t.q);
	*deferred += s.deferred_pages;
	assert_int_equal(s.deferred, 0);
	qt_assert_sound(t.q, 0);
	qi_zone_lock(&t.q->space, &t.q->space.zones[0]);
	assert_true(qi_zone_valid_locked(&t.q->space, &t.q->space.zones[0]));
	qi_zone_unlock(&t.q->space, &t.q->space.zones[0]);
	quire_drain(t.q, QUIRE_ALL_CPUS, 0);
	s = qt_stats(t.q);
	assert_true(s.free_pageblocks + s.free_stash >= 8);
	qt_end(&t);
}

static void test_none_stays_deferred(const struct qt_param *param)
{
	uint64_t deferred = 0;

	for (unsigned int order = 0; order < 4; order++)
		check_order(param, order, &deferred);
	print_message("# %llu pages were deferred on the way\n", (unsigned long long)deferred);
	assert_true(deferred > 0); /* or the test has shown nothing */
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(none_stays_deferred),
	};

	return QT_RUN(tests);
}
