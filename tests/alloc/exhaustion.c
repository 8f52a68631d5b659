/* SPDX-License-Identifier: MIT */
/*
 * No false exhaustion: a request that may wait finds every free page, wherever it lies; and what
 * drains, requests that may not wait, and those that must not try hard, do instead.
 */
#include "cpu.h"
#include "test.h"

#include <pthread.h>
#include <string.h>

#define NR_PAGES 8192u

static uint32_t all[NR_PAGES];

static void take_all(struct qt *t, size_t n)
{
	assert_int_equal(quire_alloc_bulk_pfn(t->q, 0, 0, n, all), n);
	qt_assert_sound(t->q, n);
}

/*
 * Hold everything, then free n pages one by one on the i-th CPU, so that its list, or the depot,
 * has them.
 */
static void strand(struct qt *t, unsigned int cpu, size_t from, size_t n)
{
	assert_true(qt_cpu_bind(cpu));
	for (size_t i = from; i < from + n; i++)
		qt_assert_ok(quire_free_pfn(t->q, all[i]));
	assert_true(qt_cpu_bind(cpu + 1));
}

static uint64_t not_in_zone(const struct qt *t)
{
	struct quire_stats s = qt_stats(t->q);

	return s.free_lists + s.free_depot + s.free_stash + s.deferred;
}

static void test_single_calls_find_pages_in_other_lists(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (size_t stranded = 1; stranded < 4000; stranded *= 3) {
		take_all(&t, NR_PAGES);
		strand(&t, (unsigned int)stranded, 0, stranded);
		for (size_t i = 0; i < stranded; i++) {
			all[i] = quire_alloc_pfn(t.q, 0, 0);
			assert_int_not_equal(all[i], QUIRE_NO_PFN);
		}
		assert_int_equal(not_in_zone(&t), 0);
		assert_int_equal(quire_alloc_pfn(t.q, 0, 0), QUIRE_NO_PFN);
		assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, all), NR_PAGES);
	}
	qt_cpu_unbind();
	qt_end(&t);
}

static void test_bulk_calls_find_pages_in_other_lists(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (size_t stranded = 1; stranded < NR_PAGES; stranded *= 2) {
		quire_gfp gfp = stranded & 0x5555 ? QUIRE_ALL : 0;

		take_all(&t, NR_PAGES);
		strand(&t, (unsigned int)stranded, 0, stranded);
		assert_int_equal(quire_alloc_bulk_pfn(t.q, gfp, 0, stranded, all), stranded);
		assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, all), NR_PAGES);
	}
	qt_cpu_unbind();
	qt_end(&t);
}

/* Blocks too: nothing is held, but pages of every pageblock lie in lists. */
static void test_blocks_are_made_whole_from_lists(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (unsigned int order = 1; order <= 13; order += 3) {
		uint32_t pfn;

		take_all(&t, NR_PAGES);
		for (uint32_t i = 0; i < NR_PAGES; i++) {
			if (i % 512 == 0)
				assert_true(qt_cpu_bind(i / 512));
			qt_assert_ok(quire_free_pfn(t.q, all[i * 513u % NR_PAGES]));
		}
		pfn = quire_alloc_pfn(t.q, 0, order);
		assert_int_not_equal(pfn, QUIRE_NO_PFN);
		qt_assert_ok(quire_free_pfn(t.q, pfn));
		assert_int_equal(quire_alloc_bulk_pfn(t.q, QUIRE_ALL, order, NR_PAGES >> order,
						      all),
				 NR_PAGES >> order);
		assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES >> order, all),
				 NR_PAGES >> order);
	}
	qt_cpu_unbind();
	qt_end(&t);
}

static void test_offset_form_finds_pages_in_lists(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	take_all(&t, NR_PAGES);
	strand(&t, 0, 0, 100);
	for (unsigned int i = 0; i < 100; i++)
		assert_true(quire_alloc_offset(t.q, t.region[0], 0, 0) != QUIRE_NO_OFFSET);
	assert_true(quire_alloc_offset(t.q, t.region[0], 0, 0) == QUIRE_NO_OFFSET);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, all), NR_PAGES);
	qt_cpu_unbind();
	qt_end(&t);
}

static void test_stash_is_found_too(const struct qt_param *param)
{
	struct qt t;

	qt_begin(&t, param);
	t.config.max_pages = NR_PAGES;
	t.config.nr_stash = 64;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	take_all(&t, 1000);
	assert_int_equal(quire_free_bulk_pfn(t.q, 1000, all), 1000);
	take_all(&t, NR_PAGES);
	assert_int_equal(not_in_zone(&t), 0);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, all), NR_PAGES);
	qt_end(&t);
}

/* Requests that may not wait do not drain, but have what the zone and their own list hold. */
static void test_no_wait_takes_what_is_at_hand(const struct qt_param *param)
{
	static const quire_gfp gfps[] = { QUIRE_ATOMIC, QUIRE_NOWAIT, QUIRE_NORETRY };
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (size_t i = 0; i < 3; i++) {
		uint64_t drains = qt_stats(t.q).drains;
		uint32_t pfn = 7;
		size_t n = quire_alloc_bulk_pfn(t.q, gfps[i], 0, 1000, all);

		assert_int_equal(n, 1000);
		assert_int_equal(quire_free_bulk_pfn(t.q, n, all), n);
		qt_assert_ok(quire_alloc_pfn_err(t.q, gfps[i], 4, &pfn));
		qt_assert_ok(quire_free_pfn(t.q, pfn));
		assert_int_equal(qt_stats(t.q).drains, drains);
		take_all(&t, NR_PAGES);
		pfn = 7;
		qt_assert_err(quire_alloc_pfn_err(t.q, gfps[i], 0, &pfn), ENOMEM);
		assert_int_equal(pfn, 7);
		assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, all), NR_PAGES);
		quire_drain(t.q, QUIRE_ALL_CPUS, 0);
	}
	qt_end(&t);
}

static void test_atomic_has_the_stash(const struct qt_param *param)
{
	struct quire_stats s;
	size_t n;
	struct qt t;

	qt_begin(&t, param);
	t.config.max_pages = NR_PAGES;
	t.config.nr_stash = 16;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	assert_int_equal(qt_info(t.q).nr_stash, 16);
	take_all(&t, 2000);
	assert_int_equal(quire_free_bulk_pfn(t.q, 2000, all), 2000);
	s = qt_stats(t.q);
	assert_int_equal(s.free_stash, 16);
	/* NOWAIT may not use it; ATOMIC empties it. */
	n = quire_alloc_bulk_pfn(t.q, QUIRE_NOWAIT, 0, NR_PAGES, all);
	while (n < NR_PAGES && (all[n] = quire_alloc_pfn(t.q, QUIRE_NOWAIT, 0)) != QUIRE_NO_PFN)
		n++;
	assert_int_equal(qt_stats(t.q).free_stash, 16);
	while (n < NR_PAGES && (all[n] = quire_alloc_pfn(t.q, QUIRE_ATOMIC, 0)) != QUIRE_NO_PFN)
		n++;
	s = qt_stats(t.q);
	assert_int_equal(s.free_stash, 0);
	assert_int_equal(s.stash_taken, 16);
	qt_assert_sound(t.q, n);
	assert_int_equal(quire_free_bulk_pfn(t.q, n, all), n);
	qt_end(&t);
}

static void test_no_stash_when_none_is_wanted(const struct qt_param *param)
{
	struct qt t;

	qt_begin(&t, param);
	t.config.nr_stash = UINT32_MAX;
	t.config.nr_depot = UINT32_MAX;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, 4096);
	assert_int_equal(qt_info(t.q).nr_stash, 0);
	assert_int_equal(qt_info(t.q).nr_depot, 0);
	take_all(&t, 4096);
	for (size_t i = 0; i < 4096; i++)
		qt_assert_ok(quire_free_pfn(t.q, all[i]));
	assert_int_equal(qt_stats(t.q).free_stash, 0);
	assert_int_equal(qt_stats(t.q).free_depot, 0);
	qt_end(&t);
}

struct contest {
	struct quire *q;
	pthread_barrier_t start, end;
	atomic_uint won;
	atomic_uint wrong;
	unsigned int rounds;
};

static void *contend(void *argument)
{
	struct contest *c = argument;
	uint32_t pfns[NR_PAGES * 6 / 10];
	const size_t want = sizeof(pfns) / sizeof(pfns[0]);

	for (unsigned int i = 0; i < c->rounds; i++) {
		size_t n;

		pthread_barrier_wait(&c->start);
		n = quire_alloc_bulk_pfn(c->q, QUIRE_ALL, 0, want, pfns);
		if (n == want)
			atomic_fetch_add(&c->won, 1);
		else if (n != 0)
			atomic_fetch_add(&c->wrong, 1);
		pthread_barrier_wait(&c->end);
		if (n != 0 && quire_free_bulk_pfn(c->q, n, pfns) != n)
			atomic_fetch_add(&c->wrong, 1);
		pthread_barrier_wait(&c->end);
	}
	return NULL;
}

/* Two callers that each want 60 % of the memory: one of them has it. */
static void test_all_by_two_callers_at_60_percent(const struct qt_param *param)
{
	struct contest c = { .rounds = 100 };
	pthread_t threads[2];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	c.q = t.q;
	pthread_barrier_init(&c.start, NULL, 2);
	pthread_barrier_init(&c.end, NULL, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, contend, &c), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&c.won), c.rounds);
	assert_int_equal(atomic_load(&c.wrong), 0);
	pthread_barrier_destroy(&c.start);
	pthread_barrier_destroy(&c.end);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(single_calls_find_pages_in_other_lists),
		QT_TEST(bulk_calls_find_pages_in_other_lists),
		QT_TEST(blocks_are_made_whole_from_lists),
		QT_TEST(offset_form_finds_pages_in_lists),
		QT_TEST(stash_is_found_too),
		QT_TEST(no_wait_takes_what_is_at_hand),
		QT_TEST(atomic_has_the_stash),
		QT_TEST(no_stash_when_none_is_wanted),
		QT_TEST(all_by_two_callers_at_60_percent),
	};

	return QT_RUN(tests);
}
