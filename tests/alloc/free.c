/* SPDX-License-Identifier: MIT */
/*
 * What frees promise: any mix at once, holes skipped, headroom rounded, wrong pages refused
 * unharmed.
 */
#include "test.h"

#include <string.h>

#define NR_PAGES 2048u

static void test_bulk_mixes_orders_zones_and_holes(const struct qt_param *param)
{
	uint32_t pfns[64];
	size_t n = 0, held = 0;
	struct qt t;

	qt_begin(&t, param);
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, 1024);
	qt_add_unmapped(&t, 1, UINT64_C(1) << 40, 1024);
	for (unsigned int i = 0; i < 20; i++) {
		struct quire_region region = t.region[i % 2];
		uint64_t offset = quire_alloc_offset(t.q, region, 0, i % 7);

		assert_true(offset != QUIRE_NO_OFFSET);
		pfns[n++] = quire_offset_to_pfn(t.q, region, offset);
		pfns[n++] = QUIRE_NO_PFN;
		held += (size_t)1 << i % 7;
	}
	qt_assert_sound(t.q, held);
	assert_int_equal(quire_free_bulk_pfn(t.q, n, pfns), 20);
	qt_assert_sound(t.q, 0);
	qt_assert_no_report(&t.reports);
	qt_end(&t);
}

static void test_bulk_skips_wrong_pages_and_frees_the_rest(const struct qt_param *param)
{
	void *pages[40], *before[40];
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	assert_int_equal(quire_alloc_bulk(t.q, 0, 0, 40, pages), 40);
	memcpy(before, pages, sizeof(pages));
	pages[10] = &t; /* not its memory */
	pages[20] = (char *)pages[20] + 64; /* inside a page */
	pages[30] = NULL;
	assert_int_equal(quire_free_bulk(t.q, 40, pages), 37);
	assert_int_equal(atomic_load(&t.reports.nr[QUIRE_REPORT_BAD_FREE]), 2);
	assert_int_equal(qt_stats(t.q).bad_frees, 2);
	assert_ptr_equal(pages[20], (char *)before[20] + 64);
	assert_ptr_equal(pages[0], before[0]);
	qt_assert_sound(t.q, 3);
	for (unsigned int i = 10; i <= 30; i += 10)
		qt_assert_ok(quire_free(t.q, before[i]));
	qt_end(&t);
}

static void test_none_is_ignored(const struct qt_param *param)
{
	struct qt t;
	uint64_t none = QUIRE_NO_OFFSET;
	void *null = NULL;

	qt_open_mapped(&t, param, NR_PAGES);
	qt_assert_ok(quire_free(t.q, NULL));
	qt_assert_ok(quire_free_round(t.q, NULL));
	qt_assert_ok(quire_free_pfn(t.q, QUIRE_NO_PFN));
	qt_assert_ok(quire_free_offset(t.q, t.region[0], QUIRE_NO_OFFSET));
	qt_assert_ok(quire_free_offset_round(t.q, t.region[0], QUIRE_NO_OFFSET));
	assert_int_equal(quire_free_bulk(t.q, 1, &null), 0);
	assert_int_equal(quire_free_bulk_offset(t.q, t.region[0], 1, &none), 0);
	qt_assert_no_report(&t.reports);
	assert_int_equal(qt_stats(t.q).bad_frees, 0);
	qt_end(&t);
}

static void test_round_accepts_headroom_in_the_first_page(const struct qt_param *param)
{
	static const size_t headroom[] = { 0, 1, 256, 4095 };
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	for (size_t i = 0; i < 4; i++)
		for (unsigned int order = 0; order < 4; order++) {
			char *page = quire_alloc(t.q, 0, order);
			uint64_t offset = quire_alloc_offset(t.q, t.region[0], 0, order);

			assert_non_null(page);
			qt_assert_ok(quire_free_round(t.q, page + headroom[i]));
			qt_assert_ok(
				quire_free_offset_round(t.q, t.region[0], offset + headroom[i]));
			qt_assert_sound(t.q, 0);
		}
	qt_assert_no_report(&t.reports);
	qt_end(&t);
}

static void test_round_refuses_later_pages_of_a_block(const struct qt_param *param)
{
	char *block;
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	block = quire_alloc(t.q, 0, 2);
	if (param->check != QUIRE_CHECK_OFF) {
		qt_assert_err(quire_free_round(t.q, block + 4096 + 100), EINVAL);
		qt_assert_report(&t.reports, QUIRE_REPORT_BAD_FREE, "block");
	}
	qt_assert_sound(t.q, 4);
	qt_assert_ok(quire_free(t.q, block));
	qt_end(&t);
}

static void test_round_bulk(const struct qt_param *param)
{
	char *pages[9];
	uint64_t offsets[9];
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	assert_int_equal(quire_alloc_bulk(t.q, 0, 0, 9, (void **)pages), 9);
	assert_int_equal(quire_alloc_bulk_offset(t.q, t.region[0], 0, 0, 9, offsets), 9);
	for (unsigned int i = 0; i < 9; i++) {
		pages[i] += i * 300;
		offsets[i] += i * 300;
	}
	assert_int_equal(quire_free_bulk_round(t.q, 9, (void *const *)pages), 9);
	assert_int_equal(quire_free_bulk_offset_round(t.q, t.region[0], 9, offsets), 9);
	qt_assert_no_report(&t.reports);
	qt_end(&t);
}

static void test_exact_refuses_addresses_inside_a_page(const struct qt_param *param)
{
	char *page;
	uint64_t offset;
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	page = quire_alloc(t.q, 0, 0);
	offset = quire_pfn_to_offset(t.q, quire_page_to_pfn(t.q, page), NULL);
	qt_assert_err(quire_free(t.q, page + 256), EINVAL);
	assert_int_equal(t.reports.last.error, -QUIRE_EINVAL);
	assert_int_equal(t.reports.last.address, (uintptr_t)page + 256);
	assert_string_equal(t.reports.call, "quire_free");
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_FREE, "_round");
	qt_assert_err(quire_free_offset(t.q, t.region[0], offset + 8), EINVAL);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_FREE, "_round");
	qt_assert_sound(t.q, 1);
	qt_assert_ok(quire_free_offset(t.q, t.region[0], offset));
	qt_end(&t);
}

static void test_bulk_array_is_not_changed(const struct qt_param *param)
{
	static uint64_t offsets[200], before[200];
	uint64_t kept;
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	assert_int_equal(quire_alloc_bulk_offset(t.q, t.region[0], 0, 0, 200, offsets), 200);
	kept = offsets[50];
	offsets[50] = QUIRE_NO_OFFSET;
	memcpy(before, offsets, sizeof(offsets));
	assert_int_equal(quire_free_bulk_offset(t.q, t.region[0], 200, offsets), 199);
	assert_memory_equal(offsets, before, sizeof(offsets));
	qt_assert_sound(t.q, 1);
	qt_assert_ok(quire_free_offset(t.q, t.region[0], kept));
	qt_end(&t);
}

/* Coalescing is implicit: whatever the order of the frees, whole blocks come back. */
static void test_any_order_coalesces(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (uint32_t step = 1; step < 100; step += 14) {
		assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, pfns), NR_PAGES);
		for (uint32_t i = 0; i < NR_PAGES; i++)
			qt_assert_ok(quire_free_pfn(t.q, pfns[i * step % NR_PAGES]));
		quire_drain(t.q, QUIRE_ALL_CPUS, 0);
		qt_assert_sound(t.q, 0);
		assert_true(qt_stats(t.q).free_pageblocks + qt_stats(t.q).free_stash >= 4);
		assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 9, 4, pfns), 4);
		assert_int_equal(quire_free_bulk_pfn(t.q, 4, pfns), 4);
	}
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(bulk_mixes_orders_zones_and_holes),
		QT_TEST(bulk_skips_wrong_pages_and_frees_the_rest),
		QT_TEST(none_is_ignored),
		QT_TEST(round_accepts_headroom_in_the_first_page),
		QT_TEST(round_refuses_later_pages_of_a_block),
		QT_TEST(round_bulk),
		QT_TEST(exact_refuses_addresses_inside_a_page),
		QT_TEST(bulk_array_is_not_changed),
		QT_TEST(any_order_coalesces),
	};

	return QT_RUN(tests);
}
