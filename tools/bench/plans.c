/* SPDX-License-Identifier: MIT */
#include "plans.h"

#include <stddef.h>

#include <quire/quire.h>

static void ignore(void *context, const struct quire_report *report)
{
	(void)context;
	(void)report;
}

/* The default is `pcp` wherever that can be had. */
static bool has_modes(uint32_t cache)
{
	struct quire_config config;
	size_t bytes;

	if (cache != QUIRE_CACHE_DEFAULT)
		return cache == QUIRE_CACHE_PCP;
	quire_config_init(&config);
	config.max_pages = QUIRE_PAGEBLOCK_PAGES;
	config.require = QUIRE_CACHE_PCP;
	config.report = ignore;
	return quire_metadata_size(&config, &bytes) == 0;
}

struct values plans_modes(const struct bench_options *options, uint32_t cache)
{
	return has_modes(cache) ? options->mode : values_one(MODE_BIASED);
}

struct plans plans_of(const struct bench_options *options, bool addresses)
{
	struct plans plans = { .nr = 0 };
	unsigned int cache, check, mode;

	for (cache = 0; cache < options->cache.nr; cache++) {
		struct values modes = plans_modes(options, options->cache.value[cache]);

		for (check = 0; check < options->check.nr; check++) {
			for (mode = 0; mode < modes.nr; mode++)
				plans.plan[plans.nr++] = (struct instance_plan){
					.cache = options->cache.value[cache],
					.check = options->check.value[check],
					.nr_pages = options->nr_pages,
					.addresses = addresses,
					.isolated = modes.value[mode] == MODE_SHARED,
				};
		}
	}
	return plans;
}
