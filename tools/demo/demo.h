/* SPDX-License-Identifier: MIT */
/*
 * The stages of `quire demo`. Each prints its part, says whether it held, and leaves nothing
 * behind.
 */
#ifndef TOOL_DEMO_H
#define TOOL_DEMO_H

#include <stdbool.h>
#include <stdint.h>

#include <quire/quire.h>

#include "../region.h"

struct demo {
	struct region memory; /* mapped and written by the program before Quire hears of it */
	uint64_t nr_operations; /* of demo_untouched() */
	unsigned int threads; /* of demo_conserve() */
	unsigned int seconds; /* of demo_conserve() */
	uint64_t seed;
};

enum { DEMO_PAGE_BYTES = 4096, DEMO_WIDTH = 80 };

/*
 * Memory with contents of its own, and a metadata buffer: millions of operations change neither
 * page nor word.
 */
bool demo_untouched(const struct demo *demo);

/* The table: single and bulk calls, with and without a cache. */
bool demo_pace(const struct demo *demo);

/* A double free is caught and described, and the program goes on. */
bool demo_mistake(const struct demo *demo);

/* Threads, signal handlers and drains at once: no page is lost and none is handed out twice. */
bool demo_conserve(const struct demo *demo);

/* The demo's memory becomes q's region; error is that of making q. Without success the command ends. */
struct quire *demo_register(const struct demo *demo, struct quire *q, int error);

/* A line "   label   text", wrapped to DEMO_WIDTH columns, and one that ends with a verdict. */
__attribute__((format(printf, 2, 3))) void demo_line(const char *label, const char *format, ...);
bool demo_verdict(bool held, const char *text);

#endif /* TOOL_DEMO_H */
