/* SPDX-License-Identifier: MIT */
/*
 * Bad input to allocations and lists: orders, flags, forms that a region does not have, NULL, CPUs that
 * there are not, modes that they are not in.
 */
#include "child.h"
#include "test.h"

#include <limits.h>
#include <string.h>

#define NR_PAGES 2048u
#define MOST_CPUS 64u

/* All three twins refuse the same way, outputs untouched. */
static void refused_at(struct qt *t, quire_gfp gfp, unsigned int order, int err, const char *word)
{
	void *page = t;
	uint32_t pfn = 0x77;
	uint64_t offset = 0x88;

	qt_assert_err_at(quire_alloc_err(t->q, gfp, order, &page), err, "quire_alloc_err", word,
			 (int)gfp);
	assert_int_equal(t->reports.last.error, err);
	assert_string_equal(t->reports.call, "quire_alloc_err");
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, word);
	qt_assert_err_at(quire_alloc_pfn_err(t->q, gfp, order, &pfn), err, "quire_alloc_pfn_err",
			 word, (int)gfp);
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, word);
	qt_assert_err_at(quire_alloc_offset_err(t->q, t->region[0], gfp, order, &offset), err,
			 "quire_alloc_offset_err", word, (int)gfp);
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, word);
	assert_ptr_equal(page, t);
	assert_int_equal(pfn, 0x77);
	assert_int_equal(offset, 0x88);
	qt_assert_sound(t->q, 0);
}

/* The bulk calls return 0 and leave the slots. */
static void refused_bulk(struct qt *t, quire_gfp gfp, unsigned int order, const char *word)
{
	uint32_t pfns[3] = { QUIRE_NO_PFN, 5, 6 };
	uint64_t offsets[3] = { QUIRE_NO_OFFSET, 5, 6 };
	void *pages[3] = { NULL, t, t };

	assert_int_equal(quire_alloc_bulk(t->q, gfp, order, 3, pages), 0);
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, word);
	assert_int_equal(quire_alloc_bulk_pfn(t->q, gfp, order, 3, pfns), 0);
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, word);
	assert_int_equal(quire_alloc_bulk_offset(t->q, t->region[0], gfp, order, 3, offsets), 0);
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, word);
	assert_true(!pages[0] && pages[1] == t && pages[2] == t);
	assert_true(pfns[0] == QUIRE_NO_PFN && pfns[1] == 5 && pfns[2] == 6);
	assert_true(offsets[0] == QUIRE_NO_OFFSET && offsets[1] == 5 && offsets[2] == 6);
	qt_assert_sound(t->q, 0);
}

static void test_order_out_of_range(const struct qt_param *param)
{
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	refused_at(&t, 0, 19, -QUIRE_EINVAL, "19");
	refused_at(&t, 0, 19, -QUIRE_EINVAL, "18");
	refused_at(&t, 0, UINT32_MAX, -QUIRE_EINVAL, "4294967295");
	refused_bulk(&t, 0, 19, "18");
	assert_null(quire_alloc(t.q, 0, 19));
	assert_int_equal(quire_alloc_pfn(t.q, 0, 64), QUIRE_NO_PFN);
	assert_true(quire_alloc_offset(t.q, t.region[0], 0, 32) == QUIRE_NO_OFFSET);
	qt_end(&t);
}

static void test_flags_unknown_or_contradictory(const struct qt_param *param)
{
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	refused_at(&t, UINT32_C(1) << 31, 0, -QUIRE_EINVAL, "0x80000000");
	refused_at(&t, QUIRE_ATOMIC | QUIRE_NOWAIT, 0, -QUIRE_EINVAL, "QUIRE_NOWAIT");
	refused_bulk(&t, UINT32_C(1) << 20, 0, "0x100000");
	refused_bulk(&t, QUIRE_ATOMIC | QUIRE_NOWAIT, 0, "QUIRE_ATOMIC");
	qt_end(&t);
}

/* Settled in the header, refused until their engine is there. */
static void test_flags_of_later_versions(const struct qt_param *param)
{
	static const struct {
		quire_gfp gfp;
		const char *name;
	} later[] = {
		{ QUIRE_WAIT, "QUIRE_WAIT" },
		{ QUIRE_NOFAIL, "QUIRE_NOFAIL" },
		{ QUIRE_RETRY_MAYFAIL, "QUIRE_RETRY_MAYFAIL" },
		{ QUIRE_HIGH, "QUIRE_HIGH" },
		{ QUIRE_THISNODE, "QUIRE_THISNODE" },
	};
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		refused_at(&t, later[i].gfp, 0, -QUIRE_EOPNOTSUPP, later[i].name);
		refused_at(&t, later[i].gfp | QUIRE_ZERO, 3, -QUIRE_EOPNOTSUPP, later[i].name);
		refused_bulk(&t, later[i].gfp, 0, later[i].name);
	}
	qt_end(&t);
}

static void test_no_cpu_mapping(const struct qt_param *param)
{
	void *page = &page, *pages[2] = { NULL, &page };
	uint32_t pfn = 7;
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	qt_assert_err(quire_alloc_err(t.q, 0, 0, &page), EFAULT);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "mapping", "pfn");
	qt_assert_err(quire_alloc_pfn_err(t.q, QUIRE_ZERO, 0, &pfn), EFAULT);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "QUIRE_ZERO", "mapping");
	assert_null(quire_alloc(t.q, 0, 0));
	qt_reports_clear(&t.reports);
	assert_int_equal(quire_alloc_bulk(t.q, 0, 0, 2, pages), 0);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "mapping");
	assert_int_equal(quire_fill(t.q, 0, 2, pages), 1); /* the slot that was populated before */
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "mapping");
	assert_null(pages[0]);
	assert_ptr_equal(page, &page);
	assert_int_equal(pfn, 7);
	qt_assert_sound(t.q, 0);
	qt_end(&t);
}

/*
 * One unmapped region among mapped ones: any page might come from it. The offset form names its
 * region.
 */
static void test_one_region_without_a_mapping(const struct qt_param *param)
{
	void *page = NULL;
	uint64_t offset;
	struct qt t;

	qt_begin(&t, param);
	qt_create(&t);
	qt_add_mapped(&t, 0, 100);
	qt_assert_ok(quire_alloc_err(t.q, 0, 0, &page));
	qt_add_unmapped(&t, 1, UINT64_C(1) << 40, 100);
	qt_assert_err(quire_alloc_err(t.q, 0, 0, (void *[]){ NULL }), EFAULT);
	qt_assert_err(quire_alloc_pfn_err(t.q, QUIRE_ZERO, 0, (uint32_t[]){ 0 }), EFAULT);
	qt_assert_ok(quire_alloc_offset_err(t.q, t.region[0], QUIRE_ZERO, 0, &offset));
	qt_assert_ok(quire_free_offset(t.q, t.region[0], offset));
	qt_assert_err(quire_alloc_offset_err(t.q, t.region[1], QUIRE_ZERO, 0, &offset), EFAULT);
	qt_assert_ok(quire_free(t.q, page));
	qt_end(&t);
}

static void test_no_such_region(const struct qt_param *param)
{
	static const uint32_t ids[] = { 0, 2, 4096, UINT32_MAX };
	uint64_t offset = 0x88;
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	for (size_t i = 0; i < 4; i++) {
		struct quire_region none = { ids[i] };

		qt_assert_err(quire_alloc_offset_err(t.q, none, 0, 0, &offset), ENOENT);
		qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "region");
		qt_assert_err(quire_free_offset(t.q, none, 0), ENOENT);
		qt_assert_report(&t.reports, QUIRE_REPORT_BAD_FREE, "region");
		assert_int_equal(quire_alloc_bulk_offset(t.q, none, 0, 0, 1, &offset), 0);
		assert_int_equal(quire_fill_offset(t.q, none, 0, 1,
						   (uint64_t[]){ QUIRE_NO_OFFSET }),
				 0);
		qt_reports_clear(&t.reports);
	}
	assert_int_equal(offset, 0x88);
	qt_end(&t);
}

static void test_null_arguments(const struct qt_param *param)
{
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	qt_assert_err(quire_alloc_err(t.q, 0, 0, NULL), EINVAL);
	qt_assert_err(quire_alloc_pfn_err(t.q, 0, 0, NULL), EINVAL);
	qt_assert_err(quire_alloc_offset_err(t.q, t.region[0], 0, 0, NULL), EINVAL);
	qt_reports_clear(&t.reports);
	assert_int_equal(quire_alloc_bulk(t.q, 0, 0, 3, NULL), 0);
	assert_true(atomic_load(&t.reports.nr[0]) == 1);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 3, NULL), 0);
	assert_int_equal(quire_alloc_bulk_offset(t.q, t.region[0], 0, 0, 3, NULL), 0);
	qt_reports_clear(&t.reports);
	assert_int_equal(quire_fill(t.q, 0, 3, NULL), 0);
	assert_true(atomic_load(&t.reports.nr[0]) == 1);
	qt_reports_clear(&t.reports);
	assert_int_equal(quire_free_bulk(t.q, 3, NULL), 0);
	assert_true(atomic_load(&t.reports.nr[0]) == 1);
	assert_int_equal(quire_free_bulk_pfn(t.q, 3, NULL), 0);
	qt_assert_err(quire_held_visit(t.q, NULL, NULL), EINVAL);
	qt_assert_sound(t.q, 0);
	qt_assert_err(quire_info_get(NULL,
				     &(struct quire_info){ .size = sizeof(struct quire_info) }),
		      EINVAL);
	qt_assert_err(quire_stats_get(NULL,
				      &(struct quire_stats){ .size = sizeof(struct quire_stats) }),
		      EINVAL);
	qt_end(&t);
}

static void test_sizes_of_result_structures(const struct qt_param *param)
{
	struct {
		struct quire_stats stats;
		unsigned char tail[32];
	} large;
	struct quire_info info = { .size = 0 };
	struct quire_stats stats = { .size = 4 };
	struct quire_cpu_stats cpu = { .size = 0 };
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	qt_assert_err(quire_info_get(t.q, &info), EINVAL);
	qt_assert_err(quire_info_get(t.q, NULL), EINVAL);
	qt_assert_err(quire_stats_get(t.q, &stats), EINVAL);
	qt_assert_err(quire_stats_get(t.q, NULL), EINVAL);
	qt_assert_err(quire_cpu_stats_get(t.q, 0, &cpu), EINVAL);
	qt_assert_err(quire_cpu_stats_get(t.q, 0, NULL), EINVAL);
	/* A caller from a newer header is told how much was filled. */
	memset(&large, 0x5a, sizeof(large));
	large.stats.size = sizeof(large);
	qt_assert_ok(quire_stats_get(t.q, &large.stats));
	assert_int_equal(large.stats.size, sizeof(large.stats));
	assert_int_equal(large.stats.managed, NR_PAGES);
	assert_int_equal(large.tail[0], 0x5a);
	/* One from an older header gets what it knows. */
	memset(&stats, 0x5a, sizeof(stats));
	stats.size = offsetof(struct quire_stats, reserved);
	qt_assert_ok(quire_stats_get(t.q, &stats));
	assert_int_equal(stats.managed, NR_PAGES);
	assert_true(stats.reserved == UINT64_C(0x5a5a5a5a5a5a5a5a));
	qt_end(&t);
}

/* ---- Modes of CPUs ---- */

/* Of all CPUs, in a row. */
struct modes {
	uint32_t nr;
	struct quire_cpu_stats cpu[MOST_CPUS];
};

static void look(const struct qt *t, struct modes *m)
{
	memset(m, 0, sizeof(*m)); /* all of it is compared */
	m->nr = qt_info(t->q).nr_cpus;
	assert_true(m->nr <= MOST_CPUS);
	for (uint32_t i = 0; i < m->nr; i++) {
		m->cpu[i].size = sizeof(m->cpu[i]);
		qt_assert_ok(quire_cpu_stats_get(t->q, (int)i, &m->cpu[i]));
	}
}

static void assert_same_modes(const struct qt *t, const struct modes *before)
{
	struct modes now;

	look(t, &now);
	assert_memory_equal(&now, before, sizeof(now));
}

enum {
	NR_CALLS = 4,
};

static const char *const mode_calls[NR_CALLS] = { "quire_cpu_isolate", "quire_cpu_isolate",
						  "quire_lists_disable", "quire_lists_enable" };

static int call_mode(const struct qt *t, unsigned int call, int cpu)
{
	switch (call) {
	case 0:
		return quire_cpu_isolate(t->q, cpu, 1);
	case 1:
		return quire_cpu_isolate(t->q, cpu, 0);
	case 2:
		return quire_lists_disable(t->q, cpu);
	default:
		return quire_lists_enable(t->q, cpu);
	}
}

static void test_modes_of_unknown_cpus(const struct qt_param *param)
{
	struct modes before;
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	qt_assert_ok(quire_lists_disable(t.q, 0)); /* so that there is something to enable */
	look(&t, &before);
	for (unsigned int call = 0; call < NR_CALLS; call++) {
		const struct {
			int cpu;
			const char *word;
		} unknown[] = { { (int)before.nr, "QUIRE_ALL_CPUS" },
				{ INT_MAX, "2147483647" },
				{ -7, "-7" },
				{ INT_MIN, "-2147483648" } };

		for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
			qt_assert_err(call_mode(&t, call, unknown[i].cpu), ENOENT);
			assert_string_equal(t.reports.call, mode_calls[call]);
			qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, unknown[i].word);
			assert_same_modes(&t, &before);
		}
	}
	qt_assert_ok(quire_lists_enable(t.q, 0));
	qt_assert_no_report(&t.reports);
	qt_end(&t);
}

/* A cache without lists has none to close, and none that is open. */
static bool has_lists(const struct qt *t)
{
	return qt_info(t->q).high > 0;
}

static void assert_cannot_enable(struct qt *t, int cpu)
{
	struct modes before;

	look(t, &before);
	qt_assert_err(quire_lists_enable(t->q, cpu), EINVAL);
	assert_string_equal(t->reports.call, "quire_lists_enable");
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, "quire_lists_disable()");
	assert_same_modes(t, &before);
}

/* Of all or of one; and none is enabled where one of them is not disabled, whichever it is. */
static void test_enabling_what_is_not_disabled(const struct qt_param *param)
{
	struct modes m;
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	look(&t, &m);
	for (int open = 0; has_lists(&t) && open < (int)m.nr; open++) {
		assert_cannot_enable(&t, open);
		assert_cannot_enable(&t, QUIRE_ALL_CPUS);
		for (int cpu = 0; cpu < (int)m.nr; cpu++)
			if (cpu != open)
				qt_assert_ok(quire_lists_disable(t.q, cpu));
		assert_cannot_enable(&t, open);
		assert_cannot_enable(&t, QUIRE_ALL_CPUS);
		qt_assert_ok(quire_lists_disable(t.q, open));
		qt_assert_ok(quire_lists_enable(t.q, QUIRE_ALL_CPUS));
		assert_cannot_enable(&t, open);
	}
	look(&t, &m);
	for (uint32_t i = 0; i < m.nr; i++)
		assert_int_equal(m.cpu[i].disabled, 0);
	qt_end(&t);
}

/* Any number but 0 isolates; again and back again is no error. */
static void test_isolating_again(const struct qt_param *param)
{
	static const int on[] = { 1, -1, INT_MAX, INT_MIN, 0, 0 };
	struct modes m = { 0 };
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
		qt_assert_ok(quire_cpu_isolate(t.q, i % 2 == 0 ? 0 : QUIRE_ALL_CPUS, on[i]));
		look(&t, &m);
		assert_int_equal(m.cpu[0].isolated, on[i] != 0 && has_lists(&t));
	}
	for (uint32_t i = 0; i < m.nr; i++)
		assert_int_equal(m.cpu[i].isolated, 0);
	qt_assert_no_report(&t.reports);
	qt_end(&t);
}

static int change_modes_of_the_dead(void *context)
{
	const struct qt *t = context;

	for (unsigned int call = 0; call < NR_CALLS; call++) {
		QT_STEP(1, call_mode(t, call, 0) == -QUIRE_EOWNERDEAD);
		QT_STEP(2, call_mode(t, call, QUIRE_ALL_CPUS) == -QUIRE_EOWNERDEAD);
		QT_STEP(3, call_mode(t, call, 12345) == -QUIRE_EOWNERDEAD);
	}
	return 0;
}

static void test_modes_of_a_dead_instance(const struct qt_param *param)
{
	struct modes before;
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	qt_assert_ok(quire_lists_disable(t.q, 0));
	look(&t, &before);
	qt_in_child(change_modes_of_the_dead, &t);
	assert_same_modes(&t, &before);
	qt_end(&t); /* lists may be disabled still */
}

static void test_refused_calls_are_counted(const struct qt_param *param)
{
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	for (int i = 0; i < 5; i++)
		assert_null(quire_alloc(t.q, 0, 99));
	assert_int_equal(qt_stats(t.q).bad_calls, 5);
	assert_int_equal(qt_stats(t.q).bad_frees, 0);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(order_out_of_range),
		QT_TEST(flags_unknown_or_contradictory),
		QT_TEST(flags_of_later_versions),
		QT_TEST(no_cpu_mapping),
		QT_TEST(one_region_without_a_mapping),
		QT_TEST(no_such_region),
		QT_TEST(null_arguments),
		QT_TEST(sizes_of_result_structures),
		QT_TEST(modes_of_unknown_cpus),
		QT_TEST(enabling_what_is_not_disabled),
		QT_TEST(isolating_again),
		QT_TEST(modes_of_a_dead_instance),
		QT_TEST(refused_calls_are_counted),
	};

	return QT_RUN_CACHES(tests);
}
