/* SPDX-License-Identifier: MIT */
/*
 * What must hold of a block handed out, of one given back, and of the whole instance at any moment.
 */
#include "property.h"

#include <string.h>

static bool is_zero(const unsigned char *page, size_t bytes)
{
	return page[0] == 0 && memcmp(page, page + 1, bytes - 1) == 0;
}

/*
 * Each mapped page has a number of ours in it, somewhere; nobody else may change it, free or held.
 */
static uint64_t *stamp_of(struct world *w, uint32_t pfn)
{
	char *page = quire_pfn_to_page(w->q, pfn);
	size_t place = ((size_t)pfn * 72) & (((size_t)1 << w->config.page_shift) - 8);

	return page ? (uint64_t *)(void *)(page + place) : NULL;
}

static void stamp(struct world *w, uint32_t pfn, bool zeroed)
{
	uint64_t *at = stamp_of(w, pfn);

	if (!at)
		return;
	if (zeroed)
		hold_true(w,
			  is_zero(quire_pfn_to_page(w->q, pfn), (size_t)1 << w->config.page_shift),
			  "pfn %u was asked for with QUIRE_ZERO and is not zero", pfn);
	else
		hold_true(w, *at == w->stamp[pfn], "pfn %u was written into while it was free",
			  pfn);
	*at = w->stamp[pfn] = qt_random_next(&w->random);
}

static void check_alignment(struct world *w, uint32_t pfn, unsigned int order, int region)
{
	unsigned int align = w->plan[region].align_order;
	uint64_t number = quire_pfn_to_base(w->q, pfn) >> w->config.page_shift;
	uint64_t expected = (w->info[region].base >> w->config.page_shift) +
			    (pfn - w->info[region].first_pfn);

	if (align > order)
		align = order;
	hold_true(w, number == expected, "pfn %u has base page %llu, not %llu", pfn,
		  (unsigned long long)number, (unsigned long long)expected);
	hold_true(w, number % (UINT64_C(1) << align) == 0,
		  "block of order %u at base page %llu is not aligned", order,
		  (unsigned long long)number);
}

void world_taken(struct world *w, uint32_t pfn, unsigned int order, int region, bool zeroed)
{
	int in = model_region_of(&w->model, pfn);

	hold_true(
		w, model_take(&w->model, pfn, order),
		"block of order %u at pfn %u: misaligned, outside, or not free (page is of kind %u)",
		order, pfn, pfn < w->model.nr_pfns ? w->model.kind[pfn] : 99u);
	hold_true(w, region == MODEL_ANY_REGION || in == region,
		  "pfn %u is of region %d, asked for %d", pfn, in, region);
	check_alignment(w, pfn, order, in);
	if (w->info[in].addr)
		for (uint32_t i = 0; i < UINT32_C(1) << order; i++)
			stamp(w, pfn + i, zeroed);
}

void world_giving(struct world *w, uint32_t pfn)
{
	uint32_t size = UINT32_C(1) << w->model.order[pfn];

	if (w->info[model_region_of(&w->model, pfn)].addr)
		for (uint32_t i = 0; i < size; i++)
			hold_true(w, *stamp_of(w, pfn + i) == w->stamp[pfn + i],
				  "pfn %u was written into while it was held", pfn + i);
	model_give(&w->model, pfn);
}

void world_check_quick(struct world *w)
{
	hold_true(w, w->nr_reports == 0, "a report that nothing explains");
	hold_true(w, quire_held(w->q) == w->model.nr_held, "%zu pages held, not %llu",
		  quire_held(w->q), (unsigned long long)w->model.nr_held);
}

static void check_stats(struct world *w, struct quire_stats *s)
{
	uint64_t sum;

	s->size = sizeof(*s);
	hold_true(w, quire_stats_get(w->q, s) == 0, "no statistics");
	sum = s->reserved + s->held + s->free_zone + s->free_lists + s->free_depot + s->free_stash +
	      s->deferred;
	hold_true(
		w,
		s->managed == sum && s->held == w->model.nr_held &&
			s->reserved == w->model.nr_reserved,
		"managed %llu, sum of the parts %llu; held %llu, not %llu; reserved %llu, not %llu",
		(unsigned long long)s->managed, (unsigned long long)sum,
		(unsigned long long)s->held, (unsigned long long)w->model.nr_held,
		(unsigned long long)s->reserved, (unsigned long long)w->model.nr_reserved);
	hold_true(w, s->deferred == 0, "%llu pages deferred, and nobody holds a lock",
		  (unsigned long long)s->deferred);
}

struct visits {
	struct world *w;
	uint32_t nr, next;
};

static int visit(void *context, uint32_t pfn, unsigned int order)
{
	struct visits *v = context;
	struct model *m = &v->w->model;

	hold_true(v->w, pfn >= v->next, "visit of pfn %u after %u", pfn, v->next);
	hold_true(v->w, m->kind[pfn] == MODEL_HEAD && m->order[pfn] == order,
		  "visit of a block of order %u at pfn %u, which is none", order, pfn);
	v->next = pfn + 1;
	v->nr++;
	return 0;
}

static void check_pageblocks(struct world *w)
{
	uint64_t expected = model_free_pageblocks(&w->model);
	struct quire_stats s;

	check_stats(w, &s);
	hold_true(w, s.free_pageblocks <= expected, "%llu pageblocks free, the model has %llu",
		  (unsigned long long)s.free_pageblocks, (unsigned long long)expected);
	if (qt_random_one_in(&w->random, 2))
		return;
	quire_drain(w->q, QUIRE_ALL_CPUS, 0);
	check_stats(w, &s);
	hold_true(w, s.free_lists + s.free_depot == 0, "%llu pages in lists after a drain",
		  (unsigned long long)(s.free_lists + s.free_depot));
	hold_true(w, s.free_pageblocks + s.free_stash >= expected,
		  "%llu pageblocks free after a drain, the model has %llu",
		  (unsigned long long)s.free_pageblocks, (unsigned long long)expected);
}

void world_check_all(struct world *w)
{
	struct visits v = { .w = w };
	int err;

	world_check_quick(w);
	check_pageblocks(w);
	err = quire_held_visit(w->q, visit, &v);
	hold_true(w, err == 0 && v.nr == w->model.nr_heads, "%u blocks visited, not %u", v.nr,
		  w->model.nr_heads);
}
