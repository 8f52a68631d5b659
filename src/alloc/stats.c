/* SPDX-License-Identifier: MIT */
/* Statistics: where all pages are, and what has been done. */
#include "alloc/request.h"

enum {
	LEAST_SIZE = 8, /* of a structure that has room for any answer: more than its size */
};

static void add_zone(const struct qi_zone *zone, struct quire_stats *stats)
{
	stats->free_zone += qi_count_get(&zone->nr_free);
	stats->free_stash += qi_stash_count(zone);
	stats->deferred += qi_count_get(&zone->nr_deferred);
	stats->zone_taken += qi_count_get(&zone->nr_taken);
	stats->zone_given += qi_count_get(&zone->nr_given);
	stats->zone_locks += qi_count_get(&zone->nr_locks);
	stats->zone_contended += qi_count_get(&zone->nr_contended);
	stats->zone_busy += qi_count_get(&zone->nr_busy);
	stats->deferred_pages += qi_count_get(&zone->nr_deferred_ever);
	stats->stash_taken += qi_count_get(&zone->nr_stash_taken);
}

static void add_pcp(const struct qi_pcp *pcp, struct quire_stats *stats)
{
	stats->free_lists += qi_pcp_count(pcp);
	stats->list_pops += qi_pcp_pops(pcp);
	stats->list_pushes += qi_pcp_pushes(pcp);
	stats->refills += qi_count_get(&pcp->nr_refills);
	stats->refill_pages += qi_count_get(&pcp->nr_refill_pages);
	stats->overflows += qi_count_get(&pcp->nr_overflows);
	stats->overflow_pages += qi_count_get(&pcp->nr_overflow_pages);
	stats->aborts += qi_count_get(&pcp->nr_aborts);
}

static uint64_t whole_pageblocks(const struct qi_space *space)
{
	uint64_t blocks = 0;

	for (uint32_t i = 0; i < qi_nr_regions(space); i++) {
		const struct qi_region *region = &space->regions[i];

		for (uint32_t j = 0; j < qi_region_supers(region); j++)
			blocks += qi_unit_free(&space->supers.units[region->first_super + j]);
	}
	return blocks;
}

static uint64_t held_of(const struct quire_stats *stats)
{
	uint64_t elsewhere = stats->reserved + stats->free_zone + stats->free_lists +
			     stats->free_depot + stats->free_stash + stats->deferred;

	return stats->managed > elsewhere ? stats->managed - elsewhere : 0;
}

static void gather(const struct quire *q, struct quire_stats *stats)
{
	const struct qi_front *front = &q->front;

	memset(stats, 0, sizeof(*stats));
	for (uint32_t i = 0; i < q->space.nr_zones; i++)
		add_zone(&q->space.zones[i], stats);
	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(front); cpu++)
		add_pcp(&front->pcps[cpu], stats);
	stats->free_depot = qi_depot_count(front->depot);
	stats->depot_in = qi_depot_in(front->depot);
	stats->depot_out = qi_depot_out(front->depot);
	stats->drains = qi_count_get(&front->nr_drains);
	stats->drained_pages = qi_count_get(&front->nr_drained_pages);
	stats->free_pageblocks = whole_pageblocks(&q->space);
	stats->slow_paths = qi_count_get(&q->nr_slow);
	stats->failures = qi_count_get(&q->nr_failures);
	stats->bad_frees = qi_count_get(&q->nr_bad_frees);
	stats->bad_calls = qi_count_get(&q->nr_bad_calls);
	stats->reserved = qi_count_get(&q->nr_reserved);
	stats->managed = qi_count_get(&q->space.nr_pages);
	stats->held = held_of(stats);
}

int quire_stats_get(const struct quire *q, struct quire_stats *stats)
{
	struct quire_stats known;
	uint32_t size;

	if (q == NULL)
		return -QUIRE_EINVAL;
	if (stats == NULL || stats->size <= LEAST_SIZE)
		return qi_refuse_result(q, "quire_stats_get", "stats");
	size = stats->size < sizeof(known) ? stats->size : (uint32_t)sizeof(known);
	gather(q, &known);
	known.size = size;
	memcpy(stats, &known, size);
	return 0;
}

int quire_cpu_stats_get(const struct quire *q, int cpu, struct quire_cpu_stats *stats)
{
	struct quire_cpu_stats known = { 0 };
	const struct qi_pcp *pcp;

	if (q == NULL)
		return -QUIRE_EINVAL;
	if (stats == NULL || stats->size <= LEAST_SIZE)
		return qi_refuse_result(q, "quire_cpu_stats_get", "stats");
	if (cpu < 0 || (uint32_t)cpu >= q->front.nr_cpus)
		return qi_refuse_cpu(q, "quire_cpu_stats_get", cpu);
	known.size = stats->size < sizeof(known) ? stats->size : (uint32_t)sizeof(known);
	if (q->front.high > 0) {
		pcp = &q->front.pcps[cpu];
		known.count = qi_pcp_count(pcp);
		known.high = qi_list_high(qi_pcp_live(pcp));
		known.batch = qi_adapt_batch(&q->front.adapt);
		known.pops = qi_pcp_pops(pcp);
		known.pushes = qi_pcp_pushes(pcp);
		known.busy = qi_count_get(&pcp->nr_busy);
		known.aborts = qi_count_get(&pcp->nr_aborts);
		known.isolated = qi_pcp_isolated(pcp);
		known.disabled = qi_pcp_diverts(pcp);
		known.drains = atomic_load_explicit((_Atomic uint32_t *)&pcp->drains_begun,
						    memory_order_relaxed);
	}
	memcpy(stats, &known, known.size);
	return 0;
}

size_t quire_held(const struct quire *q)
{
	struct quire_stats stats;

	gather(q, &stats);
	return (size_t)stats.held;
}

static void line(struct qi_text *text, const char *name, uint64_t number, const char *unit)
{
	enum { NAME = 18, NUMBER = 14 };
	size_t before = text->length;

	qi_text_add(text, "%s", name);
	for (size_t i = text->length - before; i < NAME; i++)
		qi_text_add(text, " ");
	qi_text_number(text, number, NUMBER);
	qi_text_add(text, "  %s\n", unit);
}

static void pages_text(struct qi_text *text, const struct quire_stats *stats)
{
	line(text, "managed", stats->managed, "pages");
	line(text, "  reserved", stats->reserved, "pages");
	line(text, "  held", stats->held, "pages");
	line(text, "  free in zones", stats->free_zone, "pages");
	line(text, "  free in lists", stats->free_lists, "pages");
	line(text, "  free in depot", stats->free_depot, "pages");
	line(text, "  free in stash", stats->free_stash, "pages");
	line(text, "  deferred", stats->deferred, "pages");
	line(text, "whole pageblocks", stats->free_pageblocks, "blocks of 512 pages");
}

static void events_text(struct qi_text *text, const struct quire_stats *stats)
{
	line(text, "list pops", stats->list_pops, "pages");
	line(text, "list pushes", stats->list_pushes, "pages");
	line(text, "refills", stats->refills, "times");
	line(text, "  refilled", stats->refill_pages, "pages");
	line(text, "overflows", stats->overflows, "times");
	line(text, "  overflowed", stats->overflow_pages, "pages");
	line(text, "depot in", stats->depot_in, "pages");
	line(text, "depot out", stats->depot_out, "pages");
	line(text, "zone taken", stats->zone_taken, "pages");
	line(text, "zone given", stats->zone_given, "pages");
	line(text, "zone locks", stats->zone_locks, "times");
	line(text, "  contended", stats->zone_contended, "times");
	line(text, "  given up", stats->zone_busy, "times");
	line(text, "deferred ever", stats->deferred_pages, "pages");
	line(text, "stash taken", stats->stash_taken, "pages");
	line(text, "drains", stats->drains, "times");
	line(text, "  drained", stats->drained_pages, "pages");
	line(text, "slow paths", stats->slow_paths, "times");
	line(text, "failures", stats->failures, "times");
	line(text, "bad frees", stats->bad_frees, "pages");
	line(text, "bad calls", stats->bad_calls, "times");
	line(text, "aborts", stats->aborts, "times");
}

size_t quire_stats_text(const struct quire *q, char *buffer, size_t bytes)
{
	struct quire_stats stats;
	struct qi_text text;

	gather(q, &stats);
	qi_text_init(&text, buffer, bytes);
	pages_text(&text, &stats);
	events_text(&text, &stats);
	return text.length;
}
