/* SPDX-License-Identifier: MIT */
/*
 * Pages in transit. Who moves pages between lists, depot and zone holds them in its own scratch for
 * a while, where nobody else can find them. A request that has looked everywhere and found nothing
 * has failed only if nobody was moving pages and no move has ended since it began to look.
 */
#include "core/zone.h"

void qi_transit_begin(struct qi_zone *zone)
{
	atomic_fetch_add(&zone->transit, QI_MOVER);
}

void qi_transit_end(struct qi_zone *zone, bool moved)
{
	atomic_fetch_add(&zone->transit, (moved ? QI_MOVE_ENDED : 0) - QI_MOVER);
}
