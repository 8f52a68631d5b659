/* SPDX-License-Identifier: MIT */
#include "alloc/array.h"

static bool contains(const struct qi_region *region, const void *address)
{
	return region->addr != NULL && (uintptr_t)address - (uintptr_t)region->addr < region->bytes;
}

const struct qi_region *qi_region_at(const struct qi_space *space, const void *address)
{
	uint32_t nr = qi_nr_regions(space);

	for (uint32_t i = 0; i < nr; i++)
		if (contains(&space->regions[i], address))
			return &space->regions[i];
	return NULL;
}

static inline bool inside_page(const struct qi_space *space, uint64_t offset)
{
	return (offset & ((UINT64_C(1) << space->page_shift) - 1)) != 0;
}

static inline uint32_t pfn_in(const struct qi_space *space, const struct qi_region *region,
			      uint64_t offset)
{
	return region->first_pfn + (uint32_t)(offset >> space->page_shift);
}

uint32_t qi_page_at(const struct quire *q, const char *call, const void *address, bool round,
		    int *error)
{
	const struct qi_region *region;
	uint64_t offset;

	*error = 0;
	if (address == NULL)
		return QI_NO_PFN;
	region = qi_region_at(&q->space, address);
	if (qp_unlikely(region == NULL)) {
		*error = qi_refuse_address(q, call, QI_NO_REGION, (uint64_t)(uintptr_t)address,
					   NULL);
		return QI_NO_PFN;
	}
	offset = (uint64_t)((uintptr_t)address - (uintptr_t)region->addr);
	if (qp_unlikely(!round && inside_page(&q->space, offset))) {
		*error = qi_refuse_address(q, call, QI_INSIDE_PAGE, (uint64_t)(uintptr_t)address,
					   region);
		return QI_NO_PFN;
	}
	return pfn_in(&q->space, region, offset);
}

uint32_t qi_offset_at(const struct quire *q, const char *call, const struct qi_region *region,
		      uint64_t offset, bool round, int *error)
{
	*error = 0;
	if (offset == QUIRE_NO_OFFSET)
		return QI_NO_PFN;
	if (qp_unlikely(offset >= region->bytes)) {
		*error = qi_refuse_address(q, call, QI_BEYOND_REGION, offset, region);
		return QI_NO_PFN;
	}
	if (qp_unlikely(!round && inside_page(&q->space, offset))) {
		*error = qi_refuse_address(q, call, QI_INSIDE_PAGE, offset, region);
		return QI_NO_PFN;
	}
	return pfn_in(&q->space, region, offset);
}

bool qi_array_is_hole(const struct qi_array *array, size_t slot)
{
	switch (array->form) {
	case QI_FORM_PAGE:
		return array->in.pages[slot] == NULL;
	case QI_FORM_PFN:
		return array->in.pfns[slot] == QUIRE_NO_PFN;
	default:
		return array->in.offsets[slot] == QUIRE_NO_OFFSET;
	}
}

uint64_t qi_array_address(const struct qi_array *array, size_t slot)
{
	switch (array->form) {
	case QI_FORM_PAGE:
		return (uint64_t)(uintptr_t)array->in.pages[slot];
	case QI_FORM_PFN:
		return array->in.pfns[slot];
	default:
		return array->in.offsets[slot];
	}
}

/* By address, or by distance from the region's start; round: also inside a page. */
static struct qi_range range_of(const struct quire *q, enum qi_form form,
				const struct qi_region *region, bool round)
{
	struct qi_range range = qi_region_range(&q->space, region);

	if (form == QI_FORM_OFFSET)
		range.start = 0;
	if (round)
		range.inside = 0;
	return range;
}

static void put_pages(const struct quire *q, void **pages, uint32_t n, const uint32_t *pfns)
{
	struct qi_range range;

	if (qi_nr_regions(&q->space) == 1) {
		range = range_of(q, QI_FORM_PAGE, q->space.regions, false);
		q->vector->to_slots(&range, n, pfns, (qi_slot *)(void *)pages);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		pages[i] = qi_page_of(&q->space, pfns[i]);
}

void qi_array_put(const struct quire *q, const struct qi_array *array, size_t slot, uint32_t n,
		  const uint32_t *pfns)
{
	struct qi_range range;

	switch (array->form) {
	case QI_FORM_PAGE:
		put_pages(q, array->out.pages + slot, n, pfns);
		break;
	case QI_FORM_PFN:
		memcpy(array->out.pfns + slot, pfns, n * sizeof(*pfns));
		break;
	case QI_FORM_OFFSET:
		range = range_of(q, QI_FORM_OFFSET, array->region, false);
		q->vector->to_slots(&range, n, pfns, array->out.offsets + slot);
		break;
	}
}

/*
 * The usual case, one mapped region and nothing wrong, without a branch a slot; false: do it one by
 * one.
 */
static bool get_pages(const struct quire *q, void *const *pages, bool round, uint32_t n,
		      uint32_t *pfns)
{
	struct qi_range range;

	if (qi_nr_regions(&q->space) != 1 || q->space.regions->addr == NULL)
		return false;
	range = range_of(q, QI_FORM_PAGE, q->space.regions, round);
	return q->vector->from_slots(&range, n, (const qi_slot *)(const void *)pages, pfns);
}

static bool get_offsets(const struct quire *q, const struct qi_array *array, size_t slot,
			bool round, uint32_t n, uint32_t *pfns)
{
	struct qi_range range = range_of(q, QI_FORM_OFFSET, array->region, round);

	return q->vector->from_slots(&range, n, array->in.offsets + slot, pfns);
}

void qi_array_get(const struct quire *q, const char *call, const struct qi_array *array, bool round,
		  size_t slot, uint32_t n, uint32_t *pfns)
{
	int error;

	switch (array->form) {
	case QI_FORM_PAGE:
		if (get_pages(q, array->in.pages + slot, round, n, pfns))
			break;
		for (uint32_t i = 0; i < n; i++)
			pfns[i] = qi_page_at(q, call, array->in.pages[slot + i], round, &error);
		break;
	case QI_FORM_PFN:
		memcpy(pfns, array->in.pfns + slot, n * sizeof(*pfns));
		break;
	case QI_FORM_OFFSET:
		if (get_offsets(q, array, slot, round, n, pfns))
			break;
		for (uint32_t i = 0; i < n; i++)
			pfns[i] = qi_offset_at(q, call, array->region, array->in.offsets[slot + i],
					       round, &error);
		break;
	}
}

uint32_t quire_page_to_pfn(const struct quire *q, const void *address)
{
	const struct qi_region *region = qi_region_at(&q->space, address);

	if (region == NULL)
		return QUIRE_NO_PFN;
	return pfn_in(&q->space, region, (uint64_t)((uintptr_t)address - (uintptr_t)region->addr));
}

void *quire_pfn_to_page(const struct quire *q, uint32_t pfn)
{
	const struct qi_region *region = qi_space_region_of(&q->space, pfn);

	return region == NULL || region->addr == NULL ? NULL : qi_page_of(&q->space, pfn);
}

uint64_t quire_pfn_to_offset(const struct quire *q, uint32_t pfn, struct quire_region *handle)
{
	const struct qi_region *region = qi_space_region_of(&q->space, pfn);

	if (region == NULL)
		return QUIRE_NO_OFFSET;
	if (handle != NULL)
		handle->id = (uint32_t)(region - q->space.regions) + 1;
	return qi_offset_of(&q->space, region, pfn);
}

uint64_t quire_pfn_to_base(const struct quire *q, uint32_t pfn)
{
	const struct qi_region *region = qi_space_region_of(&q->space, pfn);

	return region == NULL ? QUIRE_NO_OFFSET
			      : region->base + qi_offset_of(&q->space, region, pfn);
}

uint32_t quire_offset_to_pfn(const struct quire *q, struct quire_region handle, uint64_t offset)
{
	const struct qi_region *region = qi_space_region(&q->space, handle.id);

	return region == NULL || offset >= region->bytes ? QUIRE_NO_PFN
							 : pfn_in(&q->space, region, offset);
}
