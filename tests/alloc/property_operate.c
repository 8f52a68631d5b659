/* SPDX-License-Identifier: MIT */
/* Which operation comes next: allocations prevail while a world grows, frees while it shrinks. */
#include "property.h"

/* One operation in `weight` of the sum. */
static const struct {
	void (*run)(struct world *w);
	uint32_t growing, shrinking;
} operations[] = {
	{ op_alloc, 300, 120 },	    { op_alloc_bulk, 60, 10 }, { op_fill, 20, 4 },
	{ op_bad_call, 2, 2 },	    { op_free, 100, 300 },     { op_free_bulk, 10, 60 },
	{ op_bad_free, 10, 10 },    { op_split, 10, 10 },      { op_reserve, 4, 4 },
	{ op_unreserve, 6, 6 },	    { op_drain, 4, 4 },	       { op_order, 20, 20 },
	{ world_add_region, 1, 1 },
};
#define NR_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

void world_operate(struct world *w)
{
	uint32_t sum = 0, dice;

	for (size_t i = 0; i < NR_OPERATIONS; i++)
		sum += w->growing ? operations[i].growing : operations[i].shrinking;
	dice = qt_random_below(&w->random, sum);
	for (size_t i = 0; i < NR_OPERATIONS; i++) {
		uint32_t weight = w->growing ? operations[i].growing : operations[i].shrinking;

		if (dice < weight) {
			operations[i].run(w);
			return;
		}
		dice -= weight;
	}
}
