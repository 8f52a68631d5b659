/* SPDX-License-Identifier: MIT */
/*
 * Hundreds of pages at once. Freed when the CPU's list and the depot are full, they go to the zone by
 * runs: in every shape that an array can have, exactly the pages in it become free, and none that
 * lies beside them. Allocated, from zones in many states, each is given out once.
 */
#include "cpu.h"
#include "sanitizer.h"
#include "test.h"

#include <string.h>
#include <sys/mman.h>

enum {
	BLOCK = 512,
	RUN = 64,
	NR_PAGES = 10 * BLOCK - 137, /* it begins and ends inside a pageblock */
	BEGIN = 100,
	SECOND = 700, /* pages of a second region */
	MOST = 8192, /* slots of an array, and pfns that occur */
	HIGH = 256, /* pages of a list */
	BATCHES = 2, /* of a depot */
	SHAPED = 6, /* whole pageblocks for shapes; the two behind them fill list and depot */
};

enum form { PFN, PAGE, OFFSET, FORMS };

struct world {
	struct qt t;
	enum form form;
	bool held[MOST]; /* by pfn */
	uint32_t nr_held;
	uint32_t first; /* first whole pageblock of the first region */
};

/* Slots of one call. A pfn may be none, or wrong. */
struct array {
	size_t n;
	uint32_t pfns[MOST];
	bool inside[MOST]; /* an address inside the page */
};

static struct world world;
static struct array array;

/* ---- The instance ---- */

/* At a fixed place within a pageblock, so that pfns are the same each time. */
static void add_region(struct qt *t, uint32_t zone, uint32_t nr_pages)
{
	unsigned int i = t->nr_regions++;
	struct quire_region_config config;
	size_t bytes = (size_t)(nr_pages + 2 * BLOCK) * 4096;
	char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t unit = (size_t)BLOCK * 4096;

	assert_ptr_not_equal(map, MAP_FAILED);
	t->map[i] = map;
	t->map_bytes[i] = bytes;
	quire_region_config_init(&config);
	config.addr = map + (unit - (uintptr_t)map % unit) % unit + (size_t)BEGIN * 4096;
	config.bytes = (uint64_t)nr_pages * 4096;
	config.zone = zone;
	qt_assert_ok(quire_region_add(t->q, &config, &t->region[i]));
	t->info[i].size = sizeof(t->info[i]);
	qt_assert_ok(quire_region_info_get(t->q, t->region[i], &t->info[i]));
	assert_true(t->info[i].first_pfn + nr_pages <= MOST);
	assert_int_equal(t->info[i].first_pfn % BLOCK, BEGIN);
}

/* zones: 0: one region, the case with short ways; 1 or 2: two regions in as many zones. */
static void open_world(struct world *w, const struct qt_param *param, enum form form,
		       uint32_t zones)
{
	struct qt *t = &w->t;

	memset(w, 0, sizeof(*w));
	w->form = form;
	assert_true(qt_cpu_bind(0));
	qt_begin(t, param);
	t->config.max_pages = NR_PAGES + (zones > 0 ? SECOND : 0);
	t->config.max_regions = zones > 0 ? 2 : 1;
	t->config.max_zones = zones > 0 ? zones : 1;
	t->config.nr_cpus = (uint32_t)qt_cpu(0) + 1;
	t->config.high = HIGH;
	t->config.nr_depot = BATCHES;
	t->config.nr_stash = UINT32_MAX; /* a stash would keep pages of pageblocks that are whole */
	t->config.aids = 0; /* aids close the shortest ways */
	qt_create(t);
	add_region(t, 0, NR_PAGES);
	if (zones > 0)
		add_region(t, zones - 1, SECOND);
	w->first = (t->info[0].first_pfn + BLOCK - 1) / BLOCK * BLOCK;
}

static uint32_t nr_free(const struct world *w)
{
	return (uint32_t)qt_stats(w->t.q).managed - w->nr_held;
}

static bool is_page(const struct world *w, uint32_t pfn)
{
	for (uint32_t i = 0; i < w->t.nr_regions; i++)
		if (pfn - w->t.info[i].first_pfn < w->t.info[i].nr_pages)
			return true;
	return false;
}

/* What the instance says of every page is what is known of it. */
static void assert_states(const struct world *w)
{
	qt_assert_sound(w->t.q, w->nr_held);
	for (uint32_t pfn = 0; pfn < MOST && w->t.param->check != QUIRE_CHECK_OFF; pfn++)
		assert_int_equal(quire_order(w->t.q, pfn), w->held[pfn] ? 0 : -QUIRE_EINVAL);
}

/* ---- Arrays in each form ---- */

static union {
	uint32_t pfns[MOST];
	void *pages[MOST];
	uint64_t offsets[MOST];
} slots;

static uint64_t to_offset(const struct world *w, uint32_t pfn)
{
	return ((uint64_t)pfn - w->t.info[0].first_pfn) << 12;
}

static void write_slot(const struct world *w, size_t i)
{
	uint32_t pfn = array.pfns[i];
	bool none = pfn == QUIRE_NO_PFN;

	if (w->form == PFN) {
		slots.pfns[i] = pfn;
		return;
	}
	if (w->form == OFFSET) {
		slots.offsets[i] = none ? QUIRE_NO_OFFSET
					: to_offset(w, pfn) + array.inside[i] * 64u;
		return;
	}
	slots.pages[i] = none ? NULL : quire_pfn_to_page(w->t.q, pfn);
	if (!none && slots.pages[i] == NULL)
		slots.pages[i] = (char *)w->t.info[0].addr + to_offset(w, pfn);
	if (array.inside[i])
		slots.pages[i] = (char *)slots.pages[i] + 64;
}

static uint32_t read_slot(const struct world *w, size_t i)
{
	if (w->form == PFN)
		return slots.pfns[i];
	if (w->form == PAGE)
		return quire_page_to_pfn(w->t.q, slots.pages[i]);
	return quire_offset_to_pfn(w->t.q, w->t.region[0], slots.offsets[i]);
}

static size_t free_slots(const struct world *w, size_t n)
{
	if (w->form == PFN)
		return quire_free_bulk_pfn(w->t.q, n, slots.pfns);
	if (w->form == PAGE)
		return quire_free_bulk(w->t.q, n, slots.pages);
	return quire_free_bulk_offset(w->t.q, w->t.region[0], n, slots.offsets);
}

static size_t alloc_slots(const struct world *w, quire_gfp gfp, size_t n)
{
	if (w->form == PFN)
		return quire_alloc_bulk_pfn(w->t.q, gfp, 0, n, slots.pfns);
	if (w->form == PAGE)
		return quire_alloc_bulk(w->t.q, gfp, 0, n, slots.pages);
	return quire_alloc_bulk_offset(w->t.q, w->t.region[0], gfp, 0, n, slots.offsets);
}

/* ---- Calls, and what must come of them ---- */

/* n pages are asked for: each that comes was free, and comes once. How many. */
static uint32_t take(struct world *w, quire_gfp gfp, size_t n)
{
	size_t got = alloc_slots(w, gfp, n);

	assert_true(got <= n);
	for (size_t i = 0; i < got; i++) {
		uint32_t pfn = read_slot(w, i);

		assert_true(is_page(w, pfn));
		assert_false(w->held[pfn]);
		w->held[pfn] = true;
	}
	w->nr_held += (uint32_t)got;
	return (uint32_t)got;
}

/* The array is freed: what is held becomes free, anything else is reported once. */
static void give(struct world *w)
{
	uint32_t freed = 0;
	uint32_t wrong = 0;

	for (size_t i = 0; i < array.n; i++) {
		uint32_t pfn = array.pfns[i];

		write_slot(w, i);
		if (pfn == QUIRE_NO_PFN)
			continue;
		if (pfn < MOST && w->held[pfn] && !array.inside[i]) {
			w->held[pfn] = false;
			freed++;
		} else {
			wrong++;
		}
	}
	qt_reports_clear(&w->t.reports);
	assert_int_equal(free_slots(w, array.n), freed);
	assert_int_equal(atomic_load(&w->t.reports.nr[QUIRE_REPORT_BAD_FREE]), wrong);
	assert_int_equal(atomic_load(&w->t.reports.nr[0]), wrong);
	w->nr_held -= freed;
	array.n = 0;
}

static void add(uint32_t pfn)
{
	assert_true(array.n < MOST);
	array.inside[array.n] = false;
	array.pfns[array.n++] = pfn;
}

static void add_run(uint32_t pfn, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		add(pfn + i);
}

static void give_all(struct world *w)
{
	for (uint32_t pfn = 0; pfn < MOST; pfn++)
		if (w->held[pfn])
			add(pfn);
	give(w);
}

/* Nothing is held, nothing is in lists: every pageblock is whole, and every page can be had again. */
static void end_world(struct world *w)
{
	uint32_t whole = 0;

	for (uint32_t i = 0; i < w->t.nr_regions; i++) {
		uint32_t first = w->t.info[i].first_pfn;

		whole += (first + w->t.info[i].nr_pages) / BLOCK - (first + BLOCK - 1) / BLOCK;
	}
	give_all(w);
	quire_drain(w->t.q, QUIRE_ALL_CPUS, 0);
	assert_states(w);
	assert_int_equal(qt_stats(w->t.q).free_pageblocks, whole);
	qt_end(&w->t);
	qt_cpu_unbind();
}

/* Exactly the free pages can be had, each once; then none. */
static void take_what_is_free(struct world *w)
{
	uint32_t left = nr_free(w);

	assert_int_equal(take(w, 0, MOST), left);
	assert_int_equal(nr_free(w), 0);
	assert_int_equal(take(w, 0, 1), 0);
	assert_states(w);
}

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
