/* SPDX-License-Identifier: MIT */
#include "stat.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The sample at a fraction of the sorted order, between two neighbours in proportion. */
static double quantile(const double *sorted, size_t nr, double fraction)
{
	double place = fraction * (double)(nr - 1);
	size_t below = (size_t)place;
	double share = place - (double)below;

	if (below + 1 >= nr)
		return sorted[nr - 1];
	return sorted[below] * (1 - share) + sorted[below + 1] * share;
}

double stat_median(double *samples, size_t nr)
{
	qsort(samples, nr, sizeof(*samples), compare);
	return quantile(samples, nr, 0.5);
}

double stat_quartiles(double *samples, size_t nr)
{
	qsort(samples, nr, sizeof(*samples), compare);
	return quantile(samples, nr, 0.75) - quantile(samples, nr, 0.25);
}

double stat_spread_pct(double *samples, size_t nr)
{
	double median = stat_median(samples, nr);

	if (median <= 0)
		return 0;
	return 100 * stat_quartiles(samples, nr) / median;
}
