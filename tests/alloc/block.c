/* SPDX-License-Identifier: MIT */
/* Blocks above a page: orders and alignment, splitting, reserving. */
#include "test.h"

#include <string.h>

#define NR_PAGES 2048u

static void test_every_order_aligned_and_whole(const struct qt_param *param)
{
	struct qt t;

	qt_begin(&t, param);
	t.config.max_pages = UINT64_C(1) << 19;
	t.config.max_align_order = 18;
	qt_create(&t);
	{
		struct quire_region_config config;

		quire_region_config_init(&config);
		config.base = UINT64_C(3) << 30; /* a multiple of 1 GiB, as is the size */
		config.bytes = UINT64_C(1) << 31;
		config.align_order = 18;
		qt_assert_ok(quire_region_add(t.q, &config, &t.region[0]));
	}
	for (unsigned int order = 0; order <= QUIRE_MAX_ORDER; order++) {
		uint32_t pfn = quire_alloc_pfn(t.q, 0, order);
		uint32_t other = quire_alloc_pfn(t.q, 0, order);

		assert_int_not_equal(pfn, QUIRE_NO_PFN);
		assert_int_not_equal(other, QUIRE_NO_PFN);
		assert_int_equal(pfn % (1u << order), 0);
		assert_int_equal((quire_pfn_to_base(t.q, pfn) >> 12) % (1u << order), 0);
		assert_true(pfn + (1u << order) <= other || other + (1u << order) <= pfn);
		qt_assert_sound(t.q, UINT64_C(2) << order);
		if (order > 0)
			assert_int_equal(quire_order(t.q, pfn), order);
		qt_assert_ok(quire_free_pfn(t.q, other));
		qt_assert_ok(quire_free_pfn(t.q, pfn));
	}
	assert_int_equal(quire_alloc_pfn(t.q, 0, 19), QUIRE_NO_PFN);
	qt_end(&t);
}

/* A block is aligned in the region's own addresses, however the region itself begins. */
static void test_aligned_in_the_space_of_base(const struct qt_param *param)
{
	static const uint64_t skew[] = { 1, 5, 511, 512 + 3 };

	for (size_t i = 0; i < 4; i++) {
		struct qt t;

		qt_begin(&t, param);
		qt_create(&t);
		qt_add_unmapped(&t, 0, (UINT64_C(7) << 32) + (skew[i] << 12), NR_PAGES);
		for (unsigned int order = 0; order <= 9; order++) {
			uint32_t pfn = quire_alloc_pfn(t.q, 0, order);
			uint64_t base = quire_pfn_to_base(t.q, pfn);

			assert_int_equal((base >> 12) % (1u << order), 0);
			assert_true(base >= t.info[0].base);
			assert_true(base + (UINT64_C(4096) << order) <=
				    t.info[0].base + t.info[0].bytes);
			qt_assert_ok(quire_free_pfn(t.q, pfn));
		}
		qt_end(&t);
	}
}

static void test_mapped_block_is_an_aligned_address(const struct qt_param *param)
{
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES + 511);
	for (unsigned int order = 0; order <= 9; order++) {
		char *block = quire_alloc(t.q, 0, order);

		assert_non_null(block);
		assert_int_equal((uintptr_t)block % ((uintptr_t)4096 << order), 0);
		memset(block, 0x11, (size_t)4096 << order);
		qt_assert_ok(quire_free(t.q, block));
	}
	qt_end(&t);
}

static void test_split_gives_single_pages(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (unsigned int order = 0; order <= 10; order++) {
		uint32_t n = 1u << order, pfn = quire_alloc_pfn(t.q, 0, order);

		assert_int_not_equal(pfn, QUIRE_NO_PFN);
		qt_assert_ok(quire_split_pfn(t.q, pfn));
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(quire_order(t.q, pfn + i), 0);
		qt_assert_sound(t.q, n);
		for (uint32_t i = 1; i < n; i += 2)
			qt_assert_ok(quire_free_pfn(t.q, pfn + i));
		for (uint32_t i = 0; i < n; i += 2)
			qt_assert_ok(quire_free_pfn(t.q, pfn + i));
		qt_assert_sound(t.q, 0);
	}
	qt_end(&t);
}

static void test_split_pages_coalesce_again(const struct qt_param *param)
{
	struct qt t;
	char *block;

	qt_open_mapped(&t, param, NR_PAGES + 511);
	block = quire_alloc(t.q, 0, 9);
	assert_non_null(block);
	qt_assert_ok(quire_split(t.q, block));
	for (unsigned int i = 0; i < 512; i++)
		qt_assert_ok(quire_free(t.q, block + 4096u * (i ^ 255u)));
	quire_drain(t.q, QUIRE_ALL_CPUS, 0);
	block = quire_alloc(t.q, 0, 9);
	assert_non_null(block);
	qt_assert_ok(quire_free(t.q, block));
	qt_end(&t);
}

static void split_refused(struct qt *t, uint32_t pfn, int err, const char *word)
{
	uint64_t held = qt_stats(t->q).held;

	qt_assert_err_at(quire_split_pfn(t->q, pfn), err, "quire_split_pfn", word, (int)pfn);
	assert_int_equal(t->reports.last.error, err);
	assert_string_equal(t->reports.call, "quire_split_pfn");
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, word);
	qt_assert_sound(t->q, held);
}

static void test_split_refuses_what_is_not_a_held_block(const struct qt_param *param)
{
	struct qt t;
	uint32_t pfn;

	qt_open_unmapped(&t, param, NR_PAGES);
	pfn = quire_alloc_pfn(t.q, 0, 3);
	split_refused(&t, 1u << 30, -QUIRE_EINVAL, "1073741824");
	if (param->check != QUIRE_CHECK_OFF)
		split_refused(&t, pfn + 1, -QUIRE_EINVAL, "inside");
	qt_assert_ok(quire_free_pfn(t.q, pfn));
	if (param->check != QUIRE_CHECK_OFF)
		split_refused(&t, pfn, -QUIRE_EALREADY, "free");
	qt_end(&t);
}

static void test_reserved_pages_are_out_of_play(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES];
	struct qt t;
	uint32_t first;

	qt_open_unmapped(&t, param, NR_PAGES);
	first = t.info[0].first_pfn;
	qt_assert_ok(quire_reserve(t.q, first + 100, 700)); /* across pageblocks */
	assert_int_equal(qt_stats(t.q).reserved, 700);
	qt_assert_sound(t.q, 0);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, pfns), NR_PAGES - 700);
	for (uint32_t i = 0; i < NR_PAGES - 700; i++)
		assert_true(pfns[i] < first + 100 || pfns[i] >= first + 800);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES - 700, pfns), NR_PAGES - 700);
	qt_assert_err(quire_unreserve(t.q, first + 99, 10), EINVAL);
	assert_int_equal(qt_stats(t.q).reserved, 700);
	qt_assert_ok(quire_unreserve(t.q, first + 300, 500));
	assert_int_equal(qt_stats(t.q).reserved, 200);
	qt_assert_ok(quire_unreserve(t.q, first + 100, 200));
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 9, 4, pfns), 4);
	assert_int_equal(quire_free_bulk_pfn(t.q, 4, pfns), 4);
	qt_end(&t);
}

static void test_reserve_is_all_or_none(const struct qt_param *param)
{
	struct qt t;
	uint32_t pfn;

	qt_open_unmapped(&t, param, NR_PAGES);
	pfn = quire_alloc_pfn(t.q, 0, 5);
	qt_assert_err(quire_reserve(t.q, t.info[0].first_pfn, NR_PAGES), EBUSY);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "held");
	assert_int_equal(qt_stats(t.q).reserved, 0);
	qt_assert_sound(t.q, 32);
	qt_assert_err(quire_reserve(t.q, pfn + 31, 1), EBUSY);
	qt_assert_ok(quire_free_pfn(t.q, pfn));
	qt_assert_ok(quire_reserve(t.q, t.info[0].first_pfn, NR_PAGES));
	qt_assert_err(quire_reserve(t.q, pfn, 1), EBUSY);
	assert_int_equal(quire_alloc_pfn(t.q, 0, 0), QUIRE_NO_PFN);
	qt_end(&t); /* reserved pages do not count as out */
}

/* Free pages that lie in lists, the depot and the stash are found. */
static void test_reserve_finds_pages_in_lists(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (int round = 0; round < 10; round++) {
		assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, pfns), NR_PAGES);
		for (uint32_t i = 0; i < NR_PAGES; i++)
			qt_assert_ok(quire_free_pfn(t.q, pfns[i * 77 % NR_PAGES]));
		qt_assert_ok(quire_reserve(t.q, t.info[0].first_pfn, NR_PAGES));
		assert_int_equal(qt_stats(t.q).reserved, NR_PAGES);
		qt_assert_ok(quire_unreserve(t.q, t.info[0].first_pfn, NR_PAGES));
	}
	qt_end(&t);
}

static void test_reserve_refuses_ranges_outside_one_region(const struct qt_param *param)
{
	struct qt t;
	uint32_t first, end;

	qt_begin(&t, param);
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, 512);
	qt_add_unmapped(&t, 0, UINT64_C(1) << 40, 512);
	first = t.info[0].first_pfn;
	end = first + 512;
	qt_assert_err(quire_reserve(t.q, first, 0), EINVAL);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "0");
	qt_assert_err(quire_reserve(t.q, end - 1, 2), EINVAL);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "region");
	qt_assert_err(quire_reserve(t.q, first, UINT32_MAX), EINVAL);
	qt_assert_err(quire_reserve(t.q, UINT32_MAX, 1), EINVAL);
	qt_assert_err(quire_unreserve(t.q, first, 0), EINVAL);
	qt_assert_err(quire_unreserve(t.q, first, 1), EINVAL);
	qt_assert_sound(t.q, 0);
	assert_int_equal(qt_stats(t.q).reserved, 0);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(every_order_aligned_and_whole),
		QT_TEST(aligned_in_the_space_of_base),
		QT_TEST(mapped_block_is_an_aligned_address),
		QT_TEST(split_gives_single_pages),
		QT_TEST(split_pages_coalesce_again),
		QT_TEST(split_refuses_what_is_not_a_held_block),
		QT_TEST(reserved_pages_are_out_of_play),
		QT_TEST(reserve_is_all_or_none),
		QT_TEST(reserve_finds_pages_in_lists),
		QT_TEST(reserve_refuses_ranges_outside_one_region),
	};

	return QT_RUN(tests);
}
