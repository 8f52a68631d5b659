/* SPDX-License-Identifier: MIT */
/*
 * A zone's pages by where they are: regions being added, ranges reserved, requests for one region.
 */
#include "core/zone.h"

static void add_free(struct qi_zone *zone, uint64_t n)
{
	uint64_t nr_free = qi_count_get(&zone->nr_free);

	atomic_store_explicit(&zone->nr_free, nr_free + n, memory_order_relaxed);
}

static void remove_free(struct qi_zone *zone, uint64_t n)
{
	uint64_t nr_free = qi_count_get(&zone->nr_free);

	atomic_store_explicit(&zone->nr_free, nr_free - n, memory_order_relaxed);
	qi_count(&zone->nr_taken, n);
}

/* Items of a block that are pages of the region: [*first, *first + return value). */
static uint32_t pages_in_block(const struct qi_region *region, uint32_t block, uint32_t *first)
{
	uint32_t start = block << QI_UNIT_ORDER;
	uint32_t end = start + QI_UNIT_ITEMS;
	uint32_t region_end = region->first_pfn + region->nr_pages;

	*first = region->first_pfn > start ? region->first_pfn - start : 0;
	return (region_end < end ? region_end : end) - (start + *first);
}

/* The region's pageblocks inside one of its superblocks: [*first, *first + return value). */
static uint32_t blocks_in_super(const struct qi_region *region, uint32_t super_start,
				uint32_t *first)
{
	uint32_t end = super_start + QI_UNIT_ITEMS;
	uint32_t region_end = region->first_block + region->nr_blocks;

	*first = region->first_block > super_start ? region->first_block : super_start;
	return (region_end < end ? region_end : end) - *first;
}

/*
 * A whole block is left closed; one at a ragged end of the region is opened with the pages it has.
 */
static void add_blocks(struct qi_space *space, struct qi_zone *zone, const struct qi_region *region,
		       uint32_t super)
{
	struct qi_bits whole = { { 0 } };
	uint32_t super_start = space->super_first[super];
	uint32_t block;
	uint32_t n = blocks_in_super(region, super_start, &block);

	for (; n > 0; n--, block++) {
		uint32_t first;
		uint32_t count = pages_in_block(region, block, &first);
		struct qi_bits pages = { { 0 } };

		if (count == QI_UNIT_ITEMS) {
			qi_bits_set_one(&whole, block - super_start);
			continue;
		}
		qi_bits_set(&pages, first, count);
		qi_level_open(&space->blocks, &zone->block_bins, block, &pages);
	}
	qi_level_open(&space->supers, &zone->super_bins, super, &whole);
}

void qi_zone_add_region_locked(struct qi_space *space, struct qi_zone *zone,
			       const struct qi_region *region)
{
	for (uint32_t i = 0; i < qi_region_supers(region); i++)
		add_blocks(space, zone, region, region->first_super + i);
	add_free(zone, region->nr_pages);
}

static bool block_is_whole(const struct qi_space *space, uint32_t block)
{
	uint32_t super = qi_space_super(space, block);

	return qi_bits_test(&space->supers.bits[super], block - space->super_first[super]);
}

static bool block_is_open(const struct qi_space *space, uint32_t block)
{
	return space->blocks.units[block].state != QI_UNIT_CLOSED;
}

bool qi_zone_has_page_locked(const struct qi_space *space, uint32_t pfn)
{
	uint32_t block = qi_block_of(pfn);

	if (!block_is_open(space, block))
		return block_is_whole(space, block);
	return qi_bits_test(&space->blocks.bits[block], qi_item_of(pfn));
}

uint32_t qi_zone_lacks_locked(const struct qi_space *space, uint32_t pfn, uint32_t n)
{
	uint32_t block = qi_block_of(pfn);

	if (!block_is_open(space, block))
		return block_is_whole(space, block) ? QI_NO_PFN : pfn;
	if (qi_bits_all_set(&space->blocks.bits[block], qi_item_of(pfn), n))
		return QI_NO_PFN;
	while (qi_bits_test(&space->blocks.bits[block], qi_item_of(pfn)))
		pfn++;
	return pfn;
}

/* Take a whole block from the level above and open it. */
static void open_whole(struct qi_space *space, struct qi_zone *zone, uint32_t block)
{
	uint32_t super = qi_space_super(space, block);

	qi_level_take_range(&space->supers, &zone->super_bins, super,
			    block - space->super_first[super], 1);
	qi_level_open(&space->blocks, &zone->block_bins, block, NULL);
}

void qi_zone_take_range_locked(struct qi_space *space, struct qi_zone *zone, uint32_t pfn,
			       uint32_t n)
{
	uint32_t block = qi_block_of(pfn);

	if (!block_is_open(space, block))
		open_whole(space, zone, block);
	qi_level_take_range(&space->blocks, &zone->block_bins, block, qi_item_of(pfn), n);
	remove_free(zone, n);
}

void qi_zone_open_held_locked(struct qi_space *space, struct qi_zone *zone, uint32_t pfn,
			      unsigned int order)
{
	static const struct qi_bits none;
	uint32_t block = qi_block_of(pfn);

	for (uint32_t n = 1u << (order - QI_UNIT_ORDER); n > 0; n--, block++)
		qi_level_open(&space->blocks, &zone->block_bins, block, &none);
}

void qi_zone_restore_page_locked(struct qi_space *space, struct qi_zone *zone, uint32_t pfn)
{
	if (!block_is_open(space, qi_block_of(pfn)))
		qi_zone_open_held_locked(space, zone, pfn, QI_UNIT_ORDER);
	qi_zone_give_block_locked(space, zone, pfn, 0);
}

/* Blocks below order 9 that one pageblock of the region has. */
static uint32_t take_in_block(struct qi_space *space, struct qi_zone *zone, uint32_t block,
			      unsigned int order, uint32_t want, uint32_t *pfns)
{
	const struct qi_unit *unit = &space->blocks.units[block];
	uint32_t got = 0;

	if (!block_is_open(space, block) && block_is_whole(space, block))
		open_whole(space, zone, block);
	while (got < want && unit->state >= QI_UNIT_ORDER_0 + order)
		pfns[got++] = (block << QI_UNIT_ORDER) +
			      qi_level_take_block(&space->blocks, &zone->block_bins, block, order);
	return got;
}

static uint32_t take_in_super(struct qi_space *space, struct qi_zone *zone, uint32_t super,
			      unsigned int order, uint32_t want, uint32_t *pfns)
{
	const struct qi_unit *unit = &space->supers.units[super];
	unsigned int item_order = order - QI_UNIT_ORDER;
	uint32_t got = 0;

	while (got < want && unit->state >= QI_UNIT_ORDER_0 + item_order)
		pfns[got++] = (space->super_first[super] + qi_level_take_block(&space->supers,
									       &zone->super_bins,
									       super, item_order))
			      << QI_UNIT_ORDER;
	return got;
}

uint32_t qi_zone_take_in_region_locked(struct qi_space *space, struct qi_zone *zone,
				       const struct qi_region *region, unsigned int order,
				       uint32_t want, uint32_t *pfns)
{
	uint64_t available = qi_count_get(&zone->nr_free) >> order;
	uint32_t got = 0;

	if (want > available)
		want = (uint32_t)available;
	if (order < QI_UNIT_ORDER) {
		for (uint32_t i = 0; i < region->nr_blocks && got < want; i++)
			got += take_in_block(space, zone, region->first_block + i, order,
					     want - got, pfns + got);
	} else {
		for (uint32_t i = 0; i < qi_region_supers(region) && got < want; i++)
			got += take_in_super(space, zone, region->first_super + i, order,
					     want - got, pfns + got);
	}
	remove_free(zone, (uint64_t)got << order);
	return got;
}

/* Free pages of one region's units, and whether those units are consistent. */
static bool count_region(const struct qi_space *space, const struct qi_region *region,
			 uint64_t *nr_free)
{
	for (uint32_t i = 0; i < region->nr_blocks; i++) {
		uint32_t block = region->first_block + i;

		if (!qi_level_unit_valid(&space->blocks, block, false))
			return false;
		if (block_is_open(space, block))
			*nr_free += qi_unit_free(&space->blocks.units[block]);
	}
	for (uint32_t i = 0; i < qi_region_supers(region); i++) {
		uint32_t super = region->first_super + i;

		if (!qi_level_unit_valid(&space->supers, super, true))
			return false;
		*nr_free += (uint64_t)qi_unit_free(&space->supers.units[super]) << QI_UNIT_ORDER;
	}
	return true;
}

bool qi_zone_valid_locked(const struct qi_space *space, const struct qi_zone *zone)
{
	uint32_t nr_regions = atomic_load_explicit((_Atomic uint32_t *)&space->nr_regions,
						   memory_order_acquire);
	uint64_t nr_free = 0;

	for (uint32_t i = 0; i < nr_regions; i++)
		if (space->regions[i].zone == zone->index &&
		    !count_region(space, &space->regions[i], &nr_free))
			return false;
	return nr_free == qi_count_get(&zone->nr_free);
}
