/* SPDX-License-Identifier: MIT */
#include "runs.h"
#include "cpu.h"

#include <string.h>
#include <sys/mman.h>

struct world world;
struct array array;

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

void open_world(struct world *w, const struct qt_param *param, enum form form, uint32_t zones)
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

uint32_t nr_free(const struct world *w)
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

void assert_states(const struct world *w)
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

uint32_t take(struct world *w, quire_gfp gfp, size_t n)
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

void give(struct world *w)
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

void add(uint32_t pfn)
{
	assert_true(array.n < MOST);
	array.inside[array.n] = false;
	array.pfns[array.n++] = pfn;
}

void add_run(uint32_t pfn, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		add(pfn + i);
}

void give_all(struct world *w)
{
	for (uint32_t pfn = 0; pfn < MOST; pfn++)
		if (w->held[pfn])
			add(pfn);
	give(w);
}

void end_world(struct world *w)
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

void take_what_is_free(struct world *w)
{
	uint32_t left = nr_free(w);

	assert_int_equal(take(w, 0, MOST), left);
	assert_int_equal(nr_free(w), 0);
	assert_int_equal(take(w, 0, 1), 0);
	assert_states(w);
}
