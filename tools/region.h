/* SPDX-License-Identifier: MIT */
/* Address ranges to give to Quire, aligned to huge pages. */
#ifndef TOOL_REGION_H
#define TOOL_REGION_H

#include <stdint.h>

struct region {
	void *addr; /* what is used; NULL: nothing mapped */
	uint64_t bytes;
	void *mapped; /* what munmap() is told */
	uint64_t mapped_bytes;
};

/*
 * Addresses without memory: enough where pages are only handed out and never touched. region_map()
 * gives memory that may be written, in huge pages if the system offers them. Without room the
 * command ends.
 */
void region_reserve(struct region *region, uint64_t bytes);
void region_map(struct region *region, uint64_t bytes);
void region_unmap(struct region *region);

#endif /* TOOL_REGION_H */
