/* SPDX-License-Identifier: MIT */
/*
 * Visiting held blocks. Checked instances know each by its state. Unchecked ones know only what is
 * free: everything is drained, and what is neither in a bitmap nor reserved is held.
 */
#include "alloc/request.h"

typedef int visit_fn(void *context, uint32_t pfn, unsigned int order);

static int visit_region(struct quire *q, const struct qi_region *region, visit_fn *visit,
			void *context)
{
	uint32_t end = region->first_pfn + region->nr_pages;

	for (uint32_t pfn = region->first_pfn; pfn < end; pfn++) {
		uint8_t state = qi_state_get(q->space.state, pfn);
		int stop = 0;

		if (qi_state_is_held(state))
			stop = visit(context, pfn, qi_state_order(state));
		if (stop != 0)
			return stop;
	}
	return 0;
}

/* Pages of one pageblock that are neither free nor reserved, as bits. */
static struct qi_bits held_in_block(struct quire *q, const struct qi_region *region, uint32_t block)
{
	struct qi_zone *zone = &q->space.zones[region->zone];
	struct qi_bits held = { { 0 } };
	uint32_t first = block << QI_UNIT_ORDER;

	qi_zone_lock(&q->space, zone);
	for (uint32_t item = 0; item < QI_UNIT_ITEMS; item++) {
		uint32_t pfn = first + item;

		if (qi_space_region_of(&q->space, pfn) == region &&
		    !qi_zone_has_page_locked(&q->space, pfn) &&
		    qi_state_get(q->space.state, pfn) != QI_STATE_RESERVED)
			qi_bits_set_one(&held, item);
	}
	qi_zone_release(&q->space, zone);
	return held;
}

/* skip: pages of a block of higher order that was visited already. */
static int visit_block_unchecked(struct quire *q, const struct qi_region *region, uint32_t block,
				 uint32_t *skip, visit_fn *visit, void *context)
{
	struct qi_bits held = held_in_block(q, region, block);

	for (uint32_t item = 0; item < QI_UNIT_ITEMS; item++) {
		uint32_t pfn = (block << QI_UNIT_ORDER) + item;
		uint8_t state = qi_state_get(q->space.state, pfn);
		unsigned int order = qi_state_is_held(state) ? qi_state_order(state) : 0;
		int stop;

		if (*skip > 0) {
			(*skip)--;
			continue;
		}
		if (!qi_bits_test(&held, item))
			continue;
		*skip = (1u << order) - 1;
		stop = visit(context, pfn, order);
		if (stop != 0)
			return stop;
	}
	return 0;
}

static int visit_region_unchecked(struct quire *q, const struct qi_region *region, visit_fn *visit,
				  void *context)
{
	uint32_t skip = 0;

	for (uint32_t i = 0; i < region->nr_blocks; i++) {
		int stop = visit_block_unchecked(q, region, region->first_block + i, &skip, visit,
						 context);

		if (stop != 0)
			return stop;
	}
	return 0;
}

static int visit_regions(struct quire *q, visit_fn *visit, void *context)
{
	uint32_t nr;

	if (!qi_checked(q))
		qi_drain_everything(q);
	nr = qi_nr_regions(&q->space);
	for (uint32_t i = 0; i < nr; i++) {
		const struct qi_region *region = &q->space.regions[i];
		int stop = qi_checked(q) ? visit_region(q, region, visit, context)
					 : visit_region_unchecked(q, region, visit, context);

		if (stop != 0)
			return stop;
	}
	return 0;
}

/* Where pages have no state, those that are not found count as held: nobody of ours may have any. */
int quire_held_visit(struct quire *q, visit_fn *visit, void *context)
{
	int stop;

	if (q == NULL)
		return -QUIRE_EINVAL;
	if (!qi_alive(q))
		return qi_refuse_dead(q, "quire_held_visit");
	if (visit == NULL)
		return qi_refuse(
			q, "quire_held_visit", -QUIRE_EINVAL,
			"visit is NULL; pass the function to be called for each held block");
	qp_ticker_hold(&q->ticker);
	stop = visit_regions(q, visit, context);
	qp_ticker_let_go(&q->ticker);
	return stop;
}
