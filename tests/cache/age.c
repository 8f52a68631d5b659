/* SPDX-License-Identifier: MIT */
/*
 * Passes over idle lists, made by hand: what was not used since the pass before is emptied, and what
 * was used stays; lists of CPUs where no thread may run any more go at once.
 */
#include "cpu.h"
#include "port/linux/fault.h"
#include "tasks.h"
#include "test.h"

#include <pthread.h>
#include <string.h>

enum {
	NR_PAGES = 16384,
	SOME = 200, /* pages in a list: fewer than its high */
	BATCH = 64,
};

static uint32_t pfns[NR_PAGES];

static void open_aging(struct qt *t, const struct qt_param *param)
{
	qt_begin(t, param);
	t->config.max_pages = NR_PAGES;
	t->config.batch = BATCH;
	t->config.nr_depot = 16;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, NR_PAGES);
}

static bool has_lists(const struct qt *t)
{
	return t->config.require != QUIRE_CACHE_NONE;
}

static uint32_t count_of(const struct qt *t, unsigned int i)
{
	struct quire_cpu_stats stats = { .size = sizeof(stats) };

	qt_assert_ok(quire_cpu_stats_get(t->q, qt_cpu(i), &stats));
	return stats.count;
}

/* Free pages on the i-th CPU one by one, so that its list has some. */
static void use_list(struct qt *t, unsigned int i)
{
	assert_true(qt_cpu_bind(i));
	assert_int_equal(quire_alloc_bulk_pfn(t->q, 0, 0, SOME, pfns), SOME);
	for (uint32_t n = 0; n < SOME; n++)
		qt_assert_ok(quire_free_pfn(t->q, pfns[n]));
	qt_cpu_unbind();
	assert_int_equal(count_of(t, i) > 0, has_lists(t));
}

/* One page out and in: more than that is not needed to be in use. */
static void touch_list(struct qt *t, unsigned int i)
{
	uint32_t pfn;

	assert_true(qt_cpu_bind(i));
	pfn = quire_alloc_pfn(t->q, 0, 0);
	assert_int_not_equal(pfn, QUIRE_NO_PFN);
	qt_assert_ok(quire_free_pfn(t->q, pfn));
	qt_cpu_unbind();
}

/* Batches into the depot: a drain that keeps as many pages near puts them there. */
static void fill_depot(struct qt *t)
{
	use_list(t, 0);
	quire_drain(t->q, qt_cpu(0), BATCH);
	if (t->config.require == QUIRE_CACHE_PCP)
		assert_true(qt_stats(t->q).free_depot > 0);
}

static void test_second_pass_empties_an_idle_list(const struct qt_param *param)
{
	struct quire_stats before, after;
	struct qt t;

	open_aging(&t, param);
	use_list(&t, 0);
	before = qt_stats(t.q);
	assert_int_equal(quire_age(t.q), 0);
	assert_int_equal(qt_stats(t.q).free_lists, before.free_lists);
	assert_int_equal(quire_age(t.q), before.free_lists + before.free_depot);
	after = qt_stats(t.q);
	assert_int_equal(after.free_lists + after.free_depot, 0);
	assert_int_equal(after.depot_in, before.depot_in);
	assert_int_equal(after.free_zone, before.free_zone + before.free_lists + before.free_depot);
	assert_int_equal(after.drained_pages - before.drained_pages,
			 before.free_lists + before.free_depot);
	qt_end(&t);
}

static void test_list_in_use_stays(const struct qt_param *param)
{
	struct qt t;

	open_aging(&t, param);
	use_list(&t, 0);
	for (int pass = 0; pass < 10; pass++) {
		uint64_t before;

		touch_list(&t, 0);
		before = qt_stats(t.q).free_lists;
		quire_age(t.q); /* may move the depot's pages */
		assert_int_equal(qt_stats(t.q).free_lists, before);
	}
	if (has_lists(&t))
		assert_true(quire_age(t.q) > 0);
	qt_end(&t);
}

static void test_each_cpu_for_itself(const struct qt_param *param)
{
	struct qt t;

	if (qt_nr_cpus() < 2)
		return;
	open_aging(&t, param);
	use_list(&t, 0);
	use_list(&t, 1);
	(void)quire_age(t.q);
	touch_list(&t, 1);
	(void)quire_age(t.q);
	assert_int_equal(count_of(&t, 0), 0);
	assert_int_equal(count_of(&t, 1) > 0, has_lists(&t));
	(void)quire_age(t.q);
	assert_int_equal(count_of(&t, 1), 0);
	qt_end(&t);
}

/* What takes pages out for others is no use by the list's CPU. */
static void test_drains_are_no_use(const struct qt_param *param)
{
	uint32_t left;
	struct qt t;

	if (param->cache->cache != QUIRE_CACHE_LOCKED) /* pcp: a drain leaves nothing */
		return;
	open_aging(&t, param);
	use_list(&t, 0);
	left = count_of(&t, 0);
	(void)quire_age(t.q);
	assert_int_equal(quire_drain(t.q, qt_cpu(0), 10), left - 10);
	assert_true(quire_age(t.q) >= 10);
	assert_int_equal(count_of(&t, 0), 0);
	/* refilled after a pass has emptied it: that is use */
	use_list(&t, 0);
	(void)quire_age(t.q);
	assert_true(count_of(&t, 0) > 0);
	qt_end(&t);
}

static void test_list_filled_after_a_pass_is_young(const struct qt_param *param)
{
	struct qt t;

	open_aging(&t, param);
	for (int round = 0; round < 5; round++) {
		uint64_t in_lists;

		use_list(&t, 0);
		in_lists = qt_stats(t.q).free_lists;
		(void)quire_age(t.q);
		assert_int_equal(qt_stats(t.q).free_lists, in_lists);
		(void)quire_age(t.q);
		assert_int_equal(qt_stats(t.q).free_lists, 0);
	}
	qt_end(&t);
}

static void test_idle_depot_is_emptied(const struct qt_param *param)
{
	uint64_t in_depot;
	struct qt t;

	open_aging(&t, param);
	fill_depot(&t);
	in_depot = qt_stats(t.q).free_depot;
	(void)quire_age(t.q);
	assert_int_equal(qt_stats(t.q).free_depot, in_depot);
	fill_depot(&t);
	in_depot = qt_stats(t.q).free_depot;
	(void)quire_age(t.q);
	if (t.config.require == QUIRE_CACHE_PCP) /* it was used in between */
		assert_int_equal(qt_stats(t.q).free_depot, in_depot);
	(void)quire_age(t.q);
	assert_int_equal(qt_stats(t.q).free_depot, 0);
	qt_assert_sound(t.q, 0);
	qt_end(&t);
}

static void test_nothing_to_do(const struct qt_param *param)
{
	struct quire_stats before, after;
	struct qt t;

	open_aging(&t, param);
	for (int pass = 0; pass < 3; pass++)
		assert_int_equal(quire_age(t.q), 0);
	before = qt_stats(t.q);
	assert_int_equal(quire_age(t.q), 0);
	after = qt_stats(t.q);
	assert_memory_equal(&before, &after, sizeof(before));
	qt_end(&t);
}

/* ---- CPUs where nobody may run ---- */

static void test_lists_of_cpus_left_go_at_once(const struct qt_param *param)
{
	uint64_t in_depot;
	uint32_t left;
	struct qt t;

	if (qt_nr_cpus() < 2)
		return;
	open_aging(&t, param);
	use_list(&t, 1);
	use_list(&t, 0);
	left = count_of(&t, 1);
	in_depot = qt_stats(t.q).free_depot;
	tasks_bind(0, 0);
	assert_int_equal(quire_age(t.q), left);
	tasks_unbind();
	assert_int_equal(count_of(&t, 1), 0);
	assert_int_equal(count_of(&t, 0) > 0, has_lists(&t));
	assert_int_equal(qt_stats(t.q).free_depot, in_depot);
	qt_end(&t);
}

struct lodger {
	pthread_barrier_t barrier;
	unsigned int cpu;
};

static void *lodge(void *argument)
{
	struct lodger *lodger = argument;

	qt_cpu_bind(lodger->cpu);
	pthread_barrier_wait(&lodger->barrier);
	pthread_barrier_wait(&lodger->barrier);
	return NULL;
}

/* Any thread will do, not only the one that makes the pass. */
static void test_another_thread_keeps_a_cpu_reachable(const struct qt_param *param)
{
	struct lodger lodger = { .cpu = 1 };
	pthread_t thread;
	struct qt t;

	if (qt_nr_cpus() < 2)
		return;
	open_aging(&t, param);
	use_list(&t, 1);
	tasks_bind(0, 0);
	pthread_barrier_init(&lodger.barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, lodge, &lodger), 0);
	pthread_barrier_wait(&lodger.barrier);
	assert_int_equal(quire_age(t.q), 0);
	assert_int_equal(count_of(&t, 1) > 0, has_lists(&t));
	pthread_barrier_wait(&lodger.barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&lodger.barrier);
	tasks_unbind();
	qt_end(&t);
}

static int no_tasks(const char *call)
{
	return strcmp(call, "tasks") == 0;
}

/* Where threads cannot be listed, no CPU is taken to be left. */
static void test_unknown_is_reachable(const struct qt_param *param)
{
	struct qt t;

	if (qt_nr_cpus() < 2)
		return;
	open_aging(&t, param);
	use_list(&t, 1);
	tasks_bind(0, 0);
	qp_fault_hook = no_tasks;
	assert_int_equal(quire_age(t.q), 0);
	qp_fault_hook = NULL;
	assert_int_equal(quire_age(t.q) > 0, has_lists(&t));
	tasks_unbind();
	qt_end(&t);
}

static void test_one_list_for_all_is_left_by_nobody(const struct qt_param *param)
{
	struct qt t;

	if (param->cache->cache == QUIRE_CACHE_PCP || qt_nr_cpus() < 2)
		return;
	qt_begin(&t, param);
	t.config.flags |= QUIRE_CONFIG_ONE_LIST;
	t.config.max_pages = NR_PAGES;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, SOME, pfns), SOME);
	for (uint32_t n = 0; n < SOME; n++)
		qt_assert_ok(quire_free_pfn(t.q, pfns[n]));
	tasks_bind(1, 0);
	assert_int_equal(quire_age(t.q), 0);
	tasks_unbind();
	assert_int_equal(quire_age(t.q) > 0, has_lists(&t));
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(second_pass_empties_an_idle_list),
		QT_TEST(list_in_use_stays),
		QT_TEST(each_cpu_for_itself),
		QT_TEST(drains_are_no_use),
		QT_TEST(list_filled_after_a_pass_is_young),
		QT_TEST(idle_depot_is_emptied),
		QT_TEST(nothing_to_do),
		QT_TEST(lists_of_cpus_left_go_at_once),
		QT_TEST(another_thread_keeps_a_cpu_reachable),
		QT_TEST(unknown_is_reachable),
		QT_TEST(one_list_for_all_is_left_by_nobody),
	};

	return QT_RUN_CACHES(tests);
}
