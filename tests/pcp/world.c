/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "stepper.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static char wrong[256];

#define WRONG(...) (snprintf(wrong, sizeof(wrong), __VA_ARGS__), wrong)

/* ---- Making one ----------------------------------------------------------------------------- */

static void configure(struct quire_config *config, struct qt_reports *reports)
{
	quire_config_init(config);
	config->max_pages = WORLD_PAGES;
	config->nr_cpus = WORLD_CPUS;
	config->batch = WORLD_BATCH;
	config->require = QUIRE_CACHE_PCP;
	config->aids = 0;
	config->report = qt_report;
	config->report_context = reports;
}

static struct world *map_world(size_t metadata)
{
	size_t bytes = sizeof(struct world) + metadata;
	struct world *w = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			       0);

	assert_ptr_not_equal(w, MAP_FAILED);
	w->bytes = bytes;
	for (int i = 0; i < WORLD_SAVES; i++) {
		w->saved[i] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);
		assert_ptr_not_equal(w->saved[i], MAP_FAILED);
	}
	return w;
}

static void add_region(struct world *w)
{
	struct quire_region_info info = { .size = sizeof(info) };
	struct quire_region_config config;
	struct quire_region region;

	quire_region_config_init(&config);
	config.bytes = (uint64_t)WORLD_PAGES << 12;
	qt_assert_ok(quire_region_add(w->q, &config, &region));
	qt_assert_ok(quire_region_info_get(w->q, region, &info));
	w->first_pfn = info.first_pfn;
}

/* On CPU 0's account, whatever CPU this is. */
static void bring_to(struct world *w, const struct standing *standing)
{
	uint32_t batches = standing->in_depot * WORLD_BATCH;
	uint32_t to_depot = batches > 0 ? batches + 1
					: 0; /* a drain has to have something to drain */

	for (uint32_t left = standing->held + to_depot + standing->listed; left > 0;) {
		uint32_t n = left < 64 ? left : 64;

		world_take(w, &w->child, n, 0);
		left -= n;
	}
	(void)quire_drain(w->q, QUIRE_ALL_CPUS, 0);
	for (uint32_t i = 0; i < to_depot; i++)
		world_give(w, &w->child, 1);
	(void)quire_drain(w->q, 0, batches);
	for (uint32_t i = 0; i < standing->listed; i++)
		world_give(w, &w->child, 1);
}

struct world *world_begin(const struct standing *standing)
{
	struct quire_config config;
	struct world *w;
	size_t metadata;

	configure(&config, NULL);
	qt_assert_ok(quire_metadata_size(&config, &metadata));
	w = map_world(metadata);
	config.report_context = &w->reports;
	qt_assert_ok(quire_init(&config, w + 1, metadata, &w->q));
	add_region(w);
	stepper_set_cpu(0);
	bring_to(w, standing);
	stepper_set_cpu(1);
	assert_false(atomic_load(&w->fell_short));
	assert_int_equal(qi_pcp_count(world_pcp(w)), standing->listed);
	assert_int_equal(qi_depot_count(w->q->front.depot), standing->in_depot * WORLD_BATCH);
	return w;
}

void world_end(struct world *w)
{
	size_t bytes = w->bytes;

	assert_int_equal(quire_free_bulk_pfn(w->q, w->child.nr, w->child.pfns), w->child.nr);
	assert_int_equal(quire_free_bulk_pfn(w->q, w->others.nr, w->others.pfns), w->others.nr);
	qt_assert_sound(w->q, 0);
	qt_assert_no_report(&w->reports);
	qt_assert_ok(quire_destroy(w->q));
	for (int i = 0; i < WORLD_SAVES; i++)
		munmap(w->saved[i], bytes);
	munmap(w, bytes);
}

void world_save(struct world *w, enum world_saved place)
{
	memcpy(w->saved[place], w, w->bytes);
}

void world_restore(struct world *w, enum world_saved place)
{
	memcpy(w, w->saved[place], w->bytes);
}

/* ---- Holding pages -------------------------------------------------------------------------- */

void world_take(struct world *w, struct holding *who, uint32_t n, quire_gfp gfp)
{
	uint32_t *pfns = who->pfns + who->nr;
	size_t got;

	if (n == 1) {
		pfns[0] = quire_alloc_pfn(w->q, gfp, 0);
		got = pfns[0] != QUIRE_NO_PFN;
	} else {
		got = quire_alloc_bulk_pfn(w->q, gfp, 0, n, pfns);
	}
	who->nr += (uint32_t)got;
	if (got < n)
		atomic_store(&w->fell_short, true);
}

void world_give(struct world *w, struct holding *who, uint32_t n)
{
	uint32_t *pfns = who->pfns + who->nr - n;
	size_t given;

	if (n == 1)
		given = quire_free_pfn(w->q, pfns[0]) == 0;
	else
		given = quire_free_bulk_pfn(w->q, n, pfns);
	who->nr -= n;
	if (given < n)
		atomic_store(&w->fell_short, true);
}

struct qi_pcp *world_pcp(struct world *w)
{
	return &w->q->front.pcps[0];
}

uint64_t world_aborts(struct world *w)
{
	return qi_count_get(&world_pcp(w)->nr_aborts);
}

static bool held(const struct qp_lock *lock)
{
	return atomic_load((_Atomic uint32_t *)&lock->word) != 0;
}

bool world_zone_locked(const struct world *w)
{
	const struct qi_front *front = &w->q->front;

	return held(&front->home->lock) || held(&front->depot->put.lock) ||
	       held(&front->depot->get.lock);
}

bool world_locked(const struct world *w)
{
	const struct qi_front *front = &w->q->front;

	return world_zone_locked(w) || held(&front->pcps[0].drain_lock) ||
	       held(&front->pcps[1].drain_lock);
}

/* ---- The account ---------------------------------------------------------------------------- */

/* Who has each page: bits. */
enum {
	CHILD = 1,
	OTHERS = 2,
	FREE = 4,
};

static unsigned char owners[WORLD_PAGES];

static const char *add_owner(const struct world *w, const struct holding *who, unsigned char owner)
{
	for (uint32_t i = 0; i < who->nr; i++) {
		uint32_t page = who->pfns[i] - w->first_pfn;

		if (page >= WORLD_PAGES)
			return WRONG("pfn %u is none of the instance's", who->pfns[i]);
		if (owners[page] != 0)
			return WRONG("page %u is doubled: had by %u and by %u (child 1, others 2, "
				     "free 4)",
				     who->pfns[i], owners[page], owner);
		owners[page] = owner;
	}
	return NULL;
}

static const char *check_states(const struct world *w)
{
	for (uint32_t page = 0; page < WORLD_PAGES; page++) {
		bool is_held = quire_order(w->q, w->first_pfn + page) == 0;

		if (is_held != ((owners[page] & (CHILD | OTHERS)) != 0))
			return WRONG("page %u: its state says %s, its owner %u",
				     w->first_pfn + page, is_held ? "held" : "free", owners[page]);
	}
	return NULL;
}

static const char *check_sums(const struct world *w, uint32_t nr_held)
{
	struct quire_stats s = { .size = sizeof(s) };
	uint64_t nr_free;

	(void)quire_stats_get(w->q, &s);
	nr_free = s.free_zone + s.free_lists + s.free_depot + s.free_stash + s.deferred;
	if (nr_free + nr_held == WORLD_PAGES && s.held == nr_held)
		return NULL;
	return WRONG("pages are %s: %u are held (%llu counted), %llu counted free (lists %llu), of "
		     "%u",
		     nr_free + nr_held > WORLD_PAGES   ? "doubled"
		     : nr_free + nr_held < WORLD_PAGES ? "lost"
						       : "miscounted",
		     nr_held, (unsigned long long)s.held, (unsigned long long)nr_free,
		     (unsigned long long)s.free_lists, WORLD_PAGES);
}

static const char *take_all(struct world *w, uint32_t nr_held)
{
	static struct holding rest;
	const char *why;

	(void)quire_drain(w->q, QUIRE_ALL_CPUS, 0);
	why = check_sums(w, nr_held);
	if (why != NULL)
		return why;
	rest.nr = (uint32_t)quire_alloc_bulk_pfn(w->q, 0, 0, WORLD_PAGES, rest.pfns);
	why = add_owner(w, &rest, FREE);
	if (why != NULL)
		return why;
	for (uint32_t page = 0; page < WORLD_PAGES; page++)
		if (owners[page] == 0)
			return WRONG("page %u is lost", w->first_pfn + page);
	return NULL;
}

const char *world_audit(struct world *w)
{
	uint32_t nr_held = w->child.nr + w->others.nr;
	const char *why;

	memset(owners, 0, sizeof(owners));
	why = add_owner(w, &w->child, CHILD);
	if (why == NULL)
		why = add_owner(w, &w->others, OTHERS);
	if (why == NULL)
		why = check_sums(w, nr_held);
	if (why == NULL)
		why = check_states(w);
	if (why == NULL)
		why = take_all(w, nr_held);
	if (why == NULL && atomic_load(&w->reports.nr[0]) != 0)
		why = WRONG("a report: %.200s", w->reports.text);
	return why;
}
