/* SPDX-License-Identifier: MIT */
/* A zone's lock, and its pages of order 0. */
#include "core/zone.h"

void qi_zone_init(struct qi_zone *zone, uint32_t index, uint32_t nr_stash)
{
	memset(zone, 0, sizeof(*zone));
	zone->lock.rank = QP_RANK_ZONE;
	zone->index = index;
	zone->nr_stash = nr_stash;
	atomic_store_explicit(&zone->stash_missing, nr_stash, memory_order_relaxed);
	for (uint32_t slot = 0; slot < QI_MAX_STASH; slot++)
		atomic_store_explicit(&zone->stash[slot], QI_NO_PFN, memory_order_relaxed);
	qi_bins_init(&zone->block_bins);
	qi_bins_init(&zone->super_bins);
}

static void entered(struct qi_space *space, struct qi_zone *zone)
{
	qi_count(&zone->nr_locks, 1);
	if (qp_unlikely(qi_zone_has_deferred(zone)))
		qi_zone_take_up_locked(space, zone);
}

void qi_zone_lock(struct qi_space *space, struct qi_zone *zone)
{
	if (qp_lock(&zone->lock))
		qi_count(&zone->nr_contended, 1);
	entered(space, zone);
}

bool qi_zone_try(struct qi_space *space, struct qi_zone *zone)
{
	return qi_zone_try_for(space, zone, 0);
}

bool qi_zone_try_for(struct qi_space *space, struct qi_zone *zone, uint32_t nr_pages)
{
	for (uint32_t try = 0; try < QI_TRIES + nr_pages / QI_PAGES_A_TRY; try++) {
		if (qp_lock_try(&zone->lock)) {
			entered(space, zone);
			return true;
		}
		qp_pause();
	}
	qi_count_shared(&zone->nr_busy, 1);
	return false;
}

/*
 * After the unlock, look again: who deferred a page while the lock was held has tried it in vain
 * after its push, and relies on this look. If this try fails, its holder will look after us.
 */
void qi_zone_release(struct qi_space *space, struct qi_zone *zone)
{
	qp_unlock(&zone->lock);
	while (qp_unlikely(qi_zone_has_deferred(zone)) && qp_lock_try(&zone->lock)) {
		qi_count(&zone->nr_locks, 1);
		qi_zone_take_up_locked(space, zone);
		qp_unlock(&zone->lock);
	}
}

void qi_zone_unlock(struct qi_space *space, struct qi_zone *zone)
{
	if (qp_unlikely(atomic_load_explicit(&zone->stash_missing, memory_order_relaxed) > 0))
		qi_stash_fill_locked(space, zone);
	qi_zone_release(space, zone);
}

static uint64_t free_now(const struct qi_zone *zone)
{
	return qi_count_get(&zone->nr_free);
}

static void set_free(struct qi_zone *zone, uint64_t nr_free)
{
	atomic_store_explicit(&zone->nr_free, nr_free, memory_order_relaxed);
}

/* A whole pageblock from the level above, closed; QI_NO_UNIT: there is none. */
static uint32_t take_whole(struct qi_space *space, struct qi_zone *zone)
{
	uint32_t super = qi_level_choose(&zone->super_bins, 0, 1);

	if (super == QI_NO_UNIT)
		return QI_NO_UNIT;
	return space->super_first[super] +
	       qi_level_take_block(&space->supers, &zone->super_bins, super, 0);
}

/* A pageblock with free pages: the one chosen, or a whole one from the level above, opened. */
static uint32_t choose_block(struct qi_space *space, struct qi_zone *zone, unsigned int order,
			     uint32_t want)
{
	uint32_t block = qi_level_choose(&zone->block_bins, order, want);

	if (block != QI_NO_UNIT)
		return block;
	block = take_whole(space, zone);
	if (block != QI_NO_UNIT)
		qi_level_open(&space->blocks, &zone->block_bins, block, NULL);
	return block;
}

uint32_t qi_zone_take_locked(struct qi_space *space, struct qi_zone *zone, uint32_t want,
			     uint32_t *pfns)
{
	uint64_t available = free_now(zone);
	uint32_t got = 0;

	if (want > available)
		want = (uint32_t)available;
	while (got < want) {
		uint32_t block = choose_block(space, zone, 0, want - got);

		if (block == QI_NO_UNIT)
			qp_panic("a zone has fewer pages than it counts");
		got += qi_level_take_items(&space->blocks, &zone->block_bins, block, want - got,
					   block << QI_UNIT_ORDER, pfns + got);
	}
	set_free(zone, available - got);
	qi_count(&zone->nr_taken, got);
	return got;
}

/* A whole pageblock, opened with nothing free in it, as all of it is wanted; n = 0: there is none. */
static void take_whole_part(struct qi_space *space, struct qi_zone *zone, struct qi_part *part)
{
	static const struct qi_bits none;

	part->n = 0;
	part->block = take_whole(space, zone);
	if (part->block == QI_NO_UNIT)
		return;
	qi_level_open(&space->blocks, &zone->block_bins, part->block, &none);
	qi_bits_set_all(&part->items);
	part->n = QI_UNIT_ITEMS;
}

static void take_part(struct qi_space *space, struct qi_zone *zone, uint32_t want,
		      struct qi_part *part)
{
	if (want >= QI_UNIT_ITEMS && zone->block_bins.filled == 0) {
		take_whole_part(space, zone, part);
		if (part->n > 0)
			return;
	}
	part->block = choose_block(space, zone, 0, want);
	if (part->block == QI_NO_UNIT)
		qp_panic("a zone has fewer pages than it counts");
	part->n = qi_level_move_items(&space->blocks, &zone->block_bins, part->block, want,
				      &part->items);
}

uint32_t qi_zone_take_parts_locked(struct qi_space *space, struct qi_zone *zone, size_t want,
				   struct qi_part *parts)
{
	uint64_t available = free_now(zone);
	uint32_t got = 0;
	uint32_t nr = 0;

	if (want > available)
		want = (size_t)available;
	for (; nr < QI_MOST_PARTS && got < want; nr++) {
		uint32_t missing = want - got < QI_UNIT_ITEMS ? (uint32_t)(want - got)
							      : QI_UNIT_ITEMS;

		take_part(space, zone, missing, &parts[nr]);
		got += parts[nr].n;
	}
	set_free(zone, available - got);
	qi_count(&zone->nr_taken, got);
	return nr;
}

/* A pageblock that has just become whole goes up one level. */
static void close_block(struct qi_space *space, struct qi_zone *zone, uint32_t block)
{
	uint32_t super = qi_space_super(space, block);
	unsigned int merged;

	qi_level_close(&space->blocks, &zone->block_bins, block);
	merged = qi_level_add(&space->supers, super, block - space->super_first[super], 1);
	qi_level_file(&space->supers, &zone->super_bins, super, merged);
}

static void file_block(struct qi_space *space, struct qi_zone *zone, uint32_t block,
		       unsigned int merged)
{
	if (qi_unit_free(&space->blocks.units[block]) == QI_UNIT_ITEMS)
		close_block(space, zone, block);
	else
		qi_level_file(&space->blocks, &zone->block_bins, block, merged);
}

static void set_items(struct qi_bits *bits, uint32_t n, const uint32_t *pfns)
{
	uint32_t start = qi_run_start(n, pfns);

	if (start != QI_NO_RUN) {
		qi_bits_set(bits, qi_item_of(start), n);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		qi_bits_set_one(bits, qi_item_of(pfns[i]));
}

/* How many of the leading pfns lie in one pageblock. */
static uint32_t in_one_block(uint32_t n, const uint32_t *pfns)
{
	uint32_t block = qi_block_of(pfns[0]);
	uint32_t i = 1;

	while (i < n && qi_block_of(pfns[i]) == block)
		i++;
	return i;
}

/* The most frequent batch is one run of one pageblock; false: it is not. */
static bool give_one_run(struct qi_space *space, struct qi_zone *zone, uint32_t n,
			 const uint32_t *pfns)
{
	uint32_t start = qi_run_start(n, pfns);
	uint32_t block = qi_block_of(start);

	if (start == QI_NO_RUN || qi_block_of(start + n - 1) != block)
		return false;
	file_block(space, zone, block, qi_level_add(&space->blocks, block, qi_item_of(start), n));
	return true;
}

/*
 * The leading pfns that lie in one pageblock: set their bits, file it once; how many. Few pages
 * ask what they merge with; for many, which may be runs in stretches of eight, the largest block is
 * looked for once.
 */
static uint32_t give_to_block(struct qi_space *space, struct qi_zone *zone, uint32_t n,
			      const uint32_t *pfns)
{
	enum { FEW = 4 };
	uint32_t block = qi_block_of(pfns[0]);
	unsigned int merged = 0;

	if (n >= FEW && give_one_run(space, zone, n, pfns))
		return n;
	n = in_one_block(n, pfns);
	for (uint32_t i = 0; n < FEW && i < n; i++) {
		unsigned int order = qi_level_add(&space->blocks, block, qi_item_of(pfns[i]), 1);

		merged = order > merged ? order : merged;
	}
	for (uint32_t i = 0; n >= FEW && i < n; i += QI_OCTET)
		set_items(&space->blocks.bits[block], n - i < QI_OCTET ? n - i : QI_OCTET,
			  pfns + i);
	if (n >= FEW)
		merged = qi_level_added(&space->blocks, block, n);
	file_block(space, zone, block, merged);
	return n;
}

void qi_zone_give_locked(struct qi_space *space, struct qi_zone *zone, uint32_t n,
			 const uint32_t *pfns)
{
	for (uint32_t i = 0; i < n;)
		i += give_to_block(space, zone, n - i, pfns + i);
	set_free(zone, free_now(zone) + n);
	qi_count(&zone->nr_given, n);
}

/* Of nr runs, the leading ones of one pageblock: set their bits, file it once; how many. */
static uint32_t give_runs_to_block(struct qi_space *space, struct qi_zone *zone, uint32_t nr,
				   const struct qi_run *runs, uint32_t *n)
{
	uint32_t block = qi_block_of(runs[0].pfn);
	uint32_t i = 0;

	*n = 0;
	for (; i < nr && qi_block_of(runs[i].pfn) == block; i++) {
		uint32_t first = qi_item_of(runs[i].pfn);

		if (QI_DEBUG && first + runs[i].n > QI_UNIT_ITEMS)
			qp_panic("a run given to a zone leaves its pageblock");
		qi_bits_set(&space->blocks.bits[block], first, runs[i].n);
		*n += runs[i].n;
	}
	file_block(space, zone, block, qi_level_added(&space->blocks, block, *n));
	return i;
}

void qi_zone_give_runs_locked(struct qi_space *space, struct qi_zone *zone, uint32_t nr,
			      const struct qi_run *runs)
{
	uint32_t given = 0;
	uint32_t n;

	for (uint32_t i = 0; i < nr; given += n)
		i += give_runs_to_block(space, zone, nr - i, runs + i, &n);
	set_free(zone, free_now(zone) + given);
	qi_count(&zone->nr_given, given);
}

/* Whether n pfns go on as a run that would be at this one; by vectors. */
static inline bool goes_on(uint32_t next, bool down, uint32_t n, const uint32_t *pfns)
{
	uint32_t step = down ? UINT32_MAX : 1;

	if (pfns[0] != next || pfns[n - 1] != next + (n - 1) * step)
		return false;
	return down ? qi_is_run_down(n, pfns) : qi_is_run(n, pfns);
}

/* Whole batches are runs more often than not. */
uint32_t qi_count_run(uint32_t first, bool down, uint32_t n, const uint32_t *pfns)
{
	uint32_t step = down ? UINT32_MAX : 1;
	uint32_t some = 16;
	uint32_t i = 0;

	if (goes_on(first, down, n, pfns))
		return n;
	__asm__("" : "+r"(some)); /* a constant would be unrolled, and no vectors be made of it */
	while (n - i > some && goes_on(first + i * step, down, some, pfns + i))
		i += some;
	while (i < n && pfns[i] == first + i * step)
		i++;
	return i;
}

uint32_t qi_zone_leading_run(uint32_t n, const uint32_t *pfns, struct qi_run *run)
{
	uint32_t item = qi_item_of(pfns[0]);
	bool down = n > 1 && pfns[1] == pfns[0] - 1;
	uint32_t room = down ? item + 1 : QI_UNIT_ITEMS - item;

	run->n = qi_count_run(pfns[0], down, n < room ? n : room, pfns);
	run->pfn = pfns[down ? run->n - 1 : 0];
	return run->n;
}

uint32_t qi_zone_take_block_locked(struct qi_space *space, struct qi_zone *zone, unsigned int order)
{
	uint64_t nr_pages = UINT64_C(1) << order;
	uint32_t pfn;
	uint32_t unit;

	if (free_now(zone) < nr_pages)
		return QI_NO_PFN;
	if (order < QI_UNIT_ORDER) {
		unit = choose_block(space, zone, order, 1);
		if (unit == QI_NO_UNIT)
			return QI_NO_PFN;
		pfn = (unit << QI_UNIT_ORDER) +
		      qi_level_take_block(&space->blocks, &zone->block_bins, unit, order);
	} else {
		unit = qi_level_choose(&zone->super_bins, order - QI_UNIT_ORDER, 1);
		if (unit == QI_NO_UNIT)
			return QI_NO_PFN;
		pfn = (space->super_first[unit] + qi_level_take_block(&space->supers,
								      &zone->super_bins, unit,
								      order - QI_UNIT_ORDER))
		      << QI_UNIT_ORDER;
	}
	set_free(zone, free_now(zone) - nr_pages);
	qi_count(&zone->nr_taken, nr_pages);
	return pfn;
}

void qi_zone_give_block_locked(struct qi_space *space, struct qi_zone *zone, uint32_t pfn,
			       unsigned int order)
{
	uint32_t block = qi_block_of(pfn);
	uint64_t nr_pages = UINT64_C(1) << order;

	if (order < QI_UNIT_ORDER) {
		file_block(space, zone, block,
			   qi_level_add(&space->blocks, block, qi_item_of(pfn), 1u << order));
	} else {
		uint32_t super = qi_space_super(space, block);

		qi_level_file(&space->supers, &zone->super_bins, super,
			      qi_level_add(&space->supers, super, block - space->super_first[super],
					   1u << (order - QI_UNIT_ORDER)));
	}
	set_free(zone, free_now(zone) + nr_pages);
	qi_count(&zone->nr_given, nr_pages);
}
