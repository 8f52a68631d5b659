/* SPDX-License-Identifier: MIT */
/*
 * Limits of lists, changed at run time: what is refused, what holds when the call has returned, and
 * that each list finds them, whatever state it was in.
 */
#include "alloc/instance.h"
#include "cpu.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>

enum {
	NR_PAGES = 32768,
	MANY = 3000, /* pages: more than a list takes */
	HIGH = 512, /* at creation, in tests that say so */
	BATCH = 32,
	NR_DEPOT = 16,
};

static uint32_t pfns[NR_PAGES];

static void open_lists(struct qt *t, const struct qt_param *param, uint32_t high, uint32_t batch)
{
	qt_begin(t, param);
	t->config.max_pages = NR_PAGES;
	t->config.nr_cpus = 4;
	t->config.high = high;
	t->config.batch = batch;
	t->config.nr_depot = NR_DEPOT;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, NR_PAGES);
}

static bool has_lists(const struct qt *t)
{
	return t->config.require != QUIRE_CACHE_NONE;
}

static struct quire_cpu_stats stats_of(const struct qt *t, int cpu)
{
	struct quire_cpu_stats stats = { .size = sizeof(stats) };

	qt_assert_ok(quire_cpu_stats_get(t->q, cpu, &stats));
	return stats;
}

static void assert_limits(const struct qt *t, uint32_t high, uint32_t batch)
{
	for (int cpu = 0; cpu < 4; cpu++) {
		struct quire_cpu_stats stats = stats_of(t, cpu);

		assert_int_equal(stats.high, high);
		assert_int_equal(stats.batch, batch);
		assert_true(stats.count <= high);
	}
}

/* As many pages as the list of the first CPU takes; how many. */
static uint32_t fill_list(struct qt *t)
{
	assert_true(qt_cpu_bind(0));
	assert_int_equal(quire_alloc_bulk_pfn(t->q, 0, 0, MANY, pfns), MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		qt_assert_ok(quire_free_pfn(t->q, pfns[i]));
		assert_true(stats_of(t, qt_cpu(0)).count <= stats_of(t, qt_cpu(0)).high);
	}
	qt_cpu_unbind();
	return stats_of(t, qt_cpu(0)).count;
}

/* ---- Refused ---- */

static void assert_refused(struct qt *t, uint32_t high, uint32_t batch, const char *value,
			   const char *limit)
{
	qt_reports_clear(&t->reports);
	qt_assert_err(quire_lists_limit(t->q, high, batch), EINVAL);
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, value, limit);
	qt_reports_clear(&t->reports);
}

static void test_out_of_limits_is_refused(const struct qt_param *param)
{
	struct qt t;

	open_lists(&t, param, HIGH, BATCH);
	if (has_lists(&t)) {
		assert_refused(&t, HIGH + 1, 0, "high is 513", "1 to 512");
		assert_refused(&t, UINT32_MAX, 0, "high is 4294967295", "1 to 512");
		assert_refused(&t, 0, 65, "batch is 65", "1 to 64");
		assert_refused(&t, 0, UINT32_MAX, "batch is 4294967295", "1 to 64");
		assert_refused(&t, 100, 26, "batch is 26", "1 to 25");
		assert_refused(&t, 3, 2, "batch is 2", "1 to 1");
		assert_limits(&t, HIGH, BATCH);
	} else {
		assert_refused(&t, 1, 0, "high is 1", "no lists");
		assert_refused(&t, 0, 1, "batch 1", "no lists");
		qt_assert_ok(quire_lists_limit(t.q, 0, 0));
	}
	qt_end(&t);
}

static void test_tiny_instance_has_no_limits(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, 64);
	assert_int_equal(qt_info(t.q).high, 0);
	assert_refused(&t, 16, 0, "high is 16", "no lists");
	qt_assert_ok(quire_lists_limit(t.q, 0, 0));
	qt_end(&t);
}

/* ---- Taken ---- */

static void test_limits_hold_at_once(const struct qt_param *param)
{
	static const uint32_t limits[][2] = { { 1, 1 },	   { 4, 1 },	{ 17, 3 },   { 100, 25 },
					      { 300, 64 }, { 512, 64 }, { 512, 32 }, { 256, 64 } };
	struct quire_info before;
	struct qt t;

	open_lists(&t, param, HIGH, BATCH);
	before = qt_info(t.q);
	for (size_t i = 0; has_lists(&t) && i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint32_t high = limits[i][0];

		qt_assert_ok(quire_lists_limit(t.q, high, limits[i][1]));
		assert_limits(&t, high, limits[i][1]);
		assert_true(fill_list(&t) <= high);
		/* and after its lists have changed places */
		quire_drain(t.q, QUIRE_ALL_CPUS, 0);
		assert_limits(&t, high, limits[i][1]);
		assert_true(fill_list(&t) > 0);
		assert_limits(&t, high, limits[i][1]);
		qt_assert_sound(t.q, 0);
	}
	assert_int_equal(qt_info(t.q).high, before.high);
	assert_int_equal(qt_info(t.q).batch, before.batch);
	qt_end(&t);
}

static void test_longer_lists_are_shortened(const struct qt_param *param)
{
	uint32_t had;
	struct qt t;

	open_lists(&t, param, HIGH, BATCH);
	had = fill_list(&t);
	if (has_lists(&t)) {
		assert_true(had > 100);
		qt_assert_ok(quire_lists_limit(t.q, 100, 0));
		assert_limits(&t, 100, 25);
		if (param->cache->cache == QUIRE_CACHE_LOCKED) /* what may stay does */
			assert_int_equal(stats_of(&t, qt_cpu(0)).count, 100);
	}
	qt_end(&t);
}

static void test_shorter_lists_are_left_alone(const struct qt_param *param)
{
	uint32_t had;
	struct qt t;

	open_lists(&t, param, HIGH, BATCH);
	if (has_lists(&t)) {
		qt_assert_ok(quire_lists_limit(t.q, 100, 0));
		had = fill_list(&t);
		qt_assert_ok(quire_lists_limit(t.q, 300, 25));
		assert_int_equal(stats_of(&t, qt_cpu(0)).count, had);
		assert_true(fill_list(&t) > 100);
	}
	qt_end(&t);
}

/* Refills and overflows in turn, by which a list that adapts grows. */
static void take_turns(struct qt *t)
{
	assert_true(qt_cpu_bind(0));
	for (int turn = 0; turn < 20; turn++) {
		uint32_t n = 0;

		while (n < 1500 && (pfns[n] = quire_alloc_pfn(t->q, 0, 0)) != QUIRE_NO_PFN)
			n++;
		assert_int_equal(n, 1500);
		while (n > 0)
			qt_assert_ok(quire_free_pfn(t->q, pfns[--n]));
	}
	qt_cpu_unbind();
}

static void test_fixed_high_does_not_adapt(const struct qt_param *param)
{
	uint32_t made_high, made_batch;
	struct qt t;

	open_lists(&t, param, 0, 0);
	made_high = stats_of(&t, 0).high;
	made_batch = stats_of(&t, 0).batch;
	if (has_lists(&t)) {
		assert_true(made_high < qt_info(t.q).high);
		qt_assert_ok(quire_lists_limit(t.q, 200, 50));
		take_turns(&t);
		assert_limits(&t, 200, 50);
		/* and as at creation again */
		qt_assert_ok(quire_lists_limit(t.q, 0, 0));
		assert_limits(&t, made_high, made_batch);
		take_turns(&t);
		assert_true(stats_of(&t, qt_cpu(0)).high > made_high);
		assert_true(stats_of(&t, qt_cpu(0)).high <= qt_info(t.q).high);
	}
	qt_end(&t);
}

/* With high as it was, the least batch that is refused is above a quarter of where it begins. */
static void test_batch_alone(const struct qt_param *param)
{
	uint32_t made_high;
	struct qt t;

	open_lists(&t, param, 0, 0);
	made_high = stats_of(&t, 0).high;
	if (has_lists(&t)) {
		qt_assert_ok(quire_lists_limit(t.q, 0, 16));
		assert_limits(&t, made_high, 16);
		take_turns(&t);
		assert_true(stats_of(&t, qt_cpu(0)).high > made_high);
	}
	qt_end(&t);
}

/* A list that has grown beyond where it began, and has more pages than that. */
static void test_limits_as_at_creation_shorten_lists(const struct qt_param *param)
{
	uint32_t made_high;
	struct qt t;

	open_lists(&t, param, 0, 0);
	made_high = stats_of(&t, 0).high;
	if (has_lists(&t)) {
		struct quire_stats before;

		take_turns(&t);
		assert_true(fill_list(&t) > made_high);
		before = qt_stats(t.q);
		qt_assert_ok(quire_lists_limit(t.q, 0, 0));
		assert_true(stats_of(&t, qt_cpu(0)).count <= made_high);
		assert_true(qt_stats(t.q).free_lists < before.free_lists);
		assert_int_equal(qt_stats(t.q).drains, before.drains + 1);
	}
	qt_end(&t);
}

static void test_what_empties_nothing_is_no_drain(const struct qt_param *param)
{
	struct quire_stats before;
	struct qt t;

	open_lists(&t, param, HIGH, BATCH);
	for (int round = 0; round < 2; round++) {
		before = qt_stats(t.q);
		qt_assert_ok(quire_lists_limit(t.q, 0, 0));
		if (has_lists(&t))
			qt_assert_ok(quire_lists_limit(t.q, HIGH, BATCH));
		assert_int_equal(quire_drain(t.q, QUIRE_ALL_CPUS, HIGH), 0);
		assert_int_equal(qt_stats(t.q).drains, before.drains);
		assert_int_equal(qt_stats(t.q).drained_pages, before.drained_pages);
		assert_int_equal(qt_stats(t.q).free_lists, before.free_lists);
		(void)fill_list(&t);
		(void)quire_lists_limit(t.q, 0, 8); /* empties the depot */
		(void)quire_lists_limit(t.q, 0, BATCH);
	}
	qt_end(&t);
}

/* ---- Lists in other states ---- */

static void test_closed_list_finds_them_when_it_is_opened(const struct qt_param *param)
{
	struct qt t;

	open_lists(&t, param, HIGH, BATCH);
	if (has_lists(&t)) {
		fill_list(&t);
		assert_true(qi_front_divert(&t.q->front, (uint32_t)qt_cpu(0)));
		qt_assert_ok(quire_lists_limit(t.q, 60, 0));
		qi_front_undivert(&t.q->front, (uint32_t)qt_cpu(0));
		assert_limits(&t, 60, 15);
		assert_true(fill_list(&t) > 0);
		assert_limits(&t, 60, 15);
	}
	qt_end(&t);
}

static void test_low_mark_follows(const struct qt_param *param)
{
	struct qt t;

	open_lists(&t, param, HIGH, BATCH);
	if (has_lists(&t)) {
		const struct qp_list *list = qi_pcp_live(&t.q->front.pcps[0]);

		assert_int_equal(qi_list_low(list), BATCH / 4);
		qt_assert_ok(quire_lists_limit(t.q, 32, 8));
		assert_int_equal(qi_list_low(list), 2);
		qt_assert_ok(quire_lists_limit(t.q, 1, 1));
		assert_int_equal(qi_list_low(list), 0);
		qt_assert_ok(quire_lists_limit(t.q, 0, 0));
		assert_int_equal(qi_list_low(list), BATCH / 4);
	}
	qt_end(&t);
}

/* ---- The depot ---- */

/* Batches into the depot, by drains that keep them near; the most that it had. */
static uint64_t fill_depot(struct qt *t)
{
	uint64_t most = 0;

	for (int i = 0; i < 8; i++) {
		struct quire_stats stats;

		fill_list(t);
		quire_drain(t->q, qt_cpu(0), stats_of(t, qt_cpu(0)).count - 1);
		stats = qt_stats(t->q);
		assert_int_equal(stats.depot_in - stats.depot_out, stats.free_depot);
		if (stats.free_depot > most)
			most = stats.free_depot;
	}
	return most;
}

static void test_depot_follows_the_batch(const struct qt_param *param)
{
	static const uint32_t batches[] = { 1, 7, 32, 64, 33, 8, 50, 32 };
	struct qt t;

	open_lists(&t, param, HIGH, BATCH);
	for (size_t i = 0; has_lists(&t) && i < sizeof(batches) / sizeof(batches[0]); i++) {
		uint32_t batch = batches[i];
		uint32_t max = NR_DEPOT * BATCH / batch;
		uint32_t old = stats_of(&t, 0).batch;
		uint64_t most;

		if (max > NR_DEPOT)
			max = NR_DEPOT;
		qt_assert_ok(quire_lists_limit(t.q, 0, batch));
		if (batch != old)
			assert_int_equal(qt_stats(t.q).free_depot, 0);
		qt_assert_sound(t.q, 0);
		most = fill_depot(&t);
		assert_int_equal(most % batch, 0);
		assert_true(most <= (uint64_t)max * batch);
		if (param->cache->cache == QUIRE_CACHE_PCP)
			assert_true(most > 0);
		/* and everything comes out again, each page once */
		assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, pfns), NR_PAGES);
		assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, pfns), NR_PAGES);
	}
	qt_end(&t);
}

static void test_depot_without_room_for_a_batch(const struct qt_param *param)
{
	struct qt t;

	qt_begin(&t, param);
	t.config.max_pages = NR_PAGES;
	t.config.nr_cpus = 4;
	t.config.high = HIGH;
	t.config.batch = 8;
	t.config.nr_depot = 3; /* 24 pages */
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	if (has_lists(&t)) {
		qt_assert_ok(quire_lists_limit(t.q, 0, 25));
		assert_int_equal(fill_depot(&t), 0);
		qt_assert_ok(quire_lists_limit(t.q, 0, 24));
		assert_int_equal(fill_depot(&t) % 24, 0);
		qt_assert_sound(t.q, 0);
	}
	qt_end(&t);
}

struct drainer {
	struct quire *q;
	size_t moved;
};

static void *drain(void *context)
{
	struct drainer *drainer = context;

	drainer->moved = quire_drain(drainer->q, QUIRE_ALL_CPUS, 0);
	return NULL;
}

static void put_batches(struct qi_depot *depot, uint32_t nr, uint32_t batch, uint32_t *at)
{
	for (uint32_t i = 0; i < nr; i++, *at += batch)
		assert_true(qi_depot_put(depot, batch, pfns + *at));
}

/*
 * While a drain of two batches waits for the zone with the first one, others take the second, the
 * batch becomes shorter, and many of those are put in. The drain moves as many pages as there were
 * when it began, and what is left of a batch then: who keeps filling the depot keeps nobody in it.
 */
static void test_batch_changes_during_a_drain_of_the_depot(const struct qt_param *param)
{
	enum { LONG = 64, SHORT = 48, MANY_BATCHES = 20 };
	const struct qt_param unchecked = { .cache = param->cache, .check = QUIRE_CHECK_OFF };
	struct drainer drainer = { .moved = 0 };
	uint32_t second[LONG];
	struct qi_depot *depot;
	pthread_t thread;
	uint32_t at = 0;
	struct qt t;

	if (param->cache->cache == QUIRE_CACHE_NONE)
		return;
	qt_begin(&t, &unchecked);
	t.config.max_pages = NR_PAGES;
	t.config.batch = LONG;
	t.config.high = HIGH;
	t.config.nr_depot = MANY_BATCHES;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	drainer.q = t.q;
	depot = t.q->front.depot;
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES / 2, pfns), NR_PAGES / 2);
	(void)quire_drain(t.q, QUIRE_ALL_CPUS, 0);
	put_batches(depot, 2, LONG, &at);
	qi_zone_lock(&t.q->space, t.q->front.home);
	assert_int_equal(pthread_create(&thread, NULL, drain, &drainer), 0);
	while (qi_depot_count(depot) != LONG)
		sched_yield();
	assert_int_equal(qi_depot_get(depot, true, second), LONG);
	qi_depot_close(depot);
	assert_true(qi_depot_open(depot, SHORT, MANY_BATCHES));
	put_batches(depot, MANY_BATCHES, SHORT, &at);
	qi_zone_unlock(&t.q->space, t.q->front.home);
	pthread_join(thread, NULL);
	assert_int_equal(drainer.moved, LONG + 2 * SHORT);
	assert_int_equal(quire_free_bulk_pfn(t.q, LONG, second), LONG);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES / 2 - at, pfns + at), NR_PAGES / 2 - at);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(out_of_limits_is_refused),
		QT_TEST(tiny_instance_has_no_limits),
		QT_TEST(limits_hold_at_once),
		QT_TEST(longer_lists_are_shortened),
		QT_TEST(shorter_lists_are_left_alone),
		QT_TEST(fixed_high_does_not_adapt),
		QT_TEST(batch_alone),
		QT_TEST(limits_as_at_creation_shorten_lists),
		QT_TEST(what_empties_nothing_is_no_drain),
		QT_TEST(closed_list_finds_them_when_it_is_opened),
		QT_TEST(low_mark_follows),
		QT_TEST(depot_follows_the_batch),
		QT_TEST(depot_without_room_for_a_batch),
		QT_TEST(batch_changes_during_a_drain_of_the_depot),
	};

	return QT_RUN_CACHES(tests);
}
