/* SPDX-License-Identifier: MIT */
/* From a caller's config to a plan with every default filled in and every limit checked. */
#ifndef QI_ALLOC_CONFIG_H
#define QI_ALLOC_CONFIG_H

#include "alloc/instance.h"

/* Where the parts of the metadata lie: bytes from the (cache-line aligned) start. */
struct qi_layout {
	size_t zones;
	size_t regions;
	size_t super_bits;
	size_t super_units;
	size_t super_first;
	size_t block_bits;
	size_t block_units;
	size_t block_region;
	size_t state;
	size_t cleared; /* everything before this is zero in a new instance */
	size_t pcps;
	size_t lists;
	size_t depot;
	size_t depot_slots;
	size_t total; /* with slack for an unaligned buffer */
};

struct qi_plan {
	struct quire_config
		config; /* no field is "the default" any more; nr_stash and nr_depot may be 0 */
	uint32_t max_blocks;
	uint32_t max_supers;
	uint32_t base_high; /* where adaptive lists begin */
	uint32_t asked; /* enum quire_cache, before the choice */
	const char *reason; /* why this cache */
	struct qi_layout layout;
};

/* A batch is at most a quarter of high, and at least one page. */
static inline uint32_t qi_most_batch(uint32_t high)
{
	uint32_t most = high / 4;

	if (most < 1)
		return 1;
	return most < QI_SCRATCH ? most : QI_SCRATCH;
}

/* 0, or a negative error that has been reported on behalf of call. */
int qi_plan_make(const struct quire_config *config, const char *call, struct qi_plan *plan);

/*
 * Copy a structure whose first member is the caller's idea of its size: what the caller does not
 * know is zero, what the library does not know must be. known is sizeof here, least the size in the
 * first release.
 */
enum {
	/* Sizes in the first release: programs built against it go on working. */
	QI_FIRST_CONFIG = 88,
	QI_FIRST_REGION_CONFIG = 48,
};

int qi_copy_sized(struct qi_reporter *reporter, const char *call, void *to, size_t known,
		  size_t least, const void *from);

#endif /* QI_ALLOC_CONFIG_H */
