/* SPDX-License-Identifier: MIT */
/*
 * How values are distributed, in bounded space however many there are: values below 32 are exact,
 * larger ones fall into 32 buckets for each power of two, so a quantile is right to 3 %.
 */
#ifndef TOOL_HISTOGRAM_H
#define TOOL_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_PARTS = 32, HISTOGRAM_BUCKETS = (64 - 4) * HISTOGRAM_PARTS };

/* Zeroed, it is empty. Invariant: nr is the sum of count[]. */
struct histogram {
	uint64_t count[HISTOGRAM_BUCKETS];
	uint64_t nr;
	uint64_t max;
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* A value that fraction of all are not above; the largest of all for 1; 0 if there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double fraction);

#endif /* TOOL_HISTOGRAM_H */
