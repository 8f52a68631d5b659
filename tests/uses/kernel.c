/* SPDX-License-Identifier: MIT */
/*
 * A kernel's physical memory: metadata in a buffer of its own, the frames of its image reserved, no
 * libc. Compiled freestanding; kernel_run.c runs it.
 */
#include "kernel.h"

static struct quire *q;
static struct quire_region all;

/* use begins */
int frames_init(const struct quire_region_config *ram, void *metadata, size_t bytes)
{
	struct quire_config config;
	int err;

	quire_config_init(&config);
	config.max_pages = ram->bytes >> 12;
	err = quire_init(&config, metadata, bytes, &q);
	if (!err)
		err = quire_region_add(q, ram, &all);
	return err ? err : quire_reserve(q, quire_offset_to_pfn(q, all, IMAGE), IMAGE_PAGES);
}

uint64_t frame_alloc(unsigned int order)
{
	return quire_pfn_to_base(q, quire_alloc_pfn(q, 0, order));
}
/* use ends */

int frame_free(const struct quire_region_config *ram, uint64_t physical)
{
	return quire_free_offset(q, all, physical - ram->base);
}

uint64_t frames_held(void)
{
	return quire_held(q);
}

int frames_end(void)
{
	return quire_destroy(q);
}
