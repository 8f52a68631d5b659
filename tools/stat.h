/* SPDX-License-Identifier: MIT */
/* What a set of runs says: medians, because one interrupted run must not move the figure. */
#ifndef TOOL_STAT_H
#define TOOL_STAT_H

#include <stddef.h>

/* Median of nr >= 1 samples, which are sorted by it. */
double stat_median(double *samples, size_t nr);

/* Distance of the quartiles of nr >= 1 samples, which are sorted by it. */
double stat_quartiles(double *samples, size_t nr);

/*
 * Distance of the quartiles in percent of the median; samples are sorted by it. 0 for one sample.
 */
double stat_spread_pct(double *samples, size_t nr);

#endif /* TOOL_STAT_H */
