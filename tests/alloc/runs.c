/* SPDX-License-Identifier: MIT */
/*
 * Hundreds of pages at once. Freed when the CPU's list and the depot are full, they go to the zone by
 * runs: in every shape that an array can have, exactly the pages in it become free, and none that
 * lies beside them. Allocated, from zones in many states, each is given out once.
 */
#include "runs.h"
#include "sanitizer.h"

/* ---- Frees ---- */

static uint32_t filler_page(const struct world *w)
{
	return w->first + SHAPED * BLOCK;
}

/* A few at a time until the list is full, which then passes no batch on, and the depot as well. */
static void fill_caches(struct world *w)
{
	uint32_t pfn = filler_page(w);

	for (uint32_t i = 0; i < HIGH / 16; i++, pfn += 16) {
		add_run(pfn, 16);
		give(w);
	}
	for (uint32_t i = 0; i < BATCHES; i++, pfn += RUN) {
		add_run(pfn, RUN);
		give(w);
	}
	if (w->t.config.cache == QUIRE_CACHE_NONE || qt_info(w->t.q).high < HIGH)
		return;
	assert_int_equal(qt_stats(w->t.q).free_lists, HIGH);
	assert_int_equal(qt_stats(w->t.q).free_depot, BATCHES * RUN);
}

static void add_ascending(const struct world *w)
{
	add_run(w->first, 3 * BLOCK);
}

static void add_gaps(const struct world *w)
{
	for (uint32_t at = 0; at < SHAPED * BLOCK; at += 2 * RUN)
		add_run(w->first + at, RUN);
}

/* Every run once lies across a border of pageblocks, and its ends are as far apart as a run's. */
static void add_across_borders(const struct world *w)
{
	for (uint32_t shift = 1; shift < SHAPED; shift++)
		add_run(w->first + shift * BLOCK - shift * 11, 3 * RUN);
	add_run(w->first + 32, BLOCK - 8 * RUN + 3 * RUN);
}

/* One run goes on behind the other, but in the next pageblock, or in another region. */
static void add_block_after_block(const struct world *w)
{
	for (uint32_t i = 0; i < SHAPED; i += 2) {
		add_run(w->first + (i + 1) * BLOCK - RUN, RUN);
		add_run(w->first + (i + 1) * BLOCK, RUN);
	}
	add_run(w->first + RUN, 4 * RUN);
	add_run(w->first + 2 * BLOCK + 5 * RUN, 2 * RUN);
	add_run(w->first + 5 * RUN, RUN);
}

static void add_ends(const struct world *w)
{
	for (uint32_t i = w->t.nr_regions; i > 0; i--) {
		const struct quire_region_info *info = &w->t.info[i - 1];

		add_run(info->first_pfn + info->nr_pages - 5 * RUN, 5 * RUN);
		add_run(info->first_pfn, 5 * RUN);
	}
}

static void add_descending_runs(const struct world *w)
{
	for (uint32_t at = SHAPED * BLOCK; at > 0; at -= RUN)
		add_run(w->first + at - RUN, RUN);
}

static void add_descending_pages(const struct world *w)
{
	for (uint32_t at = SHAPED * BLOCK; at > 0; at--)
		add(w->first + at - 1);
}

static void add_shuffled_runs(const struct world *w)
{
	enum { RUNS = SHAPED * BLOCK / RUN };

	for (uint32_t i = 0; i < RUNS; i++)
		if (i % 6 != 5)
			add_run(w->first + i * 29 % RUNS * RUN, RUN);
}

/* The same ends as a run's, and something else in between. */
static void add_runs_out_of_order(const struct world *w)
{
	for (uint32_t at = 0; at < 3 * BLOCK; at += RUN)
		for (uint32_t i = 0; i < RUN; i++)
			add(w->first + at + (i == 20 ? 40 : i == 40 ? 20 : i));
}

/* Runs whose last page is elsewhere, or whose first. */
static void add_runs_with_a_stranger(const struct world *w)
{
	for (uint32_t at = 0; at + 2 * RUN <= 4 * BLOCK; at += 2 * RUN) {
		for (uint32_t i = 0; i < RUN; i++)
			add(w->first + at + (i == 33 ? RUN + 33 : i));
	}
}

static void add_holes(const struct world *w)
{
	for (uint32_t at = 0; at < 4 * BLOCK; at += RUN) {
		add_run(w->first + at, RUN);
		for (uint32_t i = 0; at % BLOCK == 3 * RUN && i < RUN; i++)
			add(QUIRE_NO_PFN);
		if (at % BLOCK == 6 * RUN)
			add(QUIRE_NO_PFN);
	}
}

/* Each of these is no page's, wherever it stands. */
static void add_foreign(const struct world *w)
{
	const struct quire_region_info *info = &w->t.info[w->t.nr_regions - 1];

	add_run(w->first, 10 * RUN);
	array.pfns[9 * RUN + 5] = info->first_pfn + info->nr_pages;
	add_run(w->first + 2 * BLOCK, BLOCK + 3);
	array.pfns[10 * RUN + 2 * RUN] = w->t.info[0].first_pfn - 1;
	add_run(w->first + 4 * BLOCK, BLOCK);
	array.pfns[array.n - 1] = MOST + 7;
}

static void add_misaligned(const struct world *w)
{
	add_run(w->first, 2 * BLOCK);
	add_run(w->first + 3 * BLOCK, 2 * BLOCK);
	if (w->form == PFN)
		return;
	array.inside[8 * RUN] = true;
	array.inside[10 * RUN - 1] = true;
	array.inside[20 * RUN + 30] = true;
}

/* Twice in the array, and free before. */
static void add_doubles(const struct world *w)
{
	add_run(w->first, 2 * BLOCK);
	array.pfns[9 * RUN + 7] = w->first + 5;
	array.pfns[12 * RUN] = filler_page(w) + 3;
	array.pfns[13 * RUN] = array.pfns[13 * RUN - 1];
	add_run(w->first + BLOCK, RUN);
	add_run(w->first + 2 * BLOCK, BLOCK);
}

/* Runs of all lengths, every other one down. */
static void add_odd_runs(const struct world *w)
{
	uint32_t at = 0;

	for (uint32_t n = 1; at + n <= SHAPED * BLOCK; at += n, n += n / 3 + 1)
		for (uint32_t i = 0; i < n; i++)
			add(w->first + at + (n % 2 == 0 ? n - 1 - i : i));
	while (at < SHAPED * BLOCK)
		add(w->first + at++);
}

/* Down across borders, to the first page of the region, and up from there. */
static void add_down_to_the_first(const struct world *w)
{
	uint32_t first = w->t.info[0].first_pfn;

	for (uint32_t pfn = w->first + BLOCK + 100; pfn > first; pfn--)
		add(pfn - 1);
	add_run(w->first + 2 * BLOCK, 4 * BLOCK);
}

/* The same, and below the first page there is none. */
static void add_down_and_out(const struct world *w)
{
	add_down_to_the_first(w);
	array.n -= 4 * BLOCK;
	for (uint32_t i = 1; i <= 3; i++)
		add(w->t.info[0].first_pfn - i);
	add_run(w->first + 2 * BLOCK, BLOCK);
}

/* In runs down and up: pages freed before, in the same run, or in one before it. */
static void add_doubles_in_runs(const struct world *w)
{
	add_descending_pages(w);
	array.pfns[BLOCK + 100] = filler_page(w) + 9;
	array.pfns[2 * BLOCK] = array.pfns[2 * BLOCK - 1];
	array.pfns[3 * BLOCK - 1] = array.pfns[3];
	array.pfns[4 * BLOCK + 64] = array.pfns[4 * BLOCK];
	add_run(w->first + BLOCK, 2 * RUN);
	add_run(w->first + BLOCK, 2 * RUN);
}

/* Nothing is wrong before a run in which one page has been freed. */
static void add_run_with_a_double(const struct world *w)
{
	add(w->first + 3 * BLOCK + 77);
	add_run(w->first, 2 * BLOCK);
	add_run(w->first + 3 * BLOCK, BLOCK);
	add_run(w->first + 4 * BLOCK, BLOCK);
}

static void add_run_down_with_a_double(const struct world *w)
{
	add(w->first + BLOCK + 77);
	add_descending_pages(w);
}

static void add_run_twice(const struct world *w)
{
	add_run(w->first, 2 * BLOCK);
	add_run(w->first + BLOCK + 17, 3 * RUN);
	add_run(w->first + 2 * BLOCK, BLOCK);
}

struct shape {
	const char *name;
	void (*add)(const struct world *w);
	bool needs_check; /* unchecked, it would be the caller's damage */
};

static const struct shape shapes[] = {
	{ "ascending", add_ascending, false },
	{ "gaps", add_gaps, false },
	{ "across borders", add_across_borders, false },
	{ "block after block", add_block_after_block, false },
	{ "ends", add_ends, false },
	{ "descending runs", add_descending_runs, false },
	{ "descending pages", add_descending_pages, false },
	{ "shuffled runs", add_shuffled_runs, false },
	{ "runs out of order", add_runs_out_of_order, false },
	{ "runs with a stranger", add_runs_with_a_stranger, false },
	{ "holes", add_holes, false },
	{ "foreign", add_foreign, false },
	{ "misaligned", add_misaligned, false },
	{ "odd runs", add_odd_runs, false },
	{ "down to the first", add_down_to_the_first, false },
	{ "down and out", add_down_and_out, false },
	{ "doubles", add_doubles, true },
	{ "doubles in runs", add_doubles_in_runs, true },
	{ "run with a double", add_run_with_a_double, true },
	{ "run down with a double", add_run_down_with_a_double, true },
	{ "run twice", add_run_twice, true },
};

/* With a head of n pages, what follows is cut into batches elsewhere. */
static void free_shape(const struct qt_param *param, const struct shape *shape, enum form form,
		       uint32_t zones, uint32_t head)
{
	struct world *w = &world;

	open_world(w, param, form, zones);
	take_what_is_free(w);
	fill_caches(w);
	add_run(filler_page(w) + BLOCK, head);
	shape->add(w);
	if (head == 0 && zones == 0)
		assert_true(array.n >= BLOCK);
	give(w);
	assert_states(w);
	take_what_is_free(w);
	end_world(w);
}

static void run_shapes(const struct qt_param *param, uint32_t zones)
{
	static const uint32_t heads[] = { 0, 2 * RUN, 7 };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (enum form form = PFN; form < (zones == 0 ? FORMS : OFFSET); form++)
			for (size_t k = 0; k < (zones == 0 && QT_SLOWER < 10 ? 3 : 1); k++)
				if (!shapes[i].needs_check || param->check != QUIRE_CHECK_OFF) {
					array.n = 0;
					free_shape(param, &shapes[i], form, zones, heads[k]);
				}
}

static void test_frees_in_every_shape(const struct qt_param *param)
{
	run_shapes(param, 0);
}

static void test_frees_to_two_regions(const struct qt_param *param)
{
	run_shapes(param, 1);
	run_shapes(param, 2);
}

/* ---- One by one ---- */

static void take_singles(struct world *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(take(w, 0, 1), 1);
}

/* Lists overflow, and what comes out of them are runs up, down, broken ones, or none. */
static void test_frees_one_by_one(const struct qt_param *param)
{
	static const uint32_t steps[] = { 1, NR_PAGES - 1, 17, 64, 512 };
	struct world *w = &world;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		for (int twice = 0; twice < (QT_SLOWER < 10 ? 2 : 1); twice++) {
			uint32_t left;

			open_world(w, param, i % FORMS, 0);
			left = NR_PAGES - 3 * (uint32_t)i;
			take_singles(w, left);
			for (uint32_t k = 0, at = 0; k < NR_PAGES; k++) {
				uint32_t pfn = w->t.info[0].first_pfn + at;

				if (w->held[pfn]) {
					add(pfn);
					give(w);
				}
				at = (at + steps[i]) % NR_PAGES;
				if (k % (NR_PAGES / 4) == 0)
					assert_states(w);
			}
			give_all(w);
			assert_states(w);
			if (twice)
				take_singles(w, NR_PAGES);
			end_world(w);
		}
}

/* ---- Allocations ---- */

/* Which pages are held before: everything else is free. */
static bool held_by_nobody(uint32_t pfn)
{
	(void)pfn;
	return false;
}

static bool held_one_in_two(uint32_t pfn)
{
	return pfn % 2 == 0;
}

static bool held_runs(uint32_t pfn)
{
	return pfn / RUN % 2 == 0;
}

static bool held_blocks(uint32_t pfn)
{
	return pfn / BLOCK % 3 == 1;
}

static bool held_all_but_scattered(uint32_t pfn)
{
	return pfn % RUN != pfn / RUN % RUN;
}

static bool held_one_of_each_block(uint32_t pfn)
{
	return pfn % BLOCK == 77;
}

static bool (*const states[])(uint32_t pfn) = {
	held_by_nobody, held_one_in_two,	held_runs,
	held_blocks,	held_all_but_scattered, held_one_of_each_block,
};

static void allocate(const struct qt_param *param, bool (*is_held)(uint32_t pfn), uint32_t n,
		     uint32_t zones, unsigned int turn)
{
	enum form form = zones == 0 ? turn % FORMS : turn % OFFSET;
	struct world *w = &world;
	uint32_t left, got;

	open_world(w, param, form, zones);
	take_what_is_free(w);
	for (uint32_t pfn = 0; pfn < MOST; pfn++)
		if (w->held[pfn] && !is_held(pfn))
			add(pfn);
	give(w);
	if (turn % 2 == 0)
		quire_drain(w->t.q, QUIRE_ALL_CPUS, 0);
	left = nr_free(w);
	got = take(w, turn % 3 == 0 ? QUIRE_ALL : 0, n);
	if (turn % 3 == 0)
		assert_int_equal(got, n <= left ? n : 0);
	else
		assert_int_equal(got, n < left ? n : left);
	assert_states(w);
	take_what_is_free(w);
	end_world(w);
}

static void run_allocations(const struct qt_param *param, uint32_t zones)
{
	static const uint32_t sizes[] = { 256, 257, 511, 512, 513, 1000, 2047, 4097, 5000, MOST };
	unsigned int turn = 0;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++, turn++) {
			array.n = 0;
			allocate(param, states[i], sizes[k], zones, turn);
			if (QT_SLOWER < 10)
				allocate(param, states[i], sizes[k], zones, turn + 5);
		}
}

static void test_allocations_in_every_state(const struct qt_param *param)
{
	run_allocations(param, 0);
}

static void test_allocations_from_two_regions(const struct qt_param *param)
{
	run_allocations(param, 1);
	run_allocations(param, 2);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(frees_in_every_shape),
		QT_TEST(frees_to_two_regions),
		QT_TEST(frees_one_by_one),
		QT_TEST(allocations_in_every_state),
		QT_TEST(allocations_from_two_regions),
	};

	return QT_RUN(tests);
}
