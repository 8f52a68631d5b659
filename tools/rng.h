/* SPDX-License-Identifier: MIT */
/*
 * Random numbers that a seed repeats: a 64-bit counter put through a mixing function (splitmix64).
 * One state word, so every thread has its own.
 */
#ifndef TOOL_RNG_H
#define TOOL_RNG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rng {
	uint64_t counter;
};

static inline uint64_t rng_mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

/* A stream of its own for each (seed, stream). */
static inline struct rng rng_make(uint64_t seed, uint64_t stream)
{
	return (struct rng){ .counter = rng_mix(seed ^ rng_mix(stream + 1)) };
}

static inline uint64_t rng_next(struct rng *rng)
{
	rng->counter += UINT64_C(0x9e3779b97f4a7c15);
	return rng_mix(rng->counter);
}

/* Below limit, 1 to 2^32: the upper half of a product, without a division. */
static inline size_t rng_below(struct rng *rng, uint64_t limit)
{
	return (size_t)(((rng_next(rng) >> 32) * limit) >> 32);
}

/* Put nr elements of at most 8 bytes each into random order. */
static inline void rng_shuffle(struct rng *rng, void *elements, size_t nr, size_t width)
{
	unsigned char *base = elements;
	unsigned char spare[8];
	size_t left, other;

	for (left = nr; left > 1; left--) {
		other = rng_below(rng, left);
		memcpy(spare, base + other * width, width);
		memcpy(base + other * width, base + (left - 1) * width, width);
		memcpy(base + (left - 1) * width, spare, width);
	}
}

#endif /* TOOL_RNG_H */
