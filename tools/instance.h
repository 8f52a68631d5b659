/* SPDX-License-Identifier: MIT */
/* An instance over one region, for a bench. */
#ifndef TOOL_INSTANCE_H
#define TOOL_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include <quire/quire.h>

#include "region.h"

struct instance_plan {
	uint32_t cache; /* enum quire_cache; other than the default it is required */
	uint32_t check; /* enum quire_check */
	uint64_t nr_pages;
	bool addresses; /* pages will be asked for as pointers, so they need addresses */
	bool isolated; /* drains interrupt no CPU: all are in shared mode */
};

struct instance {
	struct quire *q;
	struct quire_region region;
	struct quire_info info; /* cache and check that are really in use */
	struct region addresses;
	bool isolated; /* as it was planned */
};

/* Without success the command ends: a cache that is not to be had is never replaced by another. */
void instance_open(struct instance *instance, const struct instance_plan *plan);

/* All pages must be back; ends the command if the library says that they are not. */
void instance_close(struct instance *instance);

/* Statistics as they are now. */
struct quire_stats instance_stats(const struct instance *instance);

#endif /* TOOL_INSTANCE_H */
