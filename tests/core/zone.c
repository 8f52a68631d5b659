/* SPDX-License-Identifier: MIT */
/*
 * A zone and the pfn space it lies in: placement of regions, guard blocks, validity after any mix
 * of calls.
 */
#include "alloc/instance.h"
#include "random.h"
#include "test.h"

#include <string.h>

static void check_zones(struct qt *t)
{
	struct qi_space *space = &t->q->space;

	for (uint32_t i = 0; i < space->nr_zones; i++) {
		qi_zone_lock(space, &space->zones[i]);
		assert_true(qi_zone_valid_locked(space, &space->zones[i]));
		qi_zone_unlock(space, &space->zones[i]);
	}
}

static void add_region(struct qt *t, uint64_t base, uint64_t pages, uint32_t zone, uint32_t align)
{
	struct quire_region_config config;
	unsigned int i = t->nr_regions++;

	quire_region_config_init(&config);
	config.base = base;
	config.bytes = pages << t->config.page_shift;
	config.zone = zone;
	config.align_order = align;
	qt_assert_ok(quire_region_add(t->q, &config, &t->region[i]));
	t->info[i].size = sizeof(t->info[i]);
	qt_assert_ok(quire_region_info_get(t->q, t->region[i], &t->info[i]));
}

/*
 * Every region begins in a pageblock of its own, congruent to its base, a guard block after the
 * last.
 */
static void check_placement(const struct qt *t, const uint32_t *align)
{
	for (unsigned int i = 0; i < t->nr_regions; i++) {
		uint64_t base = t->info[i].base >> t->config.page_shift;
		uint32_t first = t->info[i].first_pfn;

		assert_int_equal((first - base) & ((UINT64_C(1) << align[i]) - 1), 0);
		for (unsigned int j = 0; j < i; j++) {
			uint32_t a = t->info[j].first_pfn / 512;
			uint32_t b = (t->info[j].first_pfn + t->info[j].nr_pages - 1) / 512;
			uint32_t end = (first + t->info[i].nr_pages - 1) / 512;

			assert_true(end + 1 < a || b + 1 < first / 512);
		}
	}
}

static void test_regions_lie_congruent_and_apart(const struct qt_param *param)
{
	struct qt_random r = qt_random_seed(1);

	for (int round = 0; round < 100; round++) {
		uint32_t align[QT_MAX_REGIONS];
		uint64_t total = 0, pages[QT_MAX_REGIONS];
		struct qt t;

		qt_begin(&t, param);
		t.config.max_align_order = 9 + qt_random_below(&r, 10);
		for (unsigned int i = 0; i < QT_MAX_REGIONS; i++)
			total += pages[i] = 1 + qt_random_below(&r, 2000);
		t.config.max_pages = total;
		qt_create(&t);
		for (unsigned int i = 0; i < QT_MAX_REGIONS; i++) {
			align[i] = 9 + qt_random_below(&r, t.config.max_align_order - 8);
			add_region(&t,
				   ((uint64_t)(i + 1) << 44) + ((qt_random_next(&r) >> 44) << 12),
				   pages[i], qt_random_below(&r, 4), align[i]);
		}
		check_placement(&t, align);
		check_zones(&t);
		qt_end(&t);
	}
}

/* No block spans two regions, however close their addresses are. */
static void test_nothing_merges_across_regions(const struct qt_param *param)
{
	struct qt t;

	qt_begin(&t, param);
	t.config.max_pages = 4096;
	t.config.max_align_order = 10;
	qt_create(&t);
	for (uint64_t i = 0; i < 4; i++)
		add_region(&t, (UINT64_C(1) << 40) + (i * 1024 << 12), 1024, 0, 10);
	assert_int_not_equal(quire_alloc_pfn(t.q, 0, 10), QUIRE_NO_PFN);
	assert_int_equal(quire_alloc_pfn(t.q, 0, 11), QUIRE_NO_PFN);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_not_equal(quire_alloc_pfn(t.q, 0, 10), QUIRE_NO_PFN);
	assert_int_equal(quire_alloc_pfn(t.q, 0, 0), QUIRE_NO_PFN);
	for (unsigned int i = 0; i < 4; i++)
		qt_assert_ok(quire_free_pfn(t.q, t.info[i].first_pfn));
	check_zones(&t);
	qt_end(&t);
}

static void test_zones_stay_valid(const struct qt_param *param)
{
	static uint32_t pfns[20000];
	struct qt_random r = qt_random_seed(2);
	uint32_t n = 0;
	struct qt t;

	qt_begin(&t, param);
	t.config.max_pages = 9000;
	qt_create(&t);
	add_region(&t, (UINT64_C(1) << 40) + (77 << 12), 5000, 0, 9);
	add_region(&t, UINT64_C(1) << 41, 4000, 1, 9);
	for (int i = 0; i < 30000; i++) {
		if (qt_random_below(&r, 2000) > n) {
			unsigned int order = qt_random_one_in(&r, 3) ? qt_random_below(&r, 11) : 0;
			uint32_t pfn = quire_alloc_pfn(t.q, 0, order);

			if (pfn != QUIRE_NO_PFN)
				pfns[n++] = pfn;
		} else {
			uint32_t at = qt_random_below(&r, n);

			qt_assert_ok(quire_free_pfn(t.q, pfns[at]));
			pfns[at] = pfns[--n];
		}
		if (i % 256 == 0)
			check_zones(&t);
	}
	assert_int_equal(quire_free_bulk_pfn(t.q, n, pfns), n);
	check_zones(&t);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(regions_lie_congruent_and_apart),
		QT_TEST(nothing_merges_across_regions),
		QT_TEST(zones_stay_valid),
	};

	return QT_RUN_CACHES(tests);
}
