/* SPDX-License-Identifier: MIT */
/*
 * What quire_alloc_bulk() promises: output only, partial results, all or nothing, order of the
 * pages.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#define NR_PAGES 2048u

static bool all_distinct(const uint32_t *pfns, size_t n, unsigned int order)
{
	uint8_t *seen = calloc(1u << 20, 1);
	bool ok = true;

	assert_non_null(seen);
	for (size_t i = 0; i < n && ok; i++) {
		ok = pfns[i] % (1u << order) == 0 && pfns[i] >> order < (1u << 20) &&
		     !seen[pfns[i] >> order];
		if (ok)
			seen[pfns[i] >> order] = 1;
	}
	free(seen);
	return ok;
}

static void test_output_only(const struct qt_param *param)
{
	static void *pages[300];
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	memset(pages, 0xa5, sizeof(pages));
	assert_int_equal(quire_alloc_bulk(t.q, 0, 0, 300, pages), 300);
	for (size_t i = 0; i < 300; i++) {
		assert_int_not_equal(quire_page_to_pfn(t.q, pages[i]), QUIRE_NO_PFN);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(pages[i], pages[j]);
	}
	qt_assert_sound(t.q, 300);
	assert_int_equal(quire_free_bulk(t.q, 300, pages), 300);
	qt_assert_no_report(&t.reports);
	qt_end(&t);
}

static void test_short_only_when_memory_is_short(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES + 100];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	memset(pfns, 0x5a, sizeof(pfns));
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES + 100, pfns), NR_PAGES);
	assert_true(all_distinct(pfns, NR_PAGES, 0));
	for (size_t i = NR_PAGES; i < NR_PAGES + 100; i++)
		assert_int_equal(pfns[i], 0x5a5a5a5a);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 10, pfns + NR_PAGES), 0);
	assert_int_equal(pfns[NR_PAGES], 0x5a5a5a5a);
	assert_int_equal(qt_stats(t.q).failures, 2);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, pfns), NR_PAGES);
	qt_end(&t);
}

static void test_every_count_up_to_300(const struct qt_param *param)
{
	static uint32_t pfns[300];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (size_t n = 1; n <= 300; n++) {
		assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, n, pfns), n);
		assert_true(all_distinct(pfns, n, 0));
		qt_assert_sound(t.q, n);
		assert_int_equal(quire_free_bulk_pfn(t.q, n, pfns), n);
	}
	qt_end(&t);
}

static void test_all_leaves_slots_on_failure(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES + 1];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	memset(pfns, 0x5a, sizeof(pfns));
	assert_int_equal(quire_alloc_bulk_pfn(t.q, QUIRE_ALL, 0, NR_PAGES + 1, pfns), 0);
	for (size_t i = 0; i < NR_PAGES + 1; i++)
		assert_int_equal(pfns[i], 0x5a5a5a5a);
	qt_assert_sound(t.q, 0);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, QUIRE_ALL, 0, NR_PAGES, pfns), NR_PAGES);
	assert_true(all_distinct(pfns, NR_PAGES, 0));
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, pfns), NR_PAGES);
	qt_end(&t);
}

static void test_all_of_blocks(const struct qt_param *param)
{
	uint32_t pfns[5] = { 7, 7, 7, 7, 7 };
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, QUIRE_ALL, 9, 5, pfns), 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(pfns[i], 7);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, QUIRE_ALL, 9, 4, pfns), 4);
	assert_true(all_distinct(pfns, 4, 9));
	assert_int_equal(quire_free_bulk_pfn(t.q, 4, pfns), 4);
	qt_end(&t);
}

static void test_blocks_of_each_order(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (unsigned int order = 0; order <= 11; order++) {
		size_t n = NR_PAGES >> order;

		assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, order, n + 3, pfns), n);
		assert_true(all_distinct(pfns, n, order));
		qt_assert_sound(t.q, NR_PAGES);
		for (size_t i = 0; i < n && (order > 0 || param->check != QUIRE_CHECK_OFF); i++)
			assert_int_equal(quire_order(t.q, pfns[i]), order);
		assert_int_equal(quire_free_bulk_pfn(t.q, n, pfns), n);
		qt_assert_sound(t.q, 0);
	}
	qt_end(&t);
}

static void test_zero_pages_is_noted_once(const struct qt_param *param)
{
	struct qt t;
	void *page = &t;

	qt_open_mapped(&t, param, NR_PAGES);
	for (int i = 0; i < 3; i++)
		assert_int_equal(quire_alloc_bulk(t.q, 0, 0, 0, &page), 0);
	assert_ptr_equal(page, &t);
	assert_int_equal(t.reports.last.error, 0);
	qt_assert_report(&t.reports, QUIRE_REPORT_NOTE, "0");
	assert_int_equal(quire_free_bulk(t.q, 0, &page), 0);
	qt_assert_no_report(&t.reports);
	qt_end(&t);
}

/* Stretches at least half a bitmap word long on average, from memory that nobody has used yet. */
static void test_ascending_and_contiguous_in_stretches(const struct qt_param *param)
{
	static uint32_t pfns[1024];
	size_t breaks = 0;
	struct qt t;

	qt_open_unmapped(&t, param, 16384);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 1024, pfns), 1024);
	for (size_t i = 1; i < 1024; i++)
		breaks += pfns[i] != pfns[i - 1] + 1;
	if (breaks > 1024 / 32)
		print_message("# %zu breaks in 1024 pages\n", breaks);
	assert_true(breaks <= 1024 / 32);
	assert_int_equal(quire_free_bulk_pfn(t.q, 1024, pfns), 1024);
	qt_end(&t);
}

static void test_spans_zones(const struct qt_param *param)
{
	static uint32_t pfns[1600];
	struct qt t;

	qt_begin(&t, param);
	qt_create(&t);
	for (uint32_t zone = 0; zone < 3; zone++)
		qt_add_unmapped(&t, zone, (uint64_t)zone << 40, 512);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 1600, pfns), 1536);
	assert_true(all_distinct(pfns, 1536, 0));
	assert_int_equal(quire_free_bulk_pfn(t.q, 1536, pfns), 1536);
	qt_assert_sound(t.q, 0);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, QUIRE_ALL, 0, 1537, pfns), 0);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, QUIRE_ALL, 0, 1536, pfns), 1536);
	assert_int_equal(quire_free_bulk_pfn(t.q, 1536, pfns), 1536);
	qt_end(&t);
}

/* The fast pass alone: free memory in the zone is had at once, and nothing is drained for it. */
static void test_noretry_takes_what_the_zone_has(const struct qt_param *param)
{
	static uint32_t pfns[1024];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, QUIRE_NORETRY, 0, 1024, pfns), 1024);
	assert_int_equal(qt_stats(t.q).drains, 0);
	assert_int_equal(quire_free_bulk_pfn(t.q, 1024, pfns), 1024);
	qt_end(&t);
}

static void test_zero_clears_every_page(const struct qt_param *param)
{
	static void *pages[64];
	struct qt t;

	qt_open_mapped(&t, param, 64 + 512);
	for (int round = 0; round < 4; round++) {
		size_t n = quire_alloc_bulk(t.q, QUIRE_ZERO, round & 1 ? 3 : 0, 64, pages);

		assert_int_equal(n, 64);
		for (size_t i = 0; i < n; i++) {
			unsigned char *page = pages[i];
			size_t bytes = round & 1 ? 8u << 12 : 1u << 12;

			for (size_t b = 0; b < bytes; b++)
				if (page[b])
					fail_msg("byte %zu of page %zu is %#x", b, i, page[b]);
			memset(page, 0xee, bytes);
		}
		assert_int_equal(quire_free_bulk(t.q, n, pages), n);
	}
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(output_only),
		QT_TEST(short_only_when_memory_is_short),
		QT_TEST(every_count_up_to_300),
		QT_TEST(all_leaves_slots_on_failure),
		QT_TEST(all_of_blocks),
		QT_TEST(blocks_of_each_order),
		QT_TEST(zero_pages_is_noted_once),
		QT_TEST(ascending_and_contiguous_in_stretches),
		QT_TEST(spans_zones),
		QT_TEST(noretry_takes_what_the_zone_has),
		QT_TEST(zero_clears_every_page),
	};

	return QT_RUN(tests);
}
