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

/* Up, down, and with something else at any place. */
static void test_runs_are_found(const struct qt_param *param)
{
	enum { MOST = 70 };

	(void)param;
	for (uint32_t n = 1; n <= MOST; n++)
		for (uint32_t broken = 0; broken <= n; broken++)
			for (int down = 0; down < 2; down++) {
				uint32_t first = 5 * 512 + 200, pfns[MOST];
				struct qi_run run;

				for (uint32_t i = 0; i < n; i++)
					pfns[i] = down ? first - i : first + i;
				if (broken < n)
					pfns[broken] ^= 0x4000;
				if (broken == 0)
					first = pfns[0];
				assert_int_equal(qi_count_run(first, down, n, pfns),
						 broken == 0 ? 1 : broken);
				assert_int_equal(qi_count_run(first + 1, down, n, pfns), 0);
				assert_int_equal(qi_zone_leading_run(n, pfns, &run),
						 broken == 0 ? 1 : broken);
				assert_int_equal(run.n, broken == 0 ? 1 : broken);
				assert_int_equal(run.pfn, down ? first - (run.n - 1) : first);
			}
}

static void test_runs_end_with_their_pageblock(const struct qt_param *param)
{
	uint32_t pfns[64];
	struct qi_run run;

	(void)param;
	for (uint32_t border = 1; border < 64; border++) {
		for (uint32_t i = 0; i < 64; i++)
			pfns[i] = 7 * 512 - border + i;
		assert_int_equal(qi_zone_leading_run(64, pfns, &run), border);
		assert_int_equal(run.pfn, 7 * 512 - border);
		for (uint32_t i = 0; i < 64; i++)
			pfns[i] = 7 * 512 + border - 1 - i;
		assert_int_equal(qi_zone_leading_run(64, pfns, &run), border);
		assert_int_equal(run.pfn, 7 * 512);
	}
}

/* All of a part's pages were free; how many they are. */
static uint32_t hold_part(const struct qi_part *part, bool *held)
{
	uint32_t n = 0;

	for (uint32_t item = 0; item < 512; item++) {
		if (!qi_bits_test(&part->items, item))
			continue;
		assert_false(held[part->block * 512 + item]);
		held[part->block * 512 + item] = true;
		n++;
	}
	assert_int_equal(n, part->n);
	assert_true(n > 0);
	return n;
}

/* Held pages from a random place on, in runs of random lengths and in random order; how many. */
static uint32_t give_some_runs(struct qi_space *space, bool *held, struct qt_random *r,
			       uint32_t end)
{
	struct qi_run runs[QI_MOST_RUNS];
	uint32_t longest = 1 + qt_random_below(r, 512), pfn = qt_random_below(r, end);
	uint32_t nr = 0, given = 0, most = 1 + qt_random_below(r, QI_MOST_RUNS);

	for (; pfn < end && nr < most; pfn++) {
		struct qi_run *last = &runs[nr == 0 ? 0 : nr - 1];

		if (!held[pfn])
			continue;
		held[pfn] = false;
		given++;
		if (nr > 0 && last->pfn + last->n == pfn && pfn % 512 != 0 && last->n < longest)
			last->n++;
		else
			runs[nr++] = (struct qi_run){ .pfn = pfn, .n = 1 };
	}
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t other = qt_random_below(r, nr);
		struct qi_run run = runs[i];

		runs[i] = runs[other];
		runs[other] = run;
	}
	qi_zone_lock(space, &space->zones[0]);
	qi_zone_give_runs_locked(space, &space->zones[0], nr, runs);
	qi_zone_unlock(space, &space->zones[0]);
	return given;
}

/* Sets out and runs in, of all sizes: each page is out once, and the zone is as it should be. */
static void test_parts_and_runs(const struct qt_param *param)
{
	enum { PAGES = 40 * 512 - 300, END = 42 * 512 };
	static bool held[END];
	struct qt_random r = qt_random_seed(3);
	struct qi_part parts[QI_MOST_PARTS];
	uint32_t nr_held = 0;
	struct qi_space *space;
	struct qt t;

	memset(held, 0, sizeof(held));
	qt_begin(&t, param);
	t.config.max_pages = PAGES;
	t.config.nr_stash = UINT32_MAX;
	qt_create(&t);
	add_region(&t, (UINT64_C(1) << 40) + (77 << 12), PAGES, 0, 9);
	space = &t.q->space;
	assert_true(t.info[0].first_pfn + PAGES <= END);
	for (int i = 0; i < 3000; i++) {
		uint32_t want = 1 + qt_random_below(&r, qt_random_one_in(&r, 4) ? 9000 : 600);
		uint32_t got = 0, nr;

		qi_zone_lock(space, &space->zones[0]);
		nr = qi_zone_take_parts_locked(space, &space->zones[0], want, parts);
		qi_zone_unlock(space, &space->zones[0]);
		assert_true(nr <= QI_MOST_PARTS);
		for (uint32_t k = 0; k < nr; k++)
			got += hold_part(&parts[k], held);
		assert_true(got == want || nr == QI_MOST_PARTS || nr_held + got == PAGES);
		assert_true(got <= want);
		nr_held += got;
		for (int k = 0; k < 3; k++)
			nr_held -= give_some_runs(space, held, &r, END);
		if (i % 16 == 0)
			check_zones(&t);
	}
	while (nr_held > 0)
		nr_held -= give_some_runs(space, held, &r, END);
	check_zones(&t);
	assert_int_equal(qt_stats(t.q).free_zone, PAGES);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(regions_lie_congruent_and_apart),
		QT_TEST(nothing_merges_across_regions),
		QT_TEST(zones_stay_valid),
		QT_TEST(runs_are_found),
		QT_TEST(runs_end_with_their_pageblock),
		QT_TEST(parts_and_runs),
	};

	return QT_RUN_CACHES(tests);
}
