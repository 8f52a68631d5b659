/* SPDX-License-Identifier: MIT */
#include "region.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "format.h"
#include "say.h"

#define HUGE_PAGE (UINT64_C(2) << 20)

static void map(struct region *region, uint64_t bytes, int protection)
{
	char text[FORMAT_MAX];
	uintptr_t start;

	region->bytes = bytes;
	region->mapped_bytes = bytes + HUGE_PAGE;
	region->mapped = mmap(NULL, region->mapped_bytes, protection,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (region->mapped == MAP_FAILED)
		fail("cannot map %s (%s); try a smaller --size", format_bytes(text, bytes),
		     strerror(errno));
	start = ((uintptr_t)region->mapped + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
	region->addr = (char *)region->mapped + (start - (uintptr_t)region->mapped);
}

void region_reserve(struct region *region, uint64_t bytes)
{
	map(region, bytes, PROT_NONE);
}

void region_map(struct region *region, uint64_t bytes)
{
	map(region, bytes, PROT_READ | PROT_WRITE);
	/* Advice only: without huge pages everything works, with more misses. */
	madvise(region->addr, region->bytes, MADV_HUGEPAGE);
}

void region_unmap(struct region *region)
{
	if (region->mapped)
		munmap(region->mapped, region->mapped_bytes);
	*region = (struct region){ 0 };
}
