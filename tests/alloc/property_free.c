/* SPDX-License-Identifier: MIT */
/* Frees of a world, good and bad, and what else moves pages: split, reserve, drain. */
#include "property.h"

#include <stdlib.h>
#include <string.h>

static bool checked(const struct world *w)
{
	return w->check != QUIRE_CHECK_OFF;
}

static uint32_t random_head(struct world *w)
{
	return w->model.heads[qt_random_below(&w->random, w->model.nr_heads)];
}

static size_t headroom(struct world *w)
{
	return qt_random_below(&w->random, 1u << w->config.page_shift);
}

static int free_one(struct world *w, uint32_t pfn)
{
	struct quire_region region = { 0 };
	uint64_t offset = quire_pfn_to_offset(w->q, pfn, &region);
	char *page = quire_pfn_to_page(w->q, pfn);

	switch (qt_random_below(&w->random, page ? 5 : 3)) {
	case 0:
		return quire_free_pfn(w->q, pfn);
	case 1:
		return quire_free_offset(w->q, region, offset);
	case 2:
		return quire_free_offset_round(w->q, region, offset + headroom(w));
	case 3:
		return quire_free(w->q, page);
	default:
		return quire_free_round(w->q, page + headroom(w));
	}
}

void op_free(struct world *w)
{
	uint32_t pfn;
	int err;

	if (w->model.nr_heads == 0)
		return;
	pfn = random_head(w);
	world_giving(w, pfn);
	err = free_one(w, pfn);
	hold_true(w, err == 0, "free of held pfn %u: %d", pfn, err);
}

enum bulk_form {
	BULK_PFN,
	BULK_PAGE,
	BULK_PAGE_ROUND,
	BULK_OFFSET,
	BULK_OFFSET_ROUND,
	NR_BULK_FORMS
};

struct bulk {
	enum bulk_form form;
	int region; /* offset forms: all of it */
	size_t n, good;
	unsigned int bad;
};

static bool fits(const struct world *w, const struct bulk *b, uint32_t pfn)
{
	int region = model_region_of(&w->model, pfn);

	if (b->form == BULK_PFN)
		return true;
	if (b->form == BULK_PAGE || b->form == BULK_PAGE_ROUND)
		return region >= 0 && w->info[region].addr != NULL;
	return region == b->region;
}

static void put(struct world *w, struct bulk *b, uint32_t pfn)
{
	size_t i = b->n++;
	bool hole = pfn == QUIRE_NO_PFN;
	char *page = hole ? NULL : quire_pfn_to_page(w->q, pfn);

	w->pfns[i] = pfn;
	w->offsets[i] = hole ? QUIRE_NO_OFFSET : quire_pfn_to_offset(w->q, pfn, NULL);
	if (!hole && b->form == BULK_OFFSET_ROUND)
		w->offsets[i] += headroom(w);
	w->pages[i] = page && b->form == BULK_PAGE_ROUND ? page + headroom(w) : page;
}

/* A page that is free, reserved or inside a block, one freed earlier in this call, or nobody's. */
static bool bad_pfn(struct world *w, const struct bulk *b, uint32_t *pfn)
{
	if (!checked(w))
		return false;
	if (b->n > 0 && qt_random_one_in(&w->random, 2)) {
		*pfn = w->pfns[qt_random_below(&w->random, (uint32_t)b->n)];
		if (*pfn == QUIRE_NO_PFN)
			return false;
	} else {
		*pfn = qt_random_below(&w->random, w->model.nr_pfns);
	}
	return model_free_error(&w->model, *pfn) != 0 &&
	       (b->form == BULK_PFN || model_region_of(&w->model, *pfn) >= 0) && fits(w, b, *pfn);
}

static void collect(struct world *w, struct bulk *b, size_t want)
{
	for (size_t tries = 2 * want; b->n < want && tries > 0; tries--) {
		uint32_t pfn;

		if (qt_random_one_in(&w->random, 12)) {
			put(w, b, QUIRE_NO_PFN);
		} else if (qt_random_one_in(&w->random, 40)) {
			if (!bad_pfn(w, b, &pfn))
				continue;
			put(w, b, pfn);
			b->bad++;
		} else if (w->model.nr_heads > 0) {
			pfn = random_head(w);
			if (!fits(w, b, pfn))
				continue;
			world_giving(w, pfn);
			put(w, b, pfn);
			b->good++;
		}
	}
}

/* Neighbours together: a bulk call looks for runs. */
static void collect_run(struct world *w, struct bulk *b, size_t want)
{
	uint32_t pfn;

	if (w->model.nr_heads == 0)
		return;
	for (pfn = random_head(w); b->n < want && pfn < w->model.nr_pfns; pfn++) {
		if (w->model.kind[pfn] != MODEL_HEAD || !fits(w, b, pfn))
			continue;
		world_giving(w, pfn);
		put(w, b, pfn);
		b->good++;
	}
}

static size_t free_bulk(struct world *w, const struct bulk *b)
{
	switch (b->form) {
	case BULK_PFN:
		return quire_free_bulk_pfn(w->q, b->n, w->pfns);
	case BULK_PAGE:
		return quire_free_bulk(w->q, b->n, w->pages);
	case BULK_PAGE_ROUND:
		return quire_free_bulk_round(w->q, b->n, w->pages);
	case BULK_OFFSET:
		return quire_free_bulk_offset(w->q, w->region[b->region], b->n, w->offsets);
	default:
		return quire_free_bulk_offset_round(w->q, w->region[b->region], b->n, w->offsets);
	}
}

void op_free_bulk(struct world *w)
{
	size_t want = 1 + qt_random_below(&w->random, qt_random_one_in(&w->random, 10) ? 800 : 80);
	struct bulk b = { .form = (enum bulk_form)qt_random_below(&w->random, NR_BULK_FORMS) };
	size_t freed;

	b.region = (int)qt_random_below(&w->random, w->nr_regions);
	if (want > w->capacity)
		want = w->capacity;
	if (qt_random_one_in(&w->random, 3))
		collect_run(w, &b, want);
	else
		collect(w, &b, want);
	freed = free_bulk(w, &b);
	hold_true(w, freed == b.good, "%zu of %zu freed; %zu were held", freed, b.n, b.good);
	world_expect_reports(w, b.bad, 0, "bad pages in a bulk free");
}

void op_free_all(struct world *w)
{
	struct quire_stats s = { .size = sizeof(s) };

	while (w->model.nr_heads > 0)
		if (qt_random_one_in(&w->random, 20))
			op_free_bulk(w);
		else
			op_free(w);
	quire_drain(w->q, QUIRE_ALL_CPUS, 0);
	hold_true(w,
		  quire_stats_get(w->q, &s) == 0 && s.held == 0 &&
			  s.free_zone + s.free_stash + s.reserved == s.managed,
		  "all free and drained: %llu in the zone and %llu in the stash of %llu pages",
		  (unsigned long long)s.free_zone, (unsigned long long)s.free_stash,
		  (unsigned long long)s.managed);
	world_check_all(w);
}

static void refuse(struct world *w, int err, int expected, const char *what, uint64_t address)
{
	hold_true(w, err == expected, "free of %s %llu: %d, not %d", what,
		  (unsigned long long)address, err, expected);
	world_expect_reports(w, 1, expected, what);
}

static void bad_free_by_number(struct world *w)
{
	uint32_t pfn = qt_random_below(&w->random, w->model.nr_pfns + 1000);
	int expected = model_free_error(&w->model, pfn);

	if (expected == 0 ||
	    (!checked(w) && pfn < w->model.nr_pfns && w->model.kind[pfn] != MODEL_NONE))
		return;
	refuse(w, quire_free_pfn(w->q, pfn), expected, "pfn", pfn);
}

static void bad_free_by_address(struct world *w)
{
	unsigned int i = qt_random_below(&w->random, w->nr_regions);
	const struct quire_region_info *info = &w->info[i];
	uint64_t bytes = UINT64_C(1) << w->config.page_shift;
	uint64_t page = qt_random_below(&w->random, info->nr_pages) * bytes;
	uint64_t inside = page + 1 + qt_random_below(&w->random, (uint32_t)bytes - 1);
	struct quire_region none = { 0 };

	refuse(w, quire_free_offset(w->q, w->region[i], inside), -QUIRE_EINVAL, "offset", inside);
	refuse(w, quire_free_offset(w->q, w->region[i], info->bytes), -QUIRE_EINVAL, "offset",
	       info->bytes);
	refuse(w, quire_free_offset_round(w->q, w->region[i], info->bytes + 1), -QUIRE_EINVAL,
	       "offset", info->bytes + 1);
	refuse(w, quire_free_offset(w->q, none, 0), -QUIRE_ENOENT, "offset in no region", 0);
	if (info->addr)
		refuse(w, quire_free(w->q, (char *)info->addr + inside), -QUIRE_EINVAL, "address",
		       (uintptr_t)info->addr + inside);
	refuse(w, quire_free(w->q, w), -QUIRE_EINVAL, "address", (uintptr_t)w);
}

void op_bad_free(struct world *w)
{
	if (qt_random_one_in(&w->random, 2))
		bad_free_by_number(w);
	else
		bad_free_by_address(w);
	world_check_quick(w);
}

void op_split(struct world *w)
{
	uint32_t pfn;
	int err;

	for (int tries = 0; tries < 4 && w->model.nr_heads > 0; tries++) {
		pfn = random_head(w);
		if (w->model.order[pfn] == 0 && tries < 3)
			continue;
		if (quire_pfn_to_page(w->q, pfn) && qt_random_one_in(&w->random, 2))
			err = quire_split(w->q, quire_pfn_to_page(w->q, pfn));
		else
			err = quire_split_pfn(w->q, pfn);
		hold_true(w, err == 0, "split of held pfn %u of order %u: %d", pfn,
			  w->model.order[pfn], err);
		model_split(&w->model, pfn);
		return;
	}
}

void op_reserve(struct world *w)
{
	unsigned int i = qt_random_below(&w->random, w->nr_regions);
	const struct quire_region_info *info = &w->info[i];
	uint32_t pfn = info->first_pfn + qt_random_below(&w->random, info->nr_pages);
	uint32_t n = 1 + qt_random_below(&w->random, qt_random_one_in(&w->random, 4) ? 1500 : 20);
	bool inside = (uint64_t)pfn + n <= (uint64_t)info->first_pfn + info->nr_pages;
	int err, expected;

	if (w->nr_reserved == MAX_RESERVED || w->model.nr_reserved > w->config.max_pages / 4)
		return;
	if (!inside)
		expected = -QUIRE_EINVAL;
	else
		expected = model_all(&w->model, pfn, n, MODEL_FREE) ? 0 : -QUIRE_EBUSY;
	err = quire_reserve(w->q, pfn, n);
	hold_true(w, err == expected, "reserve of %u pages from pfn %u: %d, not %d", n, pfn, err,
		  expected);
	world_expect_reports(w, expected ? 1 : 0, expected, "reserve");
	if (err)
		return;
	model_reserve(&w->model, pfn, n);
	w->reserved[w->nr_reserved].pfn = pfn;
	w->reserved[w->nr_reserved++].n = n;
}

void op_unreserve(struct world *w)
{
	uint32_t i, pfn, n, half;
	int err;

	pfn = qt_random_below(&w->random, w->model.nr_pfns);
	if (w->model.kind[pfn] != MODEL_RESERVED) {
		err = quire_unreserve(w->q, pfn, 1);
		hold_true(w, err == -QUIRE_EINVAL, "unreserve of pfn %u: %d", pfn, err);
		world_expect_reports(w, 1, -QUIRE_EINVAL, "unreserve");
	}
	if (w->nr_reserved == 0)
		return;
	i = qt_random_below(&w->random, w->nr_reserved);
	pfn = w->reserved[i].pfn;
	n = w->reserved[i].n;
	half = qt_random_below(&w->random, n + 1);
	err = half > 0 ? quire_unreserve(w->q, pfn, half) : 0;
	hold_true(w, err == 0, "unreserve of %u pages from pfn %u: %d", half, pfn, err);
	err = half < n ? quire_unreserve(w->q, pfn + half, n - half) : 0;
	hold_true(w, err == 0, "unreserve of %u pages from pfn %u: %d", n - half, pfn + half, err);
	model_unreserve(&w->model, pfn, n);
	w->reserved[i] = w->reserved[--w->nr_reserved];
}

void op_drain(struct world *w)
{
	struct quire_info info = { .size = sizeof(info) };
	struct quire_cpu_stats s = { .size = sizeof(s) };
	size_t keep = qt_random_one_in(&w->random, 2) ? 0 : qt_random_below(&w->random, 100);
	int cpu, err;

	hold_true(w, quire_info_get(w->q, &info) == 0, "no information");
	cpu = (int)qt_random_below(&w->random, info.nr_cpus + 1) - 1; /* -1 is QUIRE_ALL_CPUS */
	quire_drain(w->q, cpu, keep);
	for (int c = 0; c < (int)info.nr_cpus; c++) {
		if (cpu != QUIRE_ALL_CPUS && c != cpu)
			continue;
		err = quire_cpu_stats_get(w->q, c, &s);
		hold_true(w, err == 0 && s.count <= keep,
			  "%u pages in CPU %d's list, told to keep %zu", s.count, c, keep);
	}
}

void op_order(struct world *w)
{
	uint32_t pfn = qt_random_below(&w->random, w->model.nr_pfns);
	int expected = w->model.kind[pfn] == MODEL_HEAD ? w->model.order[pfn] : -QUIRE_EINVAL;
	int order = quire_order(w->q, pfn);

	/* Without checks any page of order 0 is taken to be held. */
	if (checked(w) || expected > 0 || w->model.kind[pfn] == MODEL_NONE)
		hold_true(w, order == expected, "order at pfn %u: %d, not %d", pfn, order,
			  expected);
	w->nr_reports = 0;
}
