/* SPDX-License-Identifier: MIT */
/*
 * An inherited instance in a forked child. All locks were held across the fork, but the parent's
 * other threads may have had pages in hand: taken and not yet marked held, freed and not yet in a
 * list, claimed, or half way onto the deferred stack. Those threads do not exist here, so their
 * pages are found and freed: every page that is free by state has to be free in a bitmap once all
 * lists have been drained. Without checks held pages have no state, and such pages stay held.
 */
#include "alloc/request.h"

static void reset_zone(struct qi_zone *zone)
{
	uint64_t ended = atomic_load(&zone->transit) & ~(QI_MOVE_ENDED - 1);

	atomic_store(&zone->transit, ended);
	atomic_store(&zone->deferred, 0);
	atomic_store(&zone->nr_deferred, 0);
	atomic_store(&zone->stash_missing, zone->nr_stash - qi_stash_count(zone));
}

static void restore_page(struct quire *q, struct qi_zone *zone, uint32_t pfn)
{
	qi_zone_lock(&q->space, zone);
	if (!qi_zone_has_page_locked(&q->space, pfn))
		qi_zone_restore_page_locked(&q->space, zone, pfn);
	qi_zone_release(&q->space, zone);
}

/* A block that the parent's threads were giving back or setting aside is free. */
static bool on_its_way(uint8_t state)
{
	return state == QI_STATE_RETURNING || (state & (QI_STATE_DEFERRED | QI_STATE_CLAIMED)) != 0;
}

static void restore_pages(struct quire *q, struct qi_zone *zone, uint32_t pfn, uint32_t nr_pages)
{
	qi_state_set(q->space.state, pfn, QI_STATE_FREE);
	for (uint32_t i = 0; i < nr_pages; i++)
		restore_page(q, zone, pfn + i);
}

/* Settle the page, or the held block, that begins at pfn; how many pages it has. */
static uint32_t settle(struct quire *q, struct qi_zone *zone, uint32_t pfn)
{
	uint8_t state = qi_state_get(q->space.state, pfn);
	uint32_t nr_pages = 1;

	if (qi_state_is_held(state)) {
		if (qi_state_order(state) > 0)
			atomic_fetch_add(&q->nr_high, 1);
		return 1u << qi_state_order(state);
	}
	if (state == QI_STATE_RESERVED) {
		atomic_fetch_add(&q->nr_reserved, 1);
	} else if (on_its_way(state)) {
		if (state != QI_STATE_RETURNING)
			nr_pages = 1u << qi_state_order(state);
		restore_pages(q, zone, pfn, nr_pages);
	} else if (qi_checked(q)) {
		restore_pages(q, zone, pfn, 1);
	}
	return nr_pages;
}

static void settle_region(struct quire *q, const struct qi_region *region)
{
	struct qi_zone *zone = &q->space.zones[region->zone];
	uint32_t end = region->first_pfn + region->nr_pages;

	for (uint32_t i = 0; i < region->nr_blocks; i++)
		atomic_store(&q->space.blocks.units[region->first_block + i].deferred, 0);
	for (uint32_t pfn = region->first_pfn; pfn < end;)
		pfn += settle(q, zone, pfn);
}

void qi_recover(struct quire *q)
{
	atomic_store(&q->claim_taken, 0);
	atomic_store(&q->nr_high, 0);
	atomic_store(&q->nr_reserved, 0);
	for (uint32_t i = 0; i < q->space.nr_zones; i++)
		reset_zone(&q->space.zones[i]);
	qi_front_recover(&q->front);
	qi_drain_everything(q);
	for (uint32_t i = 0; i < qi_nr_regions(&q->space); i++)
		settle_region(q, &q->space.regions[i]);
}
