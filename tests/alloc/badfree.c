/* SPDX-License-Identifier: MIT */
/* Bad frees: each refused with its error, described, counted, and without harm to the instance. */
#include "test.h"

#include <stdio.h>

#define NR_PAGES 2048u

/*
 * With QUIRE_CHECK_OFF wrong frees of order 0 are the caller's fault: only foreign ones are tested
 * then.
 */
static bool checked(const struct qt_param *param)
{
	return param->check != QUIRE_CHECK_OFF;
}

static void refused(struct qt *t, uint32_t pfn, int err, const char *word)
{
	uint64_t held = qt_stats(t->q).held, bad = qt_stats(t->q).bad_frees;
	char number[16];

	snprintf(number, sizeof(number), "%u", pfn);
	qt_assert_err_at(quire_free_pfn(t->q, pfn), err, "quire_free_pfn", word, (int)pfn);
	assert_int_equal(t->reports.last.error, err);
	assert_int_equal(t->reports.last.pfn, pfn);
	assert_int_equal(t->reports.last.kind, QUIRE_REPORT_BAD_FREE);
	assert_string_equal(t->reports.call, "quire_free_pfn");
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_FREE, word, number);
	assert_int_equal(qt_stats(t->q).bad_frees, bad + 1);
	qt_assert_sound(t->q, held);
}

static void test_double_free(const struct qt_param *param)
{
	struct qt t;

	if (!checked(param))
		return;
	qt_open_unmapped(&t, param, NR_PAGES);
	for (unsigned int order = 0; order < 11; order++) {
		uint32_t pfn = quire_alloc_pfn(t.q, 0, order);

		qt_assert_ok(quire_free_pfn(t.q, pfn));
		for (int i = 0; i < 3; i++)
			refused(&t, pfn, -QUIRE_EALREADY, "free");
		quire_drain(t.q, QUIRE_ALL_CPUS, 0);
		refused(&t, pfn, -QUIRE_EALREADY, "free");
	}
	qt_end(&t);
}

static void test_double_free_of_a_page_in_the_stash(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES];
	struct qt t;

	if (!checked(param))
		return;
	qt_begin(&t, param);
	t.config.nr_stash = 64;
	t.config.max_pages = NR_PAGES;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, pfns), NR_PAGES);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, pfns), NR_PAGES);
	for (uint32_t i = 0; i < NR_PAGES; i++)
		refused(&t, pfns[i], -QUIRE_EALREADY, "free");
	qt_end(&t);
}

static void test_double_free_within_one_bulk_call(const struct qt_param *param)
{
	static uint32_t pfns[300];
	struct qt t;

	if (!checked(param))
		return;
	qt_open_unmapped(&t, param, NR_PAGES);
	for (size_t n = 2; n <= 300; n = n * 2 + 1) {
		assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, n - 1, pfns), n - 1);
		pfns[n - 1] = pfns[(n - 1) / 2];
		assert_int_equal(quire_free_bulk_pfn(t.q, n, pfns), n - 1);
		assert_int_equal(t.reports.last.pfn, pfns[n - 1]);
		assert_int_equal(t.reports.last.error, -QUIRE_EALREADY);
		qt_assert_report(&t.reports, QUIRE_REPORT_BAD_FREE, "free");
		qt_assert_sound(t.q, 0);
	}
	qt_end(&t);
}

/* The same page in every slot, and a run of pages given twice in one call. */
static void test_many_double_frees_within_one_bulk_call(const struct qt_param *param)
{
	static uint32_t pfns[256];
	struct qt t;

	if (!checked(param))
		return;
	qt_open_unmapped(&t, param, NR_PAGES);
	pfns[0] = quire_alloc_pfn(t.q, 0, 0);
	for (size_t i = 1; i < 256; i++)
		pfns[i] = pfns[0];
	assert_int_equal(quire_free_bulk_pfn(t.q, 256, pfns), 1);
	assert_int_equal(qt_stats(t.q).bad_frees, 255);
	qt_assert_sound(t.q, 0);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 128, pfns), 128);
	for (size_t i = 0; i < 128; i++)
		pfns[128 + i] = pfns[i];
	assert_int_equal(quire_free_bulk_pfn(t.q, 256, pfns), 128);
	assert_int_equal(qt_stats(t.q).bad_frees, 255 + 128);
	qt_end(&t);
}

static void test_inside_a_block(const struct qt_param *param)
{
	struct qt t;

	if (!checked(param))
		return;
	qt_open_unmapped(&t, param, NR_PAGES);
	for (unsigned int order = 1; order <= 10; order++) {
		uint32_t pfn = quire_alloc_pfn(t.q, 0, order);

		refused(&t, pfn + 1, -QUIRE_EINVAL, "inside");
		refused(&t, pfn + (1u << order) - 1, -QUIRE_EINVAL, "inside");
		refused(&t, pfn + (1u << (order - 1)), -QUIRE_EINVAL, "inside");
		assert_int_equal(quire_order(t.q, pfn), order);
		qt_assert_ok(quire_free_pfn(t.q, pfn));
	}
	qt_end(&t);
}

static void test_never_allocated(const struct qt_param *param)
{
	struct qt t;

	if (!checked(param))
		return;
	qt_open_unmapped(&t, param, NR_PAGES);
	for (uint32_t i = 0; i < NR_PAGES; i += 31)
		refused(&t, t.info[0].first_pfn + i, -QUIRE_EALREADY, "free");
	qt_end(&t);
}

static void test_reserved(const struct qt_param *param)
{
	struct qt t;

	if (!checked(param))
		return;
	qt_open_unmapped(&t, param, NR_PAGES);
	qt_assert_ok(quire_reserve(t.q, t.info[0].first_pfn + 500, 600));
	for (uint32_t i = 500; i < 1100; i += 37)
		refused(&t, t.info[0].first_pfn + i, -QUIRE_EINVAL, "reserved");
	assert_int_equal(qt_stats(t.q).reserved, 600);
	qt_end(&t);
}

/* Guard blocks, pfns between regions, and numbers beyond all of them. */
static void test_no_page_of_the_instance(const struct qt_param *param)
{
	struct qt t;
	uint32_t nr_pfns;

	qt_begin(&t, param);
	qt_create(&t);
	qt_add_unmapped(&t, 0, UINT64_C(5) << 12, 700);
	qt_add_unmapped(&t, 1, UINT64_C(1) << 40, 100);
	nr_pfns = (uint32_t)qt_info(t.q).nr_pfns;
	for (uint32_t pfn = 0; pfn < nr_pfns; pfn++) {
		bool first = pfn >= t.info[0].first_pfn && pfn < t.info[0].first_pfn + 700;
		bool second = pfn >= t.info[1].first_pfn && pfn < t.info[1].first_pfn + 100;

		if (!first && !second)
			refused(&t, pfn, -QUIRE_EINVAL, "instance");
	}
	refused(&t, nr_pfns, -QUIRE_EINVAL, "instance");
	refused(&t, nr_pfns + 100000, -QUIRE_EINVAL, "instance");
	refused(&t, QUIRE_NO_PFN - 1, -QUIRE_EINVAL, "instance");
	qt_end(&t);
}

static void test_pages_of_another_instance(const struct qt_param *param)
{
	struct qt t, other;
	void *page, *mine;

	qt_open_mapped(&t, param, 64);
	qt_open_mapped(&other, param, 64);
	page = quire_alloc(other.q, 0, 0);
	mine = quire_alloc(t.q, 0, 0);
	qt_assert_err(quire_free(t.q, page), EINVAL);
	assert_int_equal(t.reports.last.address, (uintptr_t)page);
	assert_int_equal(t.reports.last.pfn, QUIRE_NO_PFN);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_FREE, "instance");
	qt_assert_err(quire_free_round(t.q, page), EINVAL);
	assert_int_equal(quire_free_bulk(t.q, 2, (void *[]){ page, mine }), 1);
	qt_assert_sound(t.q, 0);
	qt_assert_sound(other.q, 1);
	qt_assert_ok(quire_free(other.q, page));
	qt_end(&other);
	qt_end(&t);
}

static void test_offsets_outside_their_region(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, 100);
	qt_assert_err(quire_free_offset(t.q, t.region[0], 100 << 12), EINVAL);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_FREE, "409600");
	qt_assert_err(quire_free_offset(t.q, t.region[0], QUIRE_NO_OFFSET - 4095), EINVAL);
	qt_assert_err(quire_free_offset_round(t.q, t.region[0], UINT64_C(1) << 50), EINVAL);
	qt_end(&t);
}

/* A split block's pages are pages: the block is none any more. */
static void test_block_free_after_split(const struct qt_param *param)
{
	struct qt t;
	uint32_t pfn;

	if (!checked(param))
		return;
	qt_open_unmapped(&t, param, NR_PAGES);
	pfn = quire_alloc_pfn(t.q, 0, 3);
	qt_assert_ok(quire_split_pfn(t.q, pfn));
	qt_assert_ok(quire_free_pfn(t.q, pfn));
	qt_assert_sound(t.q, 7);
	refused(&t, pfn, -QUIRE_EALREADY, "free");
	for (uint32_t i = 1; i < 8; i++)
		qt_assert_ok(quire_free_pfn(t.q, pfn + i));
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(double_free),
		QT_TEST(double_free_of_a_page_in_the_stash),
		QT_TEST(double_free_within_one_bulk_call),
		QT_TEST(many_double_frees_within_one_bulk_call),
		QT_TEST(inside_a_block),
		QT_TEST(never_allocated),
		QT_TEST(reserved),
		QT_TEST(no_page_of_the_instance),
		QT_TEST(pages_of_another_instance),
		QT_TEST(offsets_outside_their_region),
		QT_TEST(block_free_after_split),
	};

	return QT_RUN(tests);
}
