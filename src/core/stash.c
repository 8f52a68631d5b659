/* SPDX-License-Identifier: MIT */
/*
 * The stash: pages for those who may not wait, in slots that are each one atomic exchange. Lock
 * holders put pages in, anybody takes them out. A page is in a slot or in somebody's hand, never
 * both.
 */
#include "core/zone.h"

/*
 * A slot counts as missing before it is emptied, so that the hint never falls below the truth, nor,
 * taken down by a filler in between, below 0.
 */
static uint32_t take_slot(struct qi_zone *zone, uint32_t slot)
{
	uint32_t pfn;

	/* Acquire: what a watch reads after a look at the stash is read after this. */
	if (atomic_load_explicit(&zone->stash[slot], memory_order_acquire) == QI_NO_PFN)
		return QI_NO_PFN;
	atomic_fetch_add_explicit(&zone->stash_missing, 1, memory_order_relaxed);
	pfn = atomic_exchange_explicit(&zone->stash[slot], QI_NO_PFN, memory_order_acquire);
	if (pfn == QI_NO_PFN)
		atomic_fetch_sub_explicit(&zone->stash_missing, 1, memory_order_relaxed);
	return pfn;
}

uint32_t qi_stash_take(struct qi_zone *zone, uint32_t want, uint32_t *pfns)
{
	uint32_t got = 0;

	for (uint32_t slot = 0; slot < zone->nr_stash && got < want; slot++) {
		uint32_t pfn = take_slot(zone, slot);

		if (pfn != QI_NO_PFN)
			pfns[got++] = pfn;
	}
	if (got > 0)
		qi_count_shared(&zone->nr_stash_taken, got);
	return got;
}

uint32_t qi_stash_count(const struct qi_zone *zone)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < zone->nr_stash; slot++)
		count += atomic_load_explicit((_Atomic uint32_t *)&zone->stash[slot],
					      memory_order_relaxed) != QI_NO_PFN;
	return count;
}

/*
 * The last pages are not hidden in the stash: requests that may wait would have to look for them
 * there.
 */
static bool worth_filling(const struct qi_zone *zone)
{
	return qi_count_get(&zone->nr_free) > 4 * (uint64_t)zone->nr_stash;
}

void qi_stash_fill_locked(struct qi_space *space, struct qi_zone *zone)
{
	uint32_t pfns[QI_SCRATCH];
	uint32_t missing = atomic_load_explicit(&zone->stash_missing, memory_order_relaxed);
	uint32_t n;
	uint32_t used = 0;

	if (!worth_filling(zone))
		return;
	n = qi_zone_take_locked(space, zone, missing < QI_MAX_STASH ? missing : QI_MAX_STASH, pfns);
	for (uint32_t slot = 0; slot < zone->nr_stash && used < n; slot++) {
		uint32_t empty = QI_NO_PFN;

		if (atomic_compare_exchange_strong_explicit(&zone->stash[slot], &empty, pfns[used],
							    memory_order_release,
							    memory_order_relaxed))
			used++;
	}
	atomic_fetch_sub_explicit(&zone->stash_missing, used, memory_order_relaxed);
	if (used < n)
		qi_zone_give_locked(space, zone, n - used, pfns + used);
}
