/* SPDX-License-Identifier: MIT */
#include "compare.h"

#include <math.h>
#include <stdbool.h>

static bool same_work(const struct cell *a, const struct cell *b)
{
	return a->workload == b->workload && a->calls == b->calls && a->batch == b->batch &&
	       a->threads == b->threads && a->pattern == b->pattern && a->order == b->order &&
	       a->nr_held == b->nr_held;
}

double compare_ratio(const struct comparison *all, const struct cell *cell, uint32_t allocator)
{
	const struct cell *cells = all->cells;
	unsigned int i;

	if (cell->allocator != ALLOCATOR_QUIRE)
		return 0;
	for (i = 0; i < all->nr_cells; i++) {
		if (cells[i].allocator == allocator && same_work(&cells[i], cell))
			return cells[i].total_ns > 0 ? cell->total_ns / cells[i].total_ns : 0;
	}
	return 0;
}

/* Whether b may stand in a's group. */
static bool same_group(const struct cell *a, const struct cell *b)
{
	struct cell like = *b;

	like.batch = a->batch;
	return a->instance == b->instance && a->form == b->form && same_work(a, &like);
}

struct group {
	double log_sum;
	double worst;
	uint32_t worst_batch;
	unsigned int nr;
};

static void group_add(struct group *group, const struct cell *cell, double ratio)
{
	if (ratio <= 0)
		return;
	group->log_sum += log(ratio);
	group->nr++;
	if (ratio > group->worst) {
		group->worst = ratio;
		group->worst_batch = cell->batch;
	}
}

static void group_print(FILE *out, const struct group *group, const char *name)
{
	if (group->nr == 1)
		fprintf(out, "  %s: %.3f (batch %u)\n", name, group->worst, group->worst_batch);
	else
		fprintf(out, "  %s: %.3f over %u batches, at worst %.3f (batch %u)\n", name,
			exp(group->log_sum / group->nr), group->nr, group->worst,
			group->worst_batch);
}

/* The group of a cell, from the cell on: cells of one group need not stand side by side. */
static struct group group_of(const struct comparison *all, unsigned int first, uint32_t allocator)
{
	struct group group = { 0 };
	unsigned int i;

	for (i = first; i < all->nr_cells; i++) {
		const struct cell *cell = &all->cells[i];

		if (same_group(&all->cells[first], cell))
			group_add(&group, cell, compare_ratio(all, cell, allocator));
	}
	return group;
}

static bool is_first_of_group(const struct cell *cells, unsigned int cell)
{
	unsigned int i;

	for (i = 0; i < cell; i++) {
		if (same_group(&cells[i], &cells[cell]))
			return false;
	}
	return true;
}

static void print_against(FILE *out, const struct comparison *all, uint32_t allocator,
			  void (*name)(const struct cell *cell, char *text, size_t bytes))
{
	struct group group;
	unsigned int i;
	char text[128];

	fprintf(out, "Totals as multiples of those of %s, geometric means over the batches:\n",
		bench_allocator_name(allocator));
	for (i = 0; i < all->nr_cells; i++) {
		if (!is_first_of_group(all->cells, i))
			continue;
		group = group_of(all, i, allocator);
		if (!group.nr)
			continue;
		name(&all->cells[i], text, sizeof(text));
		group_print(out, &group, text);
	}
}

void compare_print(FILE *out, const struct comparison *all,
		   void (*name)(const struct cell *cell, char *text, size_t bytes))
{
	unsigned int i;

	for (i = 0; i < all->peers->nr; i++)
		print_against(out, all, peer_allocator(all->peers->peer[i]), name);
}
