/* SPDX-License-Identifier: MIT */
/* Given pages out of play, and back; blocks into pages; the order of a block. */
#include "alloc/request.h"

static const struct qi_region *region_of_range(const struct quire *q, const char *call,
					       uint32_t pfn, uint32_t nr_pages, int *error)
{
	const struct qi_region *region = qi_space_region_of(&q->space, pfn);

	*error = 0;
	if (!qi_alive(q))
		*error = qi_refuse_dead(q, call);
	else if (region == NULL)
		*error = qi_refuse(
			q, call, -QUIRE_EINVAL,
			"pfn %u is no page of this instance; quire_region_info_get() says which are",
			QI_U(pfn));
	else if (nr_pages == 0 || nr_pages > region->nr_pages - (pfn - region->first_pfn))
		*error = qi_refuse(
			q, call, -QUIRE_EINVAL,
			"%u pages from page %u on are not inside one region, which has %u from there "
			"on; pass 1 to that many",
			QI_U(nr_pages), QI_U(pfn),
			QI_U(region->nr_pages - (pfn - region->first_pfn)));
	return *error == 0 ? region : NULL;
}

/* Pages of the range that lie in the pageblock of its first one. */
static uint32_t part_in_block(uint32_t pfn, uint32_t left)
{
	uint32_t room = QI_UNIT_ITEMS - qi_item_of(pfn);

	return left < room ? left : room;
}

/* The first page of the range that is not free, or QI_NO_PFN. */
static uint32_t first_missing_locked(const struct quire *q, uint32_t pfn, uint32_t nr_pages)
{
	uint32_t missing = QI_NO_PFN;

	for (uint32_t n; nr_pages > 0 && missing == QI_NO_PFN; pfn += n, nr_pages -= n) {
		n = part_in_block(pfn, nr_pages);
		missing = qi_zone_lacks_locked(&q->space, pfn, n);
	}
	return missing;
}

/*
 * All pages of the range, under one hold, marked and counted before a fork can see them; or none,
 * and the first that is not free.
 */
static uint32_t take_range(struct quire *q, struct qi_zone *zone, uint32_t pfn, uint32_t nr_pages)
{
	uint32_t missing;

	qi_zone_lock(&q->space, zone);
	missing = first_missing_locked(q, pfn, nr_pages);
	for (uint32_t n; missing == QI_NO_PFN && nr_pages > 0; pfn += n, nr_pages -= n) {
		n = part_in_block(pfn, nr_pages);
		qi_zone_take_range_locked(&q->space, zone, pfn, n);
		qi_state_fill(q->space.state, pfn, n, QI_STATE_RESERVED);
		qi_count_shared(&q->nr_reserved, n);
	}
	/* Released, not unlocked: a page of the range is not to go to the stash. */
	qi_zone_release(&q->space, zone);
	return missing;
}

/* Reserved pages are the program's own; those no longer reserved are nobody's. */
static void show_aids(const struct quire *q, const struct qi_region *region, uint32_t pfn,
		      uint32_t nr_pages,
		      void (*show)(uint32_t aids, void *memory, size_t bytes, size_t page_bytes))
{
	if (q->aids != 0 && region->addr != NULL)
		show(q->aids, qi_page_of(&q->space, pfn), (size_t)nr_pages << q->space.page_shift,
		     (size_t)qi_page_bytes(q));
}

/*
 * Why a range was not to be had. A page that is free by state is on its way between lists and zone
 * each time it is looked for: nobody holds it.
 */
static int refuse_range(const struct quire *q, uint32_t missing)
{
	if (qi_state_get(q->space.state, missing) == QI_STATE_FREE &&
	    !qi_inside_block(q, missing, NULL) && qi_checked(q))
		return qi_refuse(q, "quire_reserve", -QUIRE_EAGAIN,
				 "page %u is free, but other threads keep moving it; try again",
				 QI_U(missing));
	return qi_refuse(q, "quire_reserve", -QUIRE_EBUSY,
			 "page %u is held or reserved; free it first, or leave it out",
			 QI_U(missing));
}

int quire_reserve(struct quire *q, uint32_t pfn, uint32_t nr_pages)
{
	int error;
	const struct qi_region *region = region_of_range(q, "quire_reserve", pfn, nr_pages, &error);
	struct qi_watch watch = { .most = QI_MOST_LOOKS_FOR_RANGE };
	uint32_t missing;

	if (region == NULL)
		return error;
	do {
		qi_drain_everything(q);
		qi_watch_begin(q, &watch);
		missing = take_range(q, &q->space.zones[region->zone], pfn, nr_pages);
	} while (missing != QI_NO_PFN && qi_watch_again(q, &watch));
	if (missing != QI_NO_PFN)
		return refuse_range(q, missing);
	show_aids(q, region, pfn, nr_pages, qp_aid_kept);
	return 0;
}

/* All states from RESERVED to RETURNING, or none; the first that is not RESERVED in *wrong. */
static bool unmark_reserved(struct quire *q, uint32_t pfn, uint32_t nr_pages, uint32_t *wrong)
{
	for (uint32_t i = 0; i < nr_pages; i++) {
		if (qi_state_exchange(q->space.state, pfn + i, QI_STATE_RESERVED,
				      QI_STATE_RETURNING))
			continue;
		qi_state_fill(q->space.state, pfn, i, QI_STATE_RESERVED);
		*wrong = pfn + i;
		return false;
	}
	return true;
}

static void give_range(struct quire *q, struct qi_zone *zone, uint32_t pfn, uint32_t nr_pages)
{
	uint32_t pfns[QI_SCRATCH];

	while (nr_pages > 0) {
		uint32_t n = nr_pages < QI_SCRATCH ? nr_pages : QI_SCRATCH;

		for (uint32_t i = 0; i < n; i++)
			pfns[i] = pfn + i;
		qi_zone_lock(&q->space, zone);
		qi_state_fill(q->space.state, pfn, n, QI_STATE_FREE);
		qi_zone_give_locked(&q->space, zone, n, pfns);
		qi_zone_unlock(&q->space, zone);
		pfn += n;
		nr_pages -= n;
	}
}

int quire_unreserve(struct quire *q, uint32_t pfn, uint32_t nr_pages)
{
	int error;
	const struct qi_region *region = region_of_range(q, "quire_unreserve", pfn, nr_pages,
							 &error);
	uint32_t wrong;

	if (region == NULL)
		return error;
	if (!unmark_reserved(q, pfn, nr_pages, &wrong))
		return qi_refuse(
			q, "quire_unreserve", -QUIRE_EINVAL,
			"page %u is not reserved; pass only pages that quire_reserve() took",
			QI_U(wrong));
	atomic_fetch_sub_explicit(&q->nr_reserved, nr_pages, memory_order_relaxed);
	show_aids(q, region, pfn, nr_pages, qp_aid_freed);
	give_range(q, &q->space.zones[region->zone], pfn, nr_pages);
	return 0;
}

/*
 * A block of order 9 or more has no bits of its own, only its bit one level up: before its pages
 * are freed one by one its pageblocks are opened, with nothing free. Under the lock, so that a
 * child forked meanwhile finds one block or all of its pages.
 */
static void split(struct quire *q, uint32_t pfn, unsigned int order)
{
	struct qi_zone *zone = qi_front_zone_of(&q->front, pfn);
	uint8_t page = qi_checked(q) ? QI_STATE_HELD : QI_STATE_FREE;

	qi_zone_lock(&q->space, zone);
	if (order >= QI_UNIT_ORDER)
		qi_zone_open_held_locked(&q->space, zone, pfn, order);
	qi_state_fill(q->space.state, pfn, 1u << order, page);
	qi_zone_unlock(&q->space, zone);
	atomic_fetch_sub_explicit(&q->nr_high, 1, memory_order_relaxed);
}

static int split_pfn(struct quire *q, const char *call, uint32_t pfn)
{
	uint8_t state;

	if (!qi_pfn_known(&q->space, pfn))
		return qi_refuse_split(q, call, pfn);
	state = qi_state_get(q->space.state, pfn);
	if (qi_state_is_held(state)) {
		if (qi_state_order(state) > 0)
			split(q, pfn, qi_state_order(state));
		return 0;
	}
	return qi_checked(q) || state != QI_STATE_FREE ? qi_refuse_split(q, call, pfn) : 0;
}

int quire_split(struct quire *q, void *page)
{
	uint32_t pfn;

	if (!qi_alive(q))
		return qi_refuse_dead(q, "quire_split");
	pfn = quire_page_to_pfn(q, page);
	if (((uintptr_t)page & (qi_page_bytes(q) - 1)) != 0)
		pfn = QUIRE_NO_PFN;
	if (pfn == QUIRE_NO_PFN)
		return qi_refuse(
			q, "quire_split", -QUIRE_EINVAL,
			"%x is not the start of a page of this instance; pass what quire_alloc() gave",
			QI_U((uintptr_t)page));
	return split_pfn(q, "quire_split", pfn);
}

int quire_split_pfn(struct quire *q, uint32_t pfn)
{
	if (!qi_alive(q))
		return qi_refuse_dead(q, "quire_split_pfn");
	return split_pfn(q, "quire_split_pfn", pfn);
}

int quire_order(const struct quire *q, uint32_t pfn)
{
	uint8_t state;

	if (!qi_pfn_known(&q->space, pfn))
		return -QUIRE_EINVAL;
	state = qi_state_get(q->space.state, pfn);
	if (qi_state_is_held(state))
		return (int)qi_state_order(state);
	return qi_checked(q) || state != QI_STATE_FREE ? -QUIRE_EINVAL : 0;
}
