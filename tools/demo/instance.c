/* SPDX-License-Identifier: MIT */
/* The demo's memory as the one region of an instance. */
#include "../say.h"
#include "demo.h"

struct quire *demo_register(const struct demo *demo, struct quire *q, int error)
{
	struct quire_region_config region;

	if (!error) {
		quire_region_config_init(&region);
		region.addr = demo->memory.addr;
		region.bytes = demo->memory.bytes;
		error = quire_region_add(q, &region, NULL);
	}
	if (error)
		fail("no instance over the program's memory: %s", quire_strerror(error));
	return q;
}
