/* SPDX-License-Identifier: MIT */
#include "histogram.h"

/* log2 of HISTOGRAM_PARTS */
enum { PARTS_SHIFT = 5 };

/* How far a value is shifted until it is below 2 * HISTOGRAM_PARTS. */
static unsigned int shift_of(uint64_t value)
{
	unsigned int bits = 64 - (unsigned int)__builtin_clzll(value | 1);

	return bits > PARTS_SHIFT + 1 ? bits - PARTS_SHIFT - 1 : 0;
}

/* After the shift a large value has its top bit at PARTS_SHIFT, so each shift adds one part row. */
static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift = shift_of(value);

	return shift * HISTOGRAM_PARTS + (unsigned int)(value >> shift);
}

/* The largest value of a bucket. */
static uint64_t bucket_end(unsigned int bucket)
{
	unsigned int shift = bucket < 2 * HISTOGRAM_PARTS ? 0 : bucket / HISTOGRAM_PARTS - 1;
	uint64_t part = bucket - shift * HISTOGRAM_PARTS;

	return (part << shift) + ((UINT64_C(1) << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->count[bucket_of(value)]++;
	histogram->nr++;
	if (value > histogram->max)
		histogram->max = value;
}

uint64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
	uint64_t wanted = (uint64_t)(fraction * (double)histogram->nr), seen = 0;
	unsigned int bucket;

	for (bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		seen += histogram->count[bucket];
		if (seen > wanted)
			return bucket_end(bucket) < histogram->max ? bucket_end(bucket)
								   : histogram->max;
	}
	return histogram->max;
}
