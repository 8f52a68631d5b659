/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <quire/quire.h>

#include <stdlib.h>
#include <string.h>

bool model_init(struct model *m, uint32_t nr_pfns)
{
	memset(m, 0, sizeof(*m));
	m->nr_pfns = nr_pfns;
	m->kind = calloc(nr_pfns, sizeof(*m->kind));
	m->order = calloc(nr_pfns, sizeof(*m->order));
	m->place = calloc(nr_pfns, sizeof(*m->place));
	m->heads = calloc(nr_pfns, sizeof(*m->heads));
	if (m->kind && m->order && m->place && m->heads)
		return true;
	model_end(m);
	return false;
}

void model_end(struct model *m)
{
	free(m->kind);
	free(m->order);
	free(m->place);
	free(m->heads);
	memset(m, 0, sizeof(*m));
}

void model_add_region(struct model *m, uint32_t first, uint32_t pages)
{
	m->region[m->nr_regions++] = (struct model_region){ first, pages, pages };
	memset(m->kind + first, MODEL_FREE, pages);
	m->nr_free += pages;
}

int model_region_of(const struct model *m, uint32_t pfn)
{
	for (unsigned int i = 0; i < m->nr_regions; i++)
		if (pfn >= m->region[i].first && pfn - m->region[i].first < m->region[i].pages)
			return (int)i;
	return MODEL_ANY_REGION;
}

bool model_all(const struct model *m, uint32_t pfn, uint32_t n, enum model_kind kind)
{
	for (uint32_t i = 0; i < n; i++)
		if (m->kind[pfn + i] != kind)
			return false;
	return true;
}

static uint64_t count_in_region(const struct model *m, unsigned int order,
				const struct model_region *region)
{
	uint64_t size = UINT64_C(1) << order, end = (uint64_t)region->first + region->pages, nr = 0;

	if (order == 0)
		return region->nr_free;
	for (uint64_t pfn = (region->first + size - 1) & ~(size - 1); pfn + size <= end;
	     pfn += size)
		nr += model_all(m, (uint32_t)pfn, (uint32_t)size, MODEL_FREE);
	return nr;
}

uint64_t model_count_blocks(const struct model *m, unsigned int order, int region)
{
	uint64_t nr = 0;

	for (unsigned int i = 0; i < m->nr_regions; i++)
		if (region == MODEL_ANY_REGION || (unsigned int)region == i)
			nr += count_in_region(m, order, &m->region[i]);
	return nr;
}

uint64_t model_free_pageblocks(const struct model *m)
{
	return model_count_blocks(m, QUIRE_PAGEBLOCK_ORDER, MODEL_ANY_REGION);
}

static void hold(struct model *m, uint32_t pfn, unsigned int order)
{
	m->kind[pfn] = MODEL_HEAD;
	m->order[pfn] = (uint8_t)order;
	m->place[pfn] = m->nr_heads;
	m->heads[m->nr_heads++] = pfn;
}

static void unhold(struct model *m, uint32_t pfn)
{
	uint32_t last = m->heads[--m->nr_heads];

	m->heads[m->place[pfn]] = last;
	m->place[last] = m->place[pfn];
}

bool model_take(struct model *m, uint32_t pfn, unsigned int order)
{
	uint32_t size = UINT32_C(1) << order;
	int region = model_region_of(m, pfn);

	if (region == MODEL_ANY_REGION || pfn % size != 0 ||
	    (uint64_t)pfn + size > (uint64_t)m->region[region].first + m->region[region].pages ||
	    !model_all(m, pfn, size, MODEL_FREE))
		return false;
	memset(m->kind + pfn, MODEL_TAIL, size);
	hold(m, pfn, order);
	m->nr_held += size;
	m->nr_free -= size;
	m->region[region].nr_free -= size;
	return true;
}

int model_free_error(const struct model *m, uint32_t pfn)
{
	if (pfn >= m->nr_pfns)
		return -QUIRE_EINVAL;
	switch (m->kind[pfn]) {
	case MODEL_HEAD:
		return 0;
	case MODEL_FREE:
		return -QUIRE_EALREADY;
	default:
		return -QUIRE_EINVAL;
	}
}

void model_give(struct model *m, uint32_t pfn)
{
	uint32_t size = UINT32_C(1) << m->order[pfn];

	unhold(m, pfn);
	memset(m->kind + pfn, MODEL_FREE, size);
	m->nr_held -= size;
	m->nr_free += size;
	m->region[model_region_of(m, pfn)].nr_free += size;
}

void model_split(struct model *m, uint32_t pfn)
{
	uint32_t size = UINT32_C(1) << m->order[pfn];

	m->order[pfn] = 0;
	for (uint32_t i = 1; i < size; i++)
		hold(m, pfn + i, 0);
}

void model_reserve(struct model *m, uint32_t pfn, uint32_t n)
{
	memset(m->kind + pfn, MODEL_RESERVED, n);
	m->nr_reserved += n;
	m->nr_free -= n;
	m->region[model_region_of(m, pfn)].nr_free -= n;
}

void model_unreserve(struct model *m, uint32_t pfn, uint32_t n)
{
	memset(m->kind + pfn, MODEL_FREE, n);
	m->nr_reserved -= n;
	m->nr_free += n;
	m->region[model_region_of(m, pfn)].nr_free += n;
}
