/* SPDX-License-Identifier: MIT */
/*
 * The three forms of page, and arrays of them. All work below is on pfns; an array says how the
 * caller's slots are written. Conversions only compute.
 */
#ifndef QI_ALLOC_ARRAY_H
#define QI_ALLOC_ARRAY_H

#include "alloc/instance.h"

/* The caller's array, or for single calls the one slot. */
struct qi_array {
	enum qi_form form;
	const struct qi_region *region; /* OFFSET: what offsets count from */
	size_t n;
	union {
		void **pages;
		uint32_t *pfns;
		uint64_t *offsets;
	} out; /* of calls that write slots */
	union {
		void *const *pages;
		const uint32_t *pfns;
		const uint64_t *offsets;
	} in; /* of calls that read them; both for fill */
};

static inline uint32_t qi_nr_regions(const struct qi_space *space)
{
	return atomic_load_explicit((_Atomic uint32_t *)&space->nr_regions, memory_order_acquire);
}

/* The region of a page that exists. */
static inline const struct qi_region *qi_region_of_page(const struct qi_space *space, uint32_t pfn)
{
	if (qp_likely(qi_nr_regions(space) == 1))
		return space->regions;
	return &space->regions[space->block_region[qi_block_of(pfn)] - 1];
}

static inline void *qi_page_of(const struct qi_space *space, uint32_t pfn)
{
	const struct qi_region *region = qi_region_of_page(space, pfn);

	return region->addr + ((size_t)(pfn - region->first_pfn) << space->page_shift);
}

/* A region's pages by address. */
static inline struct qi_range qi_region_range(const struct qi_space *space,
					      const struct qi_region *region)
{
	return (struct qi_range){
		.start = (uintptr_t)region->addr,
		.bytes = region->bytes,
		.first_pfn = region->first_pfn,
		.shift = space->page_shift,
		.inside = (UINT64_C(1) << space->page_shift) - 1,
	};
}

static inline uint64_t qi_offset_of(const struct qi_space *space, const struct qi_region *region,
				    uint32_t pfn)
{
	return (uint64_t)(pfn - region->first_pfn) << space->page_shift;
}

/* Whether pfn is a page of the instance. */
static inline bool qi_pfn_known(const struct qi_space *space, uint32_t pfn)
{
	if (qp_likely(qi_nr_regions(space) == 1))
		return pfn - space->regions->first_pfn < space->regions->nr_pages;
	return qi_space_region_of(space, pfn) != NULL;
}

/* The mapped region that an address lies in, or NULL. */
const struct qi_region *qi_region_at(const struct qi_space *space, const void *address);

/*
 * The page that a slot names: QI_NO_PFN with *error 0 for a hole, or with a negative *error,
 * reported, for an address that is no page's (inside a page, unless round).
 */
uint32_t qi_page_at(const struct quire *q, const char *call, const void *address, bool round,
		    int *error);
uint32_t qi_offset_at(const struct quire *q, const char *call, const struct qi_region *region,
		      uint64_t offset, bool round, int *error);

/* What a slot says, as the caller wrote it. */
uint64_t qi_array_address(const struct qi_array *array, size_t slot);
bool qi_array_is_hole(const struct qi_array *array, size_t slot);
/* Write pages to slots from slot on. */
void qi_array_put(const struct quire *q, const struct qi_array *array, size_t slot, uint32_t n,
		  const uint32_t *pfns);
/* Read slots [slot, slot + n) as pfns; what is a hole or refused becomes QI_NO_PFN. */
void qi_array_get(const struct quire *q, const char *call, const struct qi_array *array, bool round,
		  size_t slot, uint32_t n, uint32_t *pfns);

#endif /* QI_ALLOC_ARRAY_H */
