/* SPDX-License-Identifier: MIT */
/*
 * Quire's rows against a peer's: the time of one as a multiple of the other's, for each row, and as
 * geometric means over the batches, where no batch counts for more because its times are longer.
 */
#ifndef TOOL_COMPARE_H
#define TOOL_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "measure.h"
#include "peer.h"

/* What is compared: the peers and all cells of a bench. */
struct comparison {
	const struct peers *peers;
	bool with_quire; /* some of the cells are Quire's */
	const struct cell *cells;
	unsigned int nr_cells;
};

/*
 * The total of Quire's cell as a multiple of that of the allocator's cell with the same workload,
 * calls, batch, threads, pattern and order. 0: there is none, or the cell is not Quire's.
 */
double compare_ratio(const struct comparison *all, const struct cell *cell, uint32_t allocator);

/*
 * For each peer a heading, and a line for each group of cells of Quire's that differ in their batch
 * alone: mean and worst ratio. name() writes what tells the group from others. There are peers and
 * cells of Quire's.
 */
void compare_print(FILE *out, const struct comparison *all,
		   void (*name)(const struct cell *cell, char *text, size_t bytes));

#endif /* TOOL_COMPARE_H */
