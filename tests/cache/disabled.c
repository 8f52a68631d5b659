/* SPDX-License-Identifier: MIT */
/*
 * Lists that are disabled, with every cache: they stay empty whatever their CPUs do, what is freed there is
 * found by others at once and coalesces, disables nest for each CPU, and handlers go on all the while.
 */
#include "../pcp/load.h"
#include "cpu.h"
#include "sanitizer.h"

#include <sched.h>

enum {
	HIGH = 64,
	BATCH = 16,
	FILL = 40,
	DEEPEST = 4,
	STEPS = 400,
	ROUNDS = 240 / QT_SLOWER + 20,
	SAMPLES = 50,
	USED = 8, /* rounds, of which one waits until pages have moved meanwhile */
	BLOCK = 512, /* pages of order 9 */
	MOST_CPUS = 64,
};

static uint32_t pfns[CHURN_PAGES];

/* No stash: what is free is in lists, depot or zone. */
static void open_sized(struct qt *t, struct stress *s, const struct qt_param *param, uint32_t high,
		       uint32_t batch)
{
	qt_begin(t, param);
	t->config.max_pages = CHURN_PAGES;
	t->config.max_regions = 1;
	t->config.max_zones = 1;
	t->config.nr_cpus = (uint32_t)qt_cpu(qt_nr_cpus() - 1) + 1;
	t->config.high = high;
	t->config.batch = batch;
	t->config.nr_stash = UINT32_MAX;
	t->config.aids &= QUIRE_AID_TSAN;
	qt_create(t);
	qt_add_mapped(t, 0, CHURN_PAGES);
	assert_true(stress_init(s, t->q));
}

static void open_small(struct qt *t, struct stress *s, const struct qt_param *param)
{
	open_sized(t, s, param, HIGH, BATCH);
}

static bool has_lists(const struct qt *t)
{
	return qt_info(t->q).high > 0;
}

static struct quire_cpu_stats cpu_stats(const struct qt *t, unsigned int i)
{
	struct quire_cpu_stats stats = { .size = sizeof(stats) };

	qt_assert_ok(quire_cpu_stats_get(t->q, qt_cpu(i), &stats));
	return stats;
}

/* What has lists uses them where they are enabled. */
static void assert_used(const struct qt *t, unsigned int i, bool enabled)
{
	assert_int_equal(churn_fill(t->q, i, FILL) > 0, has_lists(t) && enabled);
}

/* ---- Nesting ---- */

/* By number: CPUs that this process may not use have lists, too. */
static void assert_depths(const struct qt *t, const uint32_t *depths)
{
	for (uint32_t cpu = 0; cpu < t->config.nr_cpus; cpu++) {
		struct quire_cpu_stats stats = { .size = sizeof(stats) };

		qt_assert_ok(quire_cpu_stats_get(t->q, (int)cpu, &stats));
		assert_int_equal(stats.disabled, has_lists(t) ? depths[cpu] : 0);
		assert_true(depths[cpu] == 0 || stats.count == 0);
	}
}

/* Up and down, of one and of all. */
static void step_depths(struct qt *t, uint32_t *depths, struct qt_random *random)
{
	bool all = qt_random_one_in(random, 4);
	bool down = qt_random_one_in(random, 2);
	uint32_t first = all ? 0 : qt_random_below(random, t->config.nr_cpus);
	uint32_t end = all ? t->config.nr_cpus : first + 1;
	int cpu = all ? QUIRE_ALL_CPUS : (int)first;
	bool can = true;

	for (uint32_t i = first; i < end; i++)
		can = can && (down ? depths[i] < DEEPEST : depths[i] > 0);
	if (!can)
		return;
	qt_assert_ok(down ? quire_lists_disable(t->q, cpu) : quire_lists_enable(t->q, cpu));
	for (uint32_t i = first; i < end; i++)
		depths[i] += down ? 1 : UINT32_MAX;
}

static void test_disables_nest(const struct qt_param *param)
{
	struct qt_random random = qt_random_seed(11);
	uint32_t depths[MOST_CPUS] = { 0 };
	struct stress s;
	struct qt t;

	open_small(&t, &s, param);
	assert_true(t.config.nr_cpus <= MOST_CPUS);
	for (unsigned int step = 0; step < STEPS; step++) {
		step_depths(&t, depths, &random);
		assert_depths(&t, depths);
		assert_used(&t, step, depths[qt_cpu(step)] == 0);
	}
	for (uint32_t cpu = 0; cpu < t.config.nr_cpus; cpu++)
		for (; depths[cpu] > 0; depths[cpu]--)
			qt_assert_ok(quire_lists_enable(t.q, (int)cpu));
	for (unsigned int i = 0; i < qt_nr_cpus(); i++)
		assert_used(&t, i, true);
	assert_depths(&t, depths);
	churn_close(&t, &s);
}

/* ---- What is freed ---- */

static void hold_all(struct qt *t)
{
	(void)quire_drain(t->q, QUIRE_ALL_CPUS, 0);
	assert_int_equal(quire_alloc_bulk_pfn(t->q, 0, 0, CHURN_PAGES, pfns), CHURN_PAGES);
}

static void free_on(struct qt *t, unsigned int i, size_t n, bool singly)
{
	assert_true(qt_cpu_bind(i));
	if (!singly)
		assert_int_equal(quire_free_bulk_pfn(t->q, n, pfns), n);
	for (size_t k = 0; singly && k < n; k++)
		qt_assert_ok(quire_free_pfn(t->q, pfns[k]));
	qt_cpu_unbind();
}

static size_t take_on(struct qt *t, unsigned int i, quire_gfp gfp, size_t n)
{
	size_t got;

	assert_true(qt_cpu_bind(i));
	got = quire_alloc_bulk_pfn(t->q, gfp, 0, n, pfns);
	qt_cpu_unbind();
	return got;
}

/* By requests that make no effort; with lists enabled they find nothing, as it lies in another CPU's. */
static void test_freed_pages_are_found_at_once(const struct qt_param *param)
{
	static const quire_gfp efforts[] = { QUIRE_NORETRY, QUIRE_NOWAIT, QUIRE_ATOMIC };
	static const size_t sizes[] = { 1, 3, 15, 24 };
	unsigned int from = 0, to = qt_nr_cpus() - 1;
	struct stress s;
	struct qt t;

	open_small(&t, &s, param);
	for (size_t i = 0; i < 3 * 4 * 2; i++) {
		quire_gfp gfp = efforts[i % 3];
		size_t n = sizes[i / 3 % 4];
		bool singly = i / 12 == 0;

		hold_all(&t);
		free_on(&t, from, n, singly);
		if (has_lists(&t) && to != from) {
			assert_int_equal(churn_listed(t.q, from), n);
			assert_int_equal(take_on(&t, to, gfp, n), 0);
			qt_assert_ok(quire_lists_disable(t.q, qt_cpu(from)));
		} else {
			qt_assert_ok(quire_lists_disable(t.q, QUIRE_ALL_CPUS));
		}
		assert_int_equal(take_on(&t, to, gfp, n), n);
		free_on(&t, from, n, singly);
		assert_int_equal(take_on(&t, to, gfp, n), n);
		assert_int_equal(quire_alloc_pfn(t.q, 0, 0), QUIRE_NO_PFN);
		qt_assert_ok(quire_lists_enable(t.q, has_lists(&t) && to != from ? qt_cpu(from)
										 : QUIRE_ALL_CPUS));
		assert_int_equal(quire_free_bulk_pfn(t.q, CHURN_PAGES, pfns), CHURN_PAGES);
	}
	churn_close(&t, &s);
}

/* ---- Blocks ---- */

static uint64_t whole_blocks(const struct qt *t)
{
	uint32_t first = (t->info[0].first_pfn + BLOCK - 1) / BLOCK;

	return (t->info[0].first_pfn + t->info[0].nr_pages) / BLOCK - first;
}

/* A page of each block is the last to be freed, so that it lies in some list, or in the depot. */
static void free_all_but_for_lists(struct qt *t)
{
	for (size_t k = 0; k < CHURN_PAGES; k++)
		if (pfns[k] % BLOCK != 0)
			qt_assert_ok(quire_free_pfn(t->q, pfns[k]));
	for (size_t k = 0; k < CHURN_PAGES; k++) {
		assert_true(pfns[k] % BLOCK != 0 || qt_cpu_bind((unsigned int)(pfns[k] / BLOCK)));
		if (pfns[k] % BLOCK == 0)
			qt_assert_ok(quire_free_pfn(t->q, pfns[k]));
	}
	qt_cpu_unbind();
}

/* Nothing but the lists keeps a block from being whole: while they are disabled all are, to be had at once. */
static void test_blocks_are_whole_while_disabled(const struct qt_param *param)
{
	uint32_t blocks[CHURN_PAGES / BLOCK];
	struct stress s;
	uint64_t whole;
	struct qt t;

	open_small(&t, &s, param);
	whole = whole_blocks(&t);
	assert_true(whole > 1);
	for (int round = 0; round < 4; round++) {
		hold_all(&t);
		free_all_but_for_lists(&t);
		assert_int_equal(qt_stats(t.q).free_pageblocks < whole, has_lists(&t));
		qt_assert_ok(quire_lists_disable(t.q, QUIRE_ALL_CPUS));
		(void)quire_drain(t.q, QUIRE_ALL_CPUS, 0);
		for (int again = 0; again < 2; again++) {
			struct quire_stats stats = qt_stats(t.q);

			assert_int_equal(stats.free_lists + stats.free_depot, 0);
			assert_int_equal(stats.free_pageblocks, whole);
			assert_int_equal(quire_alloc_bulk_pfn(t.q, QUIRE_ALL, 9, whole, blocks),
					 whole);
			assert_int_equal(quire_free_bulk_pfn(t.q, whole, blocks), whole);
			hold_all(&t);
			free_all_but_for_lists(&t);
			(void)quire_drain(t.q, QUIRE_ALL_CPUS, 0);
		}
		qt_assert_ok(quire_lists_enable(t.q, QUIRE_ALL_CPUS));
		for (unsigned int i = 0; i < qt_nr_cpus(); i++)
			assert_used(&t, i, true);
	}
	churn_close(&t, &s);
}

static void shuffle(struct qt_random *random)
{
	for (uint32_t n = CHURN_PAGES; n > 1; n--) {
		uint32_t other = qt_random_below(random, n);
		uint32_t pfn = pfns[n - 1];

		pfns[n - 1] = pfns[other];
		pfns[other] = pfn;
	}
}

/* Scattered batches as large as the depot's, which has room for them: in the zone they coalesce. */
static void free_scattered(struct qt *t, size_t at_once)
{
	struct qt_random random = qt_random_seed(23 + at_once);
	uint32_t block;

	hold_all(t);
	shuffle(&random);
	for (size_t done = 0, n; done < CHURN_PAGES; done += n) {
		n = CHURN_PAGES - done < at_once ? CHURN_PAGES - done : at_once;
		assert_int_equal(quire_free_bulk_pfn(t->q, n, pfns + done), n);
		assert_int_equal(qt_stats(t->q).free_depot, 0);
	}
	assert_int_equal(qt_stats(t->q).free_pageblocks, whole_blocks(t));
	block = quire_alloc_pfn(t->q, QUIRE_NORETRY, 9);
	assert_int_not_equal(block, QUIRE_NO_PFN);
	qt_assert_ok(quire_free_pfn(t->q, block));
}

static void test_scattered_batches_coalesce(const struct qt_param *param)
{
	static const size_t sizes[] = { 16, 64, 100, 1000, CHURN_PAGES };

	for (uint32_t batch = 16; batch <= 64; batch += 48) {
		struct stress s;
		struct qt t;

		open_sized(&t, &s, param, 4 * batch, batch);
		qt_assert_ok(quire_lists_disable(t.q, QUIRE_ALL_CPUS));
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			free_scattered(&t, sizes[i]);
		qt_assert_ok(quire_lists_enable(t.q, QUIRE_ALL_CPUS));
		churn_close(&t, &s);
	}
}

/* ---- Counts ---- */

static void test_emptied_lists_are_counted(const struct qt_param *param)
{
	struct quire_stats before, after;
	struct stress s;
	uint64_t n;
	struct qt t;

	open_small(&t, &s, param);
	n = churn_fill(t.q, 0, FILL);
	before = qt_stats(t.q);
	assert_int_equal(before.free_lists, n);
	qt_assert_ok(quire_lists_disable(t.q, QUIRE_ALL_CPUS));
	after = qt_stats(t.q);
	assert_int_equal(after.drains - before.drains, n > 0);
	assert_int_equal(after.drained_pages - before.drained_pages, n);
	/* nothing is left that a second one would take, or a drain */
	qt_assert_ok(quire_lists_disable(t.q, QUIRE_ALL_CPUS));
	assert_int_equal(quire_drain(t.q, QUIRE_ALL_CPUS, 0), before.free_depot);
	assert_int_equal(qt_stats(t.q).drains, after.drains);
	assert_int_equal(qt_stats(t.q).drained_pages, after.drained_pages + before.free_depot);
	qt_assert_ok(quire_lists_enable(t.q, QUIRE_ALL_CPUS));
	qt_assert_ok(quire_lists_enable(t.q, QUIRE_ALL_CPUS));
	churn_close(&t, &s);
}

/* ---- Under load ---- */

/* Empty at each look, and popped from and pushed to by nobody. */
static bool stay_empty(const struct qt *t, unsigned int first, unsigned int end)
{
	struct quire_cpu_stats before[MOST_CPUS];

	for (unsigned int i = first; i < end; i++)
		before[i] = cpu_stats(t, i);
	for (int sample = 0; sample < SAMPLES; sample++)
		for (unsigned int i = first; i < end; i++) {
			struct quire_cpu_stats now = cpu_stats(t, i);

			if (now.count != 0 || now.pops != before[i].pops ||
			    now.pushes != before[i].pushes || now.disabled != before[i].disabled)
				return false;
		}
	return true;
}

static uint64_t zone_uses(const struct qt *t)
{
	struct quire_stats stats = qt_stats(t->q);

	return stats.zone_taken + stats.zone_given;
}

/* Until somebody has been at the zone, where the CPUs' requests go now. */
static void wait_for_zone(const struct qt *t, const struct load *l)
{
	uint64_t before = zone_uses(t);

	while (zone_uses(t) == before && !churn_went_wrong(l->s))
		sched_yield();
}

static void test_they_stay_empty_under_load(const struct qt_param *param)
{
	static struct load load;
	uint32_t wrong = 0;
	struct stress s;
	struct qt t;

	open_small(&t, &s, param);
	load_begin(&load, &s);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		bool all = round % 3 == 0;
		unsigned int first = all ? 0 : round % qt_nr_cpus();
		unsigned int end = all ? qt_nr_cpus() : first + 1;
		int cpu = all ? QUIRE_ALL_CPUS : qt_cpu(first);

		if (round % 4 == 1)
			qt_assert_ok(quire_cpu_isolate(t.q, QUIRE_ALL_CPUS, round % 8 == 1));
		qt_assert_ok(quire_lists_disable(t.q, cpu));
		if (round % 5 == 0)
			qt_assert_ok(quire_cpu_isolate(t.q, cpu, round % 2 == 0));
		if (round % USED == 0)
			wait_for_zone(&t, &load);
		wrong += !stay_empty(&t, first, end);
		if (round % 2 == 0) {
			qt_assert_ok(quire_lists_disable(t.q, cpu));
			qt_assert_ok(quire_lists_enable(t.q, cpu));
			wrong += !stay_empty(&t, first, end);
		}
		qt_assert_ok(quire_lists_enable(t.q, cpu));
		if (round % USED == 0 && has_lists(&t))
			load_wait(&load, first);
	}
	load_end(&load);
	assert_int_equal(wrong, 0);
	churn_close(&t, &s);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(disables_nest),
		QT_TEST(freed_pages_are_found_at_once),
		QT_TEST(blocks_are_whole_while_disabled),
		QT_TEST(scattered_batches_coalesce),
		QT_TEST(emptied_lists_are_counted),
		QT_TEST(they_stay_empty_under_load),
	};

	return QT_RUN_CACHES(tests);
}
