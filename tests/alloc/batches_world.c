/* SPDX-License-Identifier: MIT */
#include "batches_world.h"

#include "cpu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern const struct qi_vector qi_vector_plain;
#if defined(__x86_64__)
extern const struct qi_vector qi_vector_avx2;
extern const struct qi_vector qi_vector_avx512;
#endif

static const struct setting settings[] = {
	{ "checked", QUIRE_CHECK_ON, 12, true, false },
	{ "unchecked", QUIRE_CHECK_OFF, 12, true, false },
	{ "strict", QUIRE_CHECK_STRICT, 12, true, false },
	{ "small pages", QUIRE_CHECK_ON, 11, true, false },
	{ "large pages, not mapped", QUIRE_CHECK_ON, 21, false, false },
	{ "isolated", QUIRE_CHECK_ON, 12, true, true },
	{ "isolated, unchecked", QUIRE_CHECK_OFF, 12, true, true },
};

static const struct table {
	const char *name;
	const struct qi_vector *vector;
	enum qp_vectors needs;
} tables[] = {
	{ "plain", &qi_vector_plain, QP_VECTORS_PLAIN },
#if defined(__x86_64__)
	{ "avx2", &qi_vector_avx2, QP_VECTORS_AVX2 },
	{ "avx512", &qi_vector_avx512, QP_VECTORS_AVX512 },
#endif
};

static const char *const forms[] = { "pages", "pfns", "offsets" };

enum {
	PAGES_A_CPU = 4096, /* for lists of more than two hundred pages, and batches of 64 */
	REST = 37, /* so that the region is no whole number of batches */
	FIRST = 5, /* page of a pageblock that the region begins at */
	ARENA = 32768,
};

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t seed = 1;
static char *arena_end;

void must(const struct world *w, bool good, const char *what, int line)
{
	if (!good)
		fail_msg("line %d: %s; %s, %s, %s, %s, n %u, at %u; last report: %s", line, what,
			 w->way.setting->name, w->way.table, forms[w->way.form],
			 w->shape != NULL ? w->shape : "no shape", w->n, w->at, w->t.reports.text);
}

/* ---- Ways --------------------------------------------------------------------------------- */

static bool possible(size_t setting, size_t table, enum qi_form form)
{
	return (settings[setting].mapped || form != QI_FORM_PAGE) &&
	       tables[table].needs <= qp_vectors();
}

static bool next_way(struct way *way)
{
	size_t setting = 0, table = 0, form = 0;

	if (way->setting != NULL) {
		setting = (size_t)(way->setting - settings);
		while (strcmp(tables[table].name, way->table) != 0)
			table++;
		form = (size_t)way->form + 1;
	}
	for (; setting < NR(settings); setting++, table = 0) {
		for (; table < NR(tables); table++, form = 0) {
			for (; form < NR(forms); form++) {
				if (!possible(setting, table, (enum qi_form)form))
					continue;
				*way = (struct way){ &settings[setting], tables[table].name,
						     tables[table].vector, (enum qi_form)form };
				return true;
			}
		}
	}
	return false;
}

static void use(struct world *w, const struct way *way)
{
	w->way = *way;
	w->t.q->vector = way->vector;
}

/* ---- The world ---------------------------------------------------------------------------- */

static void map_arena(void)
{
	char *map = mmap(NULL, 2 * ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	arena_end = map + ARENA;
	assert_int_equal(mprotect(arena_end, ARENA, PROT_NONE), 0);
}

static void add_region(struct world *w)
{
	uint32_t shift = w->way.setting->page_shift;
	size_t block = (size_t)QUIRE_PAGEBLOCK_PAGES << shift;
	size_t bytes = (size_t)w->nr_pages << shift;
	struct quire_region_info info = { .size = sizeof(info) };
	struct quire_region_config config;
	char *map = NULL;

	quire_region_config_init(&config);
	config.bytes = bytes;
	if (w->way.setting->mapped) {
		map = mmap(NULL, bytes + 2 * block, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		assert_ptr_not_equal(map, MAP_FAILED);
		config.addr = map + (block - (uintptr_t)map % block) + ((size_t)FIRST << shift);
	} else {
		config.base = (uint64_t)FIRST << shift;
	}
	qt_assert_ok(quire_region_add(w->t.q, &config, &w->t.region[0]));
	qt_assert_ok(quire_region_info_get(w->t.q, w->t.region[0], &info));
	w->t.nr_regions = 1;
	w->t.map[0] = map;
	w->t.map_bytes[0] = bytes + 2 * block;
	w->addr = (uintptr_t)config.addr;
	w->first = info.first_pfn;
	assert_int_equal(w->first, FIRST);
}

/* Aids would close the ways that are tested here. */
static void create(struct world *w)
{
	static struct qt_param param;
	uint32_t nr_cpus;

	for (size_t i = 0; i < qt_nr_caches; i++)
		if (qt_caches[i].cache == QUIRE_CACHE_PCP &&
		    (qt_caches[i].flags != 0) == w->way.setting->isolated)
			param.cache = &qt_caches[i];
	param.check = w->way.setting->check;
	assert_true(qt_cpu_bind(0));
	nr_cpus = (uint32_t)qt_cpu(0) + 1;
	w->nr_pages = PAGES_A_CPU * nr_cpus + REST;
	qt_begin(&w->t, &param);
	w->t.config.max_pages = w->nr_pages + QUIRE_PAGEBLOCK_PAGES;
	w->t.config.max_regions = 1;
	w->t.config.max_zones = 1;
	w->t.config.nr_cpus = nr_cpus;
	w->t.config.page_shift = w->way.setting->page_shift;
	w->t.config.aids = 0;
	qt_create(&w->t);
	assert_int_equal(qt_info(w->t.q).batch, QI_SCRATCH);
}

/* Whether it is one of the pool's, or of its margins'. */
static bool is_kept(const struct world *w, uint32_t pfn)
{
	return pfn - (w->pool - MARGIN) < POOL + 2 * MARGIN;
}

void restore(struct world *w)
{
	uint32_t *pfns = calloc(w->nr_pages, sizeof(*pfns));
	uint32_t nr, nr_fillers = 0, nr_rest = 0;

	assert_non_null(pfns);
	nr = (uint32_t)quire_alloc_bulk_pfn(w->t.q, 0, 0, w->nr_pages, pfns);
	MUST(w, nr + w->nr_held == w->nr_pages);
	for (uint32_t i = 0; i < nr; i++) {
		account(w, pfns[i], true);
		if (is_kept(w, pfns[i]))
			continue;
		if (nr_fillers < FILLERS)
			w->fillers[nr_fillers++] = pfns[i];
		else
			pfns[nr_rest++] = pfns[i];
	}
	MUST(w, nr_fillers == FILLERS);
	MUST(w, quire_free_bulk_pfn(w->t.q, nr_rest, pfns) == nr_rest);
	for (uint32_t i = 0; i < nr_rest; i++)
		account(w, pfns[i], false);
	(void)quire_drain(w->t.q, QUIRE_ALL_CPUS, 0);
	give_singly(w, FILLERS, w->fillers);
	free(pfns);
}

static void open_world(struct world *w, const struct setting *setting)
{
	memset(w, 0, sizeof(*w));
	w->random = qt_random_seed(seed);
	w->way.setting = setting;
	w->way.table = "no table yet";
	if (arena_end == NULL)
		map_arena();
	create(w);
	add_region(w);
	w->held = calloc(w->nr_pages, sizeof(*w->held));
	assert_non_null(w->held);
	w->pool = w->first + w->nr_pages / 2;
	restore(w);
	check_all(w);
}

static void close_world(struct world *w)
{
	qt_assert_no_report(&w->t.reports);
	for (uint32_t pfn = w->first; pfn < w->first + w->nr_pages; pfn++)
		if (w->held[pfn - w->first])
			give_singly(w, 1, &pfn);
	check_all(w);
	free(w->held);
	qt_end(&w->t);
	qt_cpu_unbind();
}

void account(struct world *w, uint32_t pfn, bool held)
{
	uint32_t page = pfn - w->first;

	MUST(w, page < w->nr_pages);
	MUST(w, w->held[page] != held);
	w->held[page] = held;
	w->nr_held = held ? w->nr_held + 1 : w->nr_held - 1;
}

/* ---- Slots -------------------------------------------------------------------------------- */

static size_t slot_bytes(const struct world *w)
{
	return w->way.form == QI_FORM_PFN ? sizeof(uint32_t) : sizeof(uint64_t);
}

static void *slots(const struct world *w, uint32_t n)
{
	return arena_end - n * slot_bytes(w);
}

void set_slot(const struct world *w, uint32_t n, uint32_t i, uint64_t value)
{
	memcpy((char *)slots(w, n) + i * slot_bytes(w), &value, slot_bytes(w));
}

static uint64_t get_slot(const struct world *w, uint32_t n, uint32_t i)
{
	uint64_t value = 0;

	memcpy(&value, (char *)slots(w, n) + i * slot_bytes(w), slot_bytes(w));
	return value;
}

uint64_t blank(const struct world *w)
{
	return w->way.form == QI_FORM_PFN ? 0xb1a2c3d4 : 0xb1a2c3d4e5f60718;
}

uint64_t slot_of(const struct world *w, uint32_t pfn)
{
	uint64_t offset = (uint64_t)(pfn - w->first) << w->way.setting->page_shift;

	if (w->way.form == QI_FORM_PFN)
		return pfn;
	return w->way.form == QI_FORM_PAGE ? w->addr + offset : offset;
}

/* The page of a slot that a call has written. */
static uint32_t page_in(const struct world *w, uint64_t slot)
{
	uint64_t offset = slot - slot_of(w, w->first);
	uint32_t pfn = w->way.form == QI_FORM_PFN
			       ? (uint32_t)slot
			       : w->first + (uint32_t)(offset >> w->way.setting->page_shift);

	MUST(w, pfn - w->first < w->nr_pages);
	MUST(w, slot_of(w, pfn) == slot);
	return pfn;
}

/* ---- Calls -------------------------------------------------------------------------------- */

static size_t call_take(const struct world *w, uint32_t n)
{
	struct quire *q = w->t.q;

	if (w->way.form == QI_FORM_PAGE)
		return quire_alloc_bulk(q, 0, 0, n, slots(w, n));
	if (w->way.form == QI_FORM_PFN)
		return quire_alloc_bulk_pfn(q, 0, 0, n, slots(w, n));
	return quire_alloc_bulk_offset(q, w->t.region[0], 0, 0, n, slots(w, n));
}

static size_t call_give(const struct world *w, uint32_t n)
{
	struct quire *q = w->t.q;

	if (w->way.form == QI_FORM_PAGE)
		return quire_free_bulk(q, n, slots(w, n));
	if (w->way.form == QI_FORM_PFN)
		return quire_free_bulk_pfn(q, n, slots(w, n));
	return quire_free_bulk_offset(q, w->t.region[0], n, slots(w, n));
}

uint32_t take(struct world *w, uint32_t n, uint32_t *pfns)
{
	uint32_t got;

	for (uint32_t i = 0; i < n + BEFORE; i++)
		set_slot(w, n + BEFORE, i, blank(w));
	got = (uint32_t)call_take(w, n);
	MUST(w, got <= n);
	for (uint32_t i = 0; i < got; i++) {
		pfns[i] = page_in(w, get_slot(w, n, i));
		account(w, pfns[i], true);
	}
	for (uint32_t i = 0; i < BEFORE; i++)
		MUST(w, get_slot(w, n + BEFORE, i) == blank(w));
	for (uint32_t i = got; i < n; i++)
		MUST(w, get_slot(w, n, i) == blank(w));
	return got;
}

uint32_t give(struct world *w, uint32_t n)
{
	static unsigned char were[LONG * sizeof(uint64_t)];
	uint32_t given;

	assert_true(n <= LONG);
	memcpy(were, slots(w, n), n * slot_bytes(w));
	given = (uint32_t)call_give(w, n);
	MUST(w, memcmp(were, slots(w, n), n * slot_bytes(w)) == 0);
	return given;
}

void give_all(struct world *w, uint32_t n, const uint32_t *pfns)
{
	for (uint32_t i = 0; i < n; i++)
		set_slot(w, n, i, slot_of(w, pfns[i]));
	MUST(w, give(w, n) == n);
	for (uint32_t i = 0; i < n; i++)
		account(w, pfns[i], false);
	MUST(w, atomic_load(&w->t.reports.nr[0]) == 0);
}

void give_singly(struct world *w, uint32_t n, const uint32_t *pfns)
{
	for (uint32_t i = 0; i < n; i++) {
		MUST(w, quire_free_pfn(w->t.q, pfns[i]) == 0);
		account(w, pfns[i], false);
	}
}

/* ---- Checks ------------------------------------------------------------------------------- */

static void check_sums(const struct world *w)
{
	struct quire_stats s = qt_stats(w->t.q);
	uint64_t nr_free = s.free_zone + s.free_lists + s.free_depot + s.free_stash + s.deferred;

	MUST(w, s.managed == w->nr_pages);
	MUST(w, s.held == w->nr_held);
	MUST(w, nr_free + w->nr_held == w->nr_pages);
}

void check_states(const struct world *w, uint32_t pfn, uint32_t n)
{
	check_sums(w);
	if (w->way.setting->check == QUIRE_CHECK_OFF)
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t wanted = w->held[pfn + i - w->first] ? QI_STATE_HELD : QI_STATE_FREE;

		MUST(w, qi_state_get(w->t.q->space.state, pfn + i) == wanted);
	}
}

void check_pool(const struct world *w)
{
	check_states(w, w->pool - MARGIN, POOL + 2 * MARGIN);
}

void check_all(const struct world *w)
{
	check_states(w, w->first, w->nr_pages);
}

/* ---- Orders of pages ------------------------------------------------------------------------ */

void shuffle(struct world *w, uint32_t n, uint32_t *pfns)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t j = qt_random_below(&w->random, i);
		uint32_t pfn = pfns[j];

		pfns[j] = pfns[i - 1];
		pfns[i - 1] = pfn;
	}
}

static void swap(uint32_t *pfns, uint32_t i, uint32_t j)
{
	uint32_t pfn = pfns[i];

	pfns[i] = pfns[j];
	pfns[j] = pfn;
}

/* Some of the eights' i-th pages from the front and from the back change places. */
static void mirror(struct world *w, uint32_t n, uint32_t *pfns)
{
	for (uint32_t i = 0; i + 8 <= n; i += 8)
		for (uint32_t j = 0; j < 4; j++)
			if (qt_random_one_in(&w->random, 2))
				swap(pfns, i + j, i + 7 - j);
}

static void order_up(struct world *w, uint32_t n, uint32_t *pfns)
{
	(void)w, (void)n, (void)pfns;
}

static void order_down(struct world *w, uint32_t n, uint32_t *pfns)
{
	(void)w;
	for (uint32_t i = 0; i < n / 2; i++)
		swap(pfns, i, n - 1 - i);
}

/* Eights, each a run of its own, with others between. */
static void order_eights(struct world *w, uint32_t n, uint32_t *pfns)
{
	for (uint32_t i = 0; i < n; i++)
		pfns[i] += i / 8 * 8;
	mirror(w, n, pfns);
}

static void order_sixteens(struct world *w, uint32_t n, uint32_t *pfns)
{
	(void)w;
	for (uint32_t i = 0; i < n; i++)
		pfns[i] += (n - 1 - i) / 16 * 16 - i / 16 * 16;
}

/* A run but for two pages, which may be in one eight, or mirrored, or first and last. */
static void order_nearly(struct world *w, uint32_t n, uint32_t *pfns)
{
	swap(pfns, qt_random_below(&w->random, n), qt_random_below(&w->random, n));
}

/* A run but for one page, which lies behind it. */
static void order_astray(struct world *w, uint32_t n, uint32_t *pfns)
{
	pfns[qt_random_below(&w->random, n)] += n + 3;
}

static void order_gaps(struct world *w, uint32_t n, uint32_t *pfns)
{
	(void)w;
	for (uint32_t i = 0; i < n; i++)
		pfns[i] += i;
}

static const struct shape {
	const char *name;
	void (*order)(struct world *w, uint32_t n, uint32_t *pfns);
} shapes[] = {
	{ "up", order_up },
	{ "down", order_down },
	{ "mirrored", mirror },
	{ "eights", order_eights },
	{ "sixteens", order_sixteens },
	{ "nearly a run", order_nearly },
	{ "one astray", order_astray },
	{ "gaps", order_gaps },
	{ "shuffled", shuffle },
};

_Static_assert(NR(shapes) == NR_SHAPES, "known to those who choose");

void choose(struct world *w, uint32_t shape, uint32_t n, uint32_t *pfns)
{
	uint32_t start = w->pool + qt_random_below(&w->random, POOL - 2 * n - 8);

	w->shape = shapes[shape].name;
	w->n = n;
	w->at = 0;
	for (uint32_t i = 0; i < n; i++)
		pfns[i] = start + i;
	shapes[shape].order(w, n, pfns);
}

/* ---- Running ------------------------------------------------------------------------------ */

void in_each_way(body_fn *body)
{
	static struct world world;
	struct world *w = &world;
	struct way way = { .setting = NULL };

	memset(w, 0, sizeof(*w));
	while (next_way(&way)) {
		if (w->t.q == NULL || w->way.setting != way.setting) {
			if (w->t.q != NULL)
				close_world(w);
			open_world(w, way.setting);
		}
		use(w, &way);
		body(w);
	}
	close_world(w);
}

int run_batches(const struct qt_test *tests, size_t nr, int argc, char **argv)
{
	const char *why;

	if (argc == 3 && strcmp(argv[1], "--seed") == 0)
		seed = strtoull(argv[2], NULL, 0);
	if (!qp_sections_offered(&why)) {
		print_message("1..0 # SKIP %s\n", why);
		return 0;
	}
	print_message("# seed %llu\n", (unsigned long long)seed);
	return qt_run_once(tests, nr);
}
