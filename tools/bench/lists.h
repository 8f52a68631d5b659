/* SPDX-License-Identifier: MIT */
/* The options that are lists, for the help that shows them and the report that keeps them. */
#ifndef TOOL_LISTS_H
#define TOOL_LISTS_H

#include <stdint.h>

#include "bench.h"

enum { LISTS_MAX = 16 };

struct option_list {
	unsigned int bit; /* OPTION_... */
	const char *name;
	const struct values *values;
	const char *(*word)(uint32_t value); /* NULL: numbers */
};

/* All of them, of these options; returns how many. */
unsigned int lists_of(const struct bench_options *options, struct option_list lists[LISTS_MAX]);

#endif /* TOOL_LISTS_H */
