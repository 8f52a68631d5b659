/* SPDX-License-Identifier: MIT */
/*
 * The pfn space of an instance: state bytes, the two levels of units, and the regions that give
 * pfns an address. Arrays never move. doc/metadata.md has the layout.
 *
 * Each region starts on a pageblock of its own, with pfn congruent to base >> page_shift modulo
 * 2^align_order, so an order-k block has an order-k-aligned address and no pageblock spans two
 * regions. Each region has superblocks of its own too, so nothing merges across regions, and one
 * unused pageblock lies between two regions, so pfns that follow each other are addresses that do.
 */
#ifndef QI_CORE_SPACE_H
#define QI_CORE_SPACE_H

#include "core/level.h"
#include "core/state.h"

#include <stddef.h>

struct qi_zone;

/*
 * Written once before it is published by space.nr_regions; constant from then on.
 */
struct qi_region {
	unsigned char *addr; /* NULL: not mapped */
	uint64_t base;
	uint64_t bytes;
	uint64_t cookie;
	uint32_t first_pfn;
	uint32_t nr_pages;
	uint32_t first_block;
	uint32_t nr_blocks;
	uint32_t first_super; /* its superblocks: first_super + (block >> 9) - (first_block >> 9) */
	uint32_t zone;
};

struct qi_space {
	qi_state *state;
	struct qi_level blocks; /* level 0: items are pages */
	struct qi_level supers; /* level 1: items are pageblocks */
	uint16_t *block_region; /* of each block: index of its region + 1; 0: none */
	uint32_t *super_first; /* of each superblock: its first block, a multiple of 512 */
	struct qi_region *regions;
	_Atomic uint32_t nr_regions; /* release: regions below it are complete */
	_Atomic uint32_t nr_pfns; /* every pfn ever given to a region is below it */
	_Atomic uint64_t nr_pages; /* pages of all regions */
	struct qi_zone *zones;
	uint32_t nr_zones;
	uint32_t page_shift;
	uint32_t max_align_order;
	uint32_t max_regions;
	uint32_t max_blocks;
	uint32_t max_supers;
	uint32_t nr_supers; /* used; protected by the region lock */
	uint64_t max_pages;
};

static inline uint32_t qi_block_of(uint32_t pfn)
{
	return pfn >> QI_UNIT_ORDER;
}

static inline uint32_t qi_item_of(uint32_t pfn)
{
	return pfn & (QI_UNIT_ITEMS - 1);
}

/* Superblocks that a region has. */
static inline uint32_t qi_region_supers(const struct qi_region *region)
{
	uint32_t last_block = region->first_block + region->nr_blocks - 1;

	return (last_block >> QI_UNIT_ORDER) - (region->first_block >> QI_UNIT_ORDER) + 1;
}

/* The region whose id (1 and up) this is, or NULL. */
static inline const struct qi_region *qi_space_region(const struct qi_space *space, uint32_t id)
{
	uint32_t nr = atomic_load_explicit(&space->nr_regions, memory_order_acquire);

	return id >= 1 && id <= nr ? &space->regions[id - 1] : NULL;
}

/* The region that a page lies in, or NULL if there is no page of that pfn. */
static inline const struct qi_region *qi_space_region_of(const struct qi_space *space, uint32_t pfn)
{
	const struct qi_region *region;

	if (pfn >= atomic_load_explicit(&space->nr_pfns, memory_order_acquire))
		return NULL;
	region = qi_space_region(space, space->block_region[qi_block_of(pfn)]);
	if (region == NULL || pfn - region->first_pfn >= region->nr_pages)
		return NULL;
	return region;
}

/* The superblock that tracks a block of a region. */
static inline uint32_t qi_space_super(const struct qi_space *space, uint32_t block)
{
	const struct qi_region *region = &space->regions[space->block_region[block] - 1];

	return region->first_super + (block >> QI_UNIT_ORDER) -
	       (region->first_block >> QI_UNIT_ORDER);
}

/* Why a region cannot be placed. */
enum qi_place {
	QI_PLACE_OK,
	QI_PLACE_NO_REGION, /* max_regions are in use */
	QI_PLACE_NO_PAGES, /* max_pages would be passed */
	QI_PLACE_NO_PFNS, /* the alignment leaves too few pfns */
};

/*
 * Find pfns for *region, whose addr, base, bytes, cookie and zone are set; nothing is changed but
 * the fields of *region that say where it lies. Then make it part of the space: its blocks are
 * known, and in no zone yet. Both under the region lock.
 */
enum qi_place qi_space_place(const struct qi_space *space, unsigned int align_order,
			     struct qi_region *region);
const struct qi_region *qi_space_append(struct qi_space *space, const struct qi_region *region);

/*
 * Let others find the region just appended; returns its id. Before its pages go to the zone. Under
 * the region lock.
 */
uint32_t qi_space_publish(struct qi_space *space);

#endif /* QI_CORE_SPACE_H */
