/* SPDX-License-Identifier: MIT */
/* Numbers that a seed repeats: xorshift64*, good enough to mix calls. */
#ifndef QT_RANDOM_H
#define QT_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qt_random {
	uint64_t state; /* never 0 */
	const uint8_t
		*bytes; /* while left > 0 numbers are read from here instead: a fuzzer's choice */
	size_t left;
};

static inline uint64_t qt_random_next(struct qt_random *r)
{
	uint64_t high = 0;

	/* The two highest bytes decide, as numbers below n are made from the top. */
	for (int i = 0; i < 2 && r->left > 0; i++, r->left--)
		high |= (uint64_t)*r->bytes++ << (56 - 8 * i);
	if (r->left > 0)
		return high;
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* One round of splitmix64 spreads seeds that lie close together. */
static inline struct qt_random qt_random_seed(uint64_t seed)
{
	struct qt_random r = { .bytes = NULL };

	seed += UINT64_C(0x9e3779b97f4a7c15);
	seed = (seed ^ (seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	seed = (seed ^ (seed >> 27)) * UINT64_C(0x94d049bb133111eb);
	seed ^= seed >> 31;
	r.state = seed ? seed : 1;
	return r;
}

/* 0 to n - 1; n > 0. */
static inline uint32_t qt_random_below(struct qt_random *r, uint32_t n)
{
	return (uint32_t)(((qt_random_next(r) >> 32) * n) >> 32);
}

/* True once in n times. */
static inline bool qt_random_one_in(struct qt_random *r, uint32_t n)
{
	return qt_random_below(r, n) == 0;
}

#endif /* QT_RANDOM_H */
