/* SPDX-License-Identifier: MIT */
/* CPUs' lists as their users see them: limits, drains, statistics, handlers, one list for all. */
#include "cpu.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

#define NR_PAGES 16384u

static uint32_t all[NR_PAGES];

static struct quire_cpu_stats cpu_stats(struct qt *t, int cpu)
{
	struct quire_cpu_stats s = { .size = sizeof(s) };

	qt_assert_ok(quire_cpu_stats_get(t->q, cpu, &s));
	return s;
}

/* Fill the lists: hold n pages, then free them one by one on each CPU in turn. */
static void fill_lists(struct qt *t, size_t n)
{
	assert_int_equal(quire_alloc_bulk_pfn(t->q, 0, 0, n, all), n);
	for (size_t i = 0; i < n; i++) {
		if (i % 256 == 0)
			assert_true(qt_cpu_bind((unsigned int)(i / 256)));
		qt_assert_ok(quire_free_pfn(t->q, all[i]));
	}
	qt_cpu_unbind();
}

static bool has_lists(const struct qt *t)
{
	return t->config.require != QUIRE_CACHE_NONE;
}

static void test_never_above_high(const struct qt_param *param)
{
	struct quire_info info;
	uint64_t in_lists = 0;
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	fill_lists(&t, NR_PAGES);
	info = qt_info(t.q);
	assert_true(info.high <= 2048);
	assert_true((uint64_t)info.high * info.nr_cpus <= NR_PAGES / 8);
	for (uint32_t cpu = 0; cpu < info.nr_cpus; cpu++) {
		struct quire_cpu_stats s = cpu_stats(&t, (int)cpu);

		assert_true(s.count <= s.high);
		assert_true(s.high <= info.high);
		in_lists += s.count;
	}
	assert_int_equal(in_lists, qt_stats(t.q).free_lists);
	assert_int_equal(in_lists > 0, has_lists(&t));
	qt_end(&t);
}

static void test_drain_of_all_empties_lists_and_depots(const struct qt_param *param)
{
	struct quire_stats before, after;
	struct qt t;
	size_t moved;

	qt_open_unmapped(&t, param, NR_PAGES);
	fill_lists(&t, NR_PAGES);
	before = qt_stats(t.q);
	moved = quire_drain(t.q, QUIRE_ALL_CPUS, 0);
	after = qt_stats(t.q);
	assert_int_equal(moved, before.free_lists + before.free_depot);
	assert_int_equal(after.free_lists + after.free_depot, 0);
	assert_int_equal(after.free_zone, before.free_zone + moved);
	assert_int_equal(quire_drain(t.q, QUIRE_ALL_CPUS, 0), 0);
	qt_assert_sound(t.q, 0);
	if (has_lists(&t))
		assert_true(moved > 0);
	qt_end(&t);
}

static void test_drain_keeps_as_many_as_told(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (size_t keep = 0; keep < 200; keep += 33) {
		fill_lists(&t, NR_PAGES);
		for (unsigned int i = 0; i < qt_nr_cpus(); i++) {
			int cpu = qt_cpu(i);
			uint32_t before = cpu_stats(&t, cpu).count, after;
			size_t moved = quire_drain(t.q, cpu, keep);

			after = cpu_stats(&t, cpu).count;
			assert_true(after <= keep);
			assert_int_equal(moved, before - after);
			/* pcp keeps what it may keep in the depot, not in the list. */
			if (before >= keep && t.config.require != QUIRE_CACHE_PCP)
				assert_int_equal(after, keep);
		}
		qt_assert_sound(t.q, 0);
	}
	qt_end(&t);
}

static void test_drain_of_an_unknown_cpu_is_reported(const struct qt_param *param)
{
	struct quire_cpu_stats s = { .size = sizeof(s) };
	struct qt t;

	qt_begin(&t, param);
	t.config.nr_cpus = 3;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, 4096);
	assert_int_equal(qt_info(t.q).nr_cpus, 3);
	assert_int_equal(quire_drain(t.q, 3, 0), 0);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "3");
	assert_int_equal(quire_drain(t.q, -2, 0), 0);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "-2");
	qt_assert_err(quire_cpu_stats_get(t.q, 3, &s), ENOENT);
	qt_assert_err(quire_cpu_stats_get(t.q, -1, &s), ENOENT);
	qt_end(&t);
}

/* A CPU whose number is not below nr_cpus has no list: its calls work all the same. */
static void test_cpus_beyond_nr_cpus_use_the_zone(const struct qt_param *param)
{
	struct qt t;

	qt_begin(&t, param);
	t.config.nr_cpus = 1;
	t.config.max_pages = NR_PAGES;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	fill_lists(&t, NR_PAGES);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, all), NR_PAGES);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, all), NR_PAGES);
	qt_end(&t);
}

static void test_one_list_serves_all(const struct qt_param *param)
{
	struct quire_cpu_stats s;
	struct qt t;

	qt_begin(&t, param);
	t.config.flags |= QUIRE_CONFIG_ONE_LIST;
	t.config.max_pages = NR_PAGES;
	if (param->cache->cache == QUIRE_CACHE_PCP) { /* one list for all needs a lock */
		qt_assert_err(quire_create(&t.config, &t.q), EOPNOTSUPP);
		qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "pcp", "lock");
		return;
	}
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	fill_lists(&t, 4096);
	s = cpu_stats(&t, 0);
	assert_int_equal(s.count, qt_stats(t.q).free_lists);
	assert_int_equal(s.count > 0, has_lists(&t));
	assert_int_equal(quire_drain(t.q, 0, 0), s.count);
	qt_end(&t);
}

static void test_pops_and_pushes_are_counted(const struct qt_param *param)
{
	struct quire_stats before, after;
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	fill_lists(&t, 1024);
	before = qt_stats(t.q);
	assert_true(qt_cpu_bind(0));
	for (int i = 0; i < 100; i++) {
		uint32_t pfn = quire_alloc_pfn(t.q, 0, 0);

		qt_assert_ok(quire_free_pfn(t.q, pfn));
	}
	qt_cpu_unbind();
	after = qt_stats(t.q);
	assert_int_equal(after.list_pops - before.list_pops, has_lists(&t) ? 100 : 0);
	assert_true(after.list_pushes - before.list_pushes >= (has_lists(&t) ? 100u : 0u));
	if (!has_lists(&t))
		assert_int_equal(after.zone_taken - before.zone_taken, 100);
	qt_end(&t);
}

/* NOIRQ: a handler's requests leave the lists alone; without it they may use them. */
static void test_handlers_keep_off_exclusive_lists(const struct qt_param *param)
{
	struct quire_stats before, after;
	uint32_t pfn;
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	fill_lists(&t, 1024);
	before = qt_stats(t.q);
	quire_handler_enter();
	quire_handler_enter();
	quire_handler_exit();
	for (int i = 0; i < 50; i++) {
		qt_assert_ok(quire_alloc_pfn_err(t.q, QUIRE_ATOMIC, 0, &pfn));
		qt_assert_ok(quire_free_pfn(t.q, pfn));
	}
	quire_handler_exit();
	after = qt_stats(t.q);
	if (param->cache->flags & QUIRE_CONFIG_NOIRQ) {
		assert_int_equal(after.list_pops, before.list_pops);
		assert_int_equal(after.list_pushes, before.list_pushes);
	} else if (has_lists(&t)) {
		assert_true(after.list_pops > before.list_pops);
	}
	qt_assert_ok(quire_alloc_pfn_err(t.q, 0, 0, &pfn));
	assert_true(!has_lists(&t) || qt_stats(t.q).list_pops > after.list_pops);
	qt_assert_ok(quire_free_pfn(t.q, pfn));
	qt_end(&t);
}

static void test_limits_of_the_configuration_hold(const struct qt_param *param)
{
	struct quire_info info;
	struct qt t;

	qt_begin(&t, param);
	t.config.nr_cpus = 2;
	t.config.max_pages = NR_PAGES;
	t.config.high = 100;
	t.config.batch = 10;
	t.config.nr_depot = 3;
	t.config.nr_stash = 5;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	fill_lists(&t, NR_PAGES);
	info = qt_info(t.q);
	assert_int_equal(info.nr_stash, 5);
	if (has_lists(&t)) {
		assert_int_equal(info.high, 100);
		assert_int_equal(info.batch, 10);
		assert_int_equal(info.nr_depot, 3);
		assert_true(cpu_stats(&t, 0).count <= 100);
		assert_true(qt_stats(t.q).free_depot <= 3 * 10);
	}
	assert_true(qt_stats(t.q).free_stash <= 5);
	qt_end(&t);
}

/* The sum of all lists is bounded by the pages there are, whatever is asked for. */
static void test_high_above_the_allowance_is_lowered(const struct qt_param *param)
{
	struct qt t;

	qt_begin(&t, param);
	t.config.nr_cpus = 4;
	t.config.max_pages = 4096;
	t.config.high = 2048;
	qt_create(&t);
	assert_int_equal(qt_info(t.q).high, has_lists(&t) ? 4096 / 8 / 4 : 0);
	qt_end(&t);
}

/* As snprintf(): the whole length, always terminated, nothing written behind the end. */
static void test_statistics_as_text(const struct qt_param *param)
{
	char text[8192], small[64];
	size_t n;
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	fill_lists(&t, 1000);
	n = quire_stats_text(t.q, text, sizeof(text));
	assert_true(n > 100 && n < sizeof(text));
	assert_int_equal(strlen(text), n);
	assert_non_null(strstr(text, "managed"));
	assert_non_null(strstr(text, "16384"));
	assert_int_equal(text[n - 1], '\n');
	assert_int_equal(quire_stats_text(t.q, NULL, 0), n);
	for (size_t bytes = 1; bytes < sizeof(small); bytes++) {
		memset(small, 0x7f, sizeof(small));
		assert_int_equal(quire_stats_text(t.q, small, bytes), n);
		assert_int_equal(strlen(small), bytes - 1);
		assert_memory_equal(small, text, bytes - 1);
		if (bytes < sizeof(small))
			assert_int_equal(small[bytes], 0x7f);
	}
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(never_above_high),
		QT_TEST(drain_of_all_empties_lists_and_depots),
		QT_TEST(drain_keeps_as_many_as_told),
		QT_TEST(drain_of_an_unknown_cpu_is_reported),
		QT_TEST(cpus_beyond_nr_cpus_use_the_zone),
		QT_TEST(one_list_serves_all),
		QT_TEST(pops_and_pushes_are_counted),
		QT_TEST(handlers_keep_off_exclusive_lists),
		QT_TEST(limits_of_the_configuration_hold),
		QT_TEST(high_above_the_allowance_is_lowered),
		QT_TEST(statistics_as_text),
	};

	return QT_RUN(tests);
}
