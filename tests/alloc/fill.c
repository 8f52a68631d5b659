/* SPDX-License-Identifier: MIT */
/* What quire_fill() promises: only the holes, counted wherever they are. */
#include "test.h"

#include <string.h>

#define NR_PAGES 2048u

static void exhaust(struct qt *t, uint32_t *pfns, size_t nr)
{
	assert_int_equal(quire_alloc_bulk_pfn(t->q, 0, 0, nr, pfns), nr);
	qt_assert_sound(t->q, nr);
}

/* Every pattern of six slots, filled while memory lasts. */
static void test_counts_slots_wherever_the_holes_are(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (unsigned int pattern = 0; pattern < 64; pattern++) {
		uint32_t pfns[6], before[6];

		assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 6, before), 6);
		for (unsigned int i = 0; i < 6; i++) {
			pfns[i] = pattern & (1u << i) ? before[i] : QUIRE_NO_PFN;
			if (!(pattern & (1u << i)))
				qt_assert_ok(quire_free_pfn(t.q, before[i]));
		}
		assert_int_equal(quire_fill_pfn(t.q, 0, 6, pfns), 6);
		for (unsigned int i = 0; i < 6; i++) {
			assert_int_not_equal(pfns[i], QUIRE_NO_PFN);
			if (pattern & (1u << i))
				assert_int_equal(pfns[i], before[i]);
		}
		qt_assert_sound(t.q, 6);
		assert_int_equal(quire_free_bulk_pfn(t.q, 6, pfns), 6);
	}
	qt_end(&t);
}

/* [P, 0, P, 0] with no page left has two populated slots, not one and not four. */
static void test_counts_slots_behind_holes_that_stay(const struct qt_param *param)
{
	static uint32_t all[NR_PAGES];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	exhaust(&t, all, NR_PAGES);
	for (unsigned int pattern = 0; pattern < 64; pattern++) {
		uint32_t pfns[6], before[6];

		for (unsigned int i = 0; i < 6; i++)
			pfns[i] = pattern & (1u << i) ? all[i] : QUIRE_NO_PFN;
		memcpy(before, pfns, sizeof(pfns));
		assert_int_equal(quire_fill_pfn(t.q, 0, 6, pfns),
				 (unsigned int)__builtin_popcount(pattern));
		assert_memory_equal(pfns, before, sizeof(pfns));
	}
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, all), NR_PAGES);
	qt_end(&t);
}

static void test_partly_filled_when_memory_is_short(const struct qt_param *param)
{
	static uint32_t all[NR_PAGES];
	uint32_t pfns[8];
	size_t populated = 0;
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	exhaust(&t, all, NR_PAGES);
	for (unsigned int i = 0; i < 8; i++)
		pfns[i] = i % 2 ? QUIRE_NO_PFN : all[i];
	qt_assert_ok(quire_free_pfn(t.q, all[NR_PAGES - 1]));
	qt_assert_ok(quire_free_pfn(t.q, all[NR_PAGES - 2]));
	assert_int_equal(quire_fill_pfn(t.q, 0, 8, pfns), 6);
	for (unsigned int i = 0; i < 8; i++) {
		populated += pfns[i] != QUIRE_NO_PFN;
		if (i % 2 == 0)
			assert_int_equal(pfns[i], all[i]);
	}
	assert_int_equal(populated, 6);
	qt_assert_sound(t.q, NR_PAGES);
	/* The two pages that were freed are the only ones that the fill can have found. */
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, all), NR_PAGES);
	qt_end(&t);
}

static void test_full_array_returns_n(const struct qt_param *param)
{
	void *pages[100], *before[100];
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	assert_int_equal(quire_alloc_bulk(t.q, 0, 0, 100, pages), 100);
	memcpy(before, pages, sizeof(pages));
	for (size_t n = 1; n <= 100; n++)
		assert_int_equal(quire_fill(t.q, 0, n, pages), n);
	assert_int_equal(quire_fill(t.q, QUIRE_ALL, 100, pages), 100);
	assert_int_equal(quire_fill(t.q, QUIRE_ATOMIC, 100, pages), 100);
	assert_memory_equal(pages, before, sizeof(pages));
	qt_assert_sound(t.q, 100);
	qt_assert_no_report(&t.reports);
	assert_int_equal(quire_free_bulk(t.q, 100, pages), 100);
	qt_end(&t);
}

static void test_one_missing_page_is_found(const struct qt_param *param)
{
	static uint32_t all[NR_PAGES];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	exhaust(&t, all, NR_PAGES);
	for (unsigned int i = 0; i < NR_PAGES; i += 97) {
		uint32_t pfn = all[i];

		qt_assert_ok(quire_free_pfn(t.q, pfn));
		all[i] = QUIRE_NO_PFN;
		assert_int_equal(quire_fill_pfn(t.q, 0, NR_PAGES, all), NR_PAGES);
		assert_int_equal(all[i], pfn);
	}
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, all), NR_PAGES);
	qt_end(&t);
}

static void test_all_restores_holes(const struct qt_param *param)
{
	static uint32_t all[NR_PAGES];
	uint32_t pfns[5] = { QUIRE_NO_PFN, 0, QUIRE_NO_PFN, 0, QUIRE_NO_PFN };
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	exhaust(&t, all, NR_PAGES);
	pfns[1] = all[1];
	pfns[3] = all[3];
	qt_assert_ok(quire_free_pfn(t.q, all[7]));
	qt_assert_ok(quire_free_pfn(t.q, all[8]));
	assert_int_equal(quire_fill_pfn(t.q, QUIRE_ALL, 5, pfns), 2);
	for (unsigned int i = 0; i < 5; i += 2)
		assert_int_equal(pfns[i], QUIRE_NO_PFN);
	qt_assert_sound(t.q, NR_PAGES - 2);
	qt_assert_ok(quire_free_pfn(t.q, all[9]));
	all[7] = all[8] = all[9] = QUIRE_NO_PFN;
	assert_int_equal(quire_fill_pfn(t.q, QUIRE_ALL, 5, pfns), 5);
	all[7] = pfns[0];
	all[8] = pfns[2];
	all[9] = pfns[4];
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, all), NR_PAGES);
	qt_end(&t);
}

/* Pfn 0 is a page like any other: a slot that holds 0 is populated. */
static void test_pfn_0_and_offset_0_are_no_holes(const struct qt_param *param)
{
	uint32_t pfns[3] = { 0, QUIRE_NO_PFN, 0 };
	uint64_t offsets[3] = { 0, QUIRE_NO_OFFSET, 0 };
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	assert_int_equal(quire_fill_pfn(t.q, 0, 3, pfns), 3);
	assert_int_equal(pfns[0], 0);
	assert_int_equal(pfns[2], 0);
	assert_int_equal(quire_fill_offset(t.q, t.region[0], 0, 3, offsets), 3);
	assert_int_equal(offsets[0], 0);
	assert_int_equal(offsets[2], 0);
	qt_assert_sound(t.q, 2);
	qt_assert_ok(quire_free_pfn(t.q, pfns[1]));
	qt_assert_ok(quire_free_offset(t.q, t.region[0], offsets[1]));
	qt_end(&t);
}

static void test_zero_clears_only_what_it_fills(const struct qt_param *param)
{
	unsigned char *pages[4];
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	assert_int_equal(quire_alloc_bulk(t.q, 0, 0, 4, (void **)pages), 4);
	for (unsigned int i = 0; i < 4; i++)
		memset(pages[i], 0x77, 4096);
	for (unsigned int i = 1; i < 4; i += 2) {
		qt_assert_ok(quire_free(t.q, pages[i]));
		pages[i] = NULL;
	}
	assert_int_equal(quire_fill(t.q, QUIRE_ZERO, 4, (void **)pages), 4);
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int b = 0; b < 4096; b++)
			assert_int_equal(pages[i][b], i % 2 ? 0 : 0x77);
	assert_int_equal(quire_free_bulk(t.q, 4, (void *const *)pages), 4);
	qt_end(&t);
}

static void test_large_arrays_with_scattered_holes(const struct qt_param *param)
{
	static void *pages[1500];
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	memset(pages, 0, sizeof(pages));
	for (unsigned int step = 1; step < 40; step += 3) {
		for (unsigned int i = 0; i < 1500; i += step)
			if (pages[i]) {
				qt_assert_ok(quire_free(t.q, pages[i]));
				pages[i] = NULL;
			}
		assert_int_equal(quire_fill(t.q, 0, 1500, pages), 1500);
		qt_assert_sound(t.q, 1500);
	}
	assert_int_equal(quire_free_bulk(t.q, 1500, pages), 1500);
	qt_end(&t);
}

static void test_zero_slots_is_noted_once(const struct qt_param *param)
{
	struct qt t;
	void *page = NULL;

	qt_open_mapped(&t, param, NR_PAGES);
	assert_int_equal(quire_fill(t.q, 0, 0, &page), 0);
	assert_int_equal(quire_fill(t.q, 0, 0, &page), 0);
	assert_null(page);
	qt_assert_report(&t.reports, QUIRE_REPORT_NOTE, "0");
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(counts_slots_wherever_the_holes_are),
		QT_TEST(counts_slots_behind_holes_that_stay),
		QT_TEST(partly_filled_when_memory_is_short),
		QT_TEST(full_array_returns_n),
		QT_TEST(one_missing_page_is_found),
		QT_TEST(all_restores_holes),
		QT_TEST(pfn_0_and_offset_0_are_no_holes),
		QT_TEST(zero_clears_only_what_it_fills),
		QT_TEST(large_arrays_with_scattered_holes),
		QT_TEST(zero_slots_is_noted_once),
	};

	return QT_RUN(tests);
}
