/* SPDX-License-Identifier: MIT */
/* The instances that a bench's options ask for: every cache, check and mode. */
#ifndef TOOL_PLANS_H
#define TOOL_PLANS_H

#include <stdbool.h>
#include <stdint.h>

#include "../instance.h"
#include "bench.h"

enum { PLANS_MAX = 32 };

/* Caches are outermost, modes innermost. Invariant: nr <= PLANS_MAX. */
struct plans {
	struct instance_plan plan[PLANS_MAX];
	unsigned int nr;
};

/* Of a cache without modes there is one plan where others have one for each mode. */
struct plans plans_of(const struct bench_options *options, bool addresses);

/* Modes of a cache that are asked for; of one without modes the one that means nothing, biased. */
struct values plans_modes(const struct bench_options *options, uint32_t cache);

#endif /* TOOL_PLANS_H */
