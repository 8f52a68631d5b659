/* SPDX-License-Identifier: MIT */
/*
 * The property test's world: one instance of random shape, the model of it, and what a failure must
 * say. A world follows from (seed, cache, check) alone, so a failure reruns from its own seed.
 */
#ifndef QT_PROPERTY_H
#define QT_PROPERTY_H

#include "model.h"
#include "random.h"
#include "test.h"

#define MAX_RESERVED 16

struct world {
	const char *program;
	const struct qt_cache *cache;
	uint32_t check;
	uint64_t seed;
	uint64_t op; /* operations done in this world */
	struct qt_random random;

	struct quire *q;
	struct quire_config config;
	void *buffer; /* NULL: quire_create() found the metadata */

	/* Regions: those below nr_regions are registered, the others come later. */
	unsigned int nr_planned, nr_regions, nr_mapped;
	struct quire_region_config plan[MODEL_MAX_REGIONS];
	struct quire_region region[MODEL_MAX_REGIONS];
	struct quire_region_info info[MODEL_MAX_REGIONS];
	void *map[MODEL_MAX_REGIONS];
	size_t map_bytes[MODEL_MAX_REGIONS];

	struct model model;
	uint64_t *stamp; /* what each mapped page holds, by pfn */
	unsigned int max_order; /* worth asking for */
	bool growing; /* whether allocations or frees prevail just now */

	struct {
		uint32_t pfn, n;
	} reserved[MAX_RESERVED];
	unsigned int nr_reserved;

	unsigned int nr_reports; /* since the operation began */
	int last_error;
	char text[512];

	/* arrays of calls; each of capacity slots */
	uint32_t capacity;
	uint32_t *pfns;
	uint64_t *offsets;
	void **pages;
};

/* Say what broke and how to see it again, and end the program. */
_Noreturn void world_fail(const struct world *w, const char *file, int line, const char *format,
			  ...) __attribute__((format(printf, 4, 5)));
#define hold_true(w, condition, ...)                                    \
	do {                                                            \
		if (__builtin_expect(!(condition), 0))                  \
			world_fail(w, __FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

/* property_world.c */
void world_begin(struct world *w, const char *program, const struct qt_cache *cache, uint32_t check,
		 uint64_t seed);
void world_end(struct world *w);
/* Register the next planned region, if one is left. */
void world_add_region(struct world *w);
bool world_all_mapped(const struct world *w);
void world_expect_reports(struct world *w, unsigned int nr, int error, const char *what);

/* property_check.c: a block was handed out, or is about to be given back; and the invariants. */
void world_taken(struct world *w, uint32_t pfn, unsigned int order, int region, bool zeroed);
void world_giving(struct world *w, uint32_t pfn);
void world_check_quick(struct world *w);
void world_check_all(struct world *w);

/* property_operate.c: one of the operations, by the world's dice. */
void world_operate(struct world *w);

/* property_alloc.c, property_free.c: the operations. */
void op_alloc(struct world *w);
void op_alloc_bulk(struct world *w);
void op_fill(struct world *w);
void op_bad_call(struct world *w);
void op_free(struct world *w);
void op_free_bulk(struct world *w);
void op_free_all(struct world *w);
void op_bad_free(struct world *w);
void op_split(struct world *w);
void op_reserve(struct world *w);
void op_unreserve(struct world *w);
void op_drain(struct world *w);
void op_order(struct world *w);

#endif /* QT_PROPERTY_H */
