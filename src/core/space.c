/* SPDX-License-Identifier: MIT */
#include "core/space.h"
#include "port/port.h"

void qi_state_fill(qi_state *state, uint32_t pfn, uint32_t count, uint8_t value)
{
	for (; count > 0 && (pfn & (QI_OCTET - 1)) != 0; pfn++, count--)
		qi_state_set(state, pfn, value);
	qi_state_set_octets(state, pfn, count & ~(QI_OCTET - 1u), value);
	for (uint32_t i = count & ~(QI_OCTET - 1u); i < count; i++)
		qi_state_set(state, pfn + i, value);
}

/* Smallest pfn from start on that is congruent to base modulo 2^align_order. */
static uint64_t congruent_pfn(uint64_t start, uint64_t base_pfn, unsigned int align_order)
{
	uint64_t modulus = UINT64_C(1) << align_order;

	return start + ((base_pfn - start) & (modulus - 1));
}

/* First block that no region uses, after an unused one that keeps regions apart. */
static uint64_t first_unused_block(const struct qi_space *space, uint32_t nr_regions)
{
	const struct qi_region *last;

	if (nr_regions == 0)
		return 0;
	last = &space->regions[nr_regions - 1];
	return (uint64_t)last->first_block + last->nr_blocks + 1;
}

enum qi_place qi_space_place(const struct qi_space *space, unsigned int align_order,
			     struct qi_region *region)
{
	uint32_t nr_regions = atomic_load_explicit(&space->nr_regions, memory_order_relaxed);
	uint64_t nr_pages = region->bytes >> space->page_shift;
	uint64_t used = atomic_load_explicit(&space->nr_pages, memory_order_relaxed);
	uint64_t first;
	uint64_t end_block;

	if (nr_regions == space->max_regions)
		return QI_PLACE_NO_REGION;
	if (nr_pages > space->max_pages - used)
		return QI_PLACE_NO_PAGES;
	first = congruent_pfn(first_unused_block(space, nr_regions) << QI_UNIT_ORDER,
			      region->base >> space->page_shift, align_order);
	end_block = (first + nr_pages + QI_UNIT_ITEMS - 1) >> QI_UNIT_ORDER;
	if (end_block > space->max_blocks)
		return QI_PLACE_NO_PFNS;
	region->first_pfn = (uint32_t)first;
	region->nr_pages = (uint32_t)nr_pages;
	region->first_block = (uint32_t)(first >> QI_UNIT_ORDER);
	region->nr_blocks = (uint32_t)(end_block - region->first_block);
	region->first_super = space->nr_supers;
	if (qi_region_supers(region) > space->max_supers - space->nr_supers)
		return QI_PLACE_NO_PFNS;
	return QI_PLACE_OK;
}

static void mark_holes(struct qi_space *space, const struct qi_region *region)
{
	uint32_t first = region->first_block << QI_UNIT_ORDER;
	uint32_t end = region->first_pfn + region->nr_pages;
	uint32_t end_blocks = (region->first_block + region->nr_blocks) << QI_UNIT_ORDER;

	qi_state_fill(space->state, first, region->first_pfn - first, QI_STATE_HOLE);
	qi_state_fill(space->state, end, end_blocks - end, QI_STATE_HOLE);
}

const struct qi_region *qi_space_append(struct qi_space *space, const struct qi_region *region)
{
	uint32_t index = atomic_load_explicit(&space->nr_regions, memory_order_relaxed);
	uint32_t first = region->first_block & ~(QI_UNIT_ITEMS - 1);

	space->regions[index] = *region;
	for (uint32_t i = 0; i < region->nr_blocks; i++)
		space->block_region[region->first_block + i] = (uint16_t)(index + 1);
	for (uint32_t i = 0; i < qi_region_supers(region); i++)
		space->super_first[space->nr_supers + i] = first + i * QI_UNIT_ITEMS;
	space->nr_supers += qi_region_supers(region);
	mark_holes(space, region);
	return &space->regions[index];
}

uint32_t qi_space_publish(struct qi_space *space)
{
	uint32_t index = atomic_load_explicit(&space->nr_regions, memory_order_relaxed);
	const struct qi_region *region = &space->regions[index];
	uint64_t pages = atomic_load_explicit(&space->nr_pages, memory_order_relaxed);

	atomic_store_explicit(&space->nr_pages, pages + region->nr_pages, memory_order_relaxed);
	atomic_store_explicit(&space->nr_pfns, region->first_pfn + region->nr_pages,
			      memory_order_release);
	atomic_store_explicit(&space->nr_regions, index + 1, memory_order_release);
	return index + 1;
}
