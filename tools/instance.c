/* SPDX-License-Identifier: MIT */
#include "instance.h"

#include "say.h"

enum { PAGE_SHIFT = 12 };

static void create(struct instance *instance, const struct instance_plan *plan)
{
	struct quire_config config;
	int error;

	quire_config_init(&config);
	config.max_pages = plan->nr_pages;
	config.page_shift = PAGE_SHIFT;
	config.cache = plan->cache;
	config.require = plan->cache;
	config.check = plan->check;
	config.aids = 0; /* the pages are not touched, and telling a sanitizer would be measured */
	error = quire_create(&config, &instance->q);
	if (error == -QUIRE_EOPNOTSUPP)
		fail("the cache '%s' cannot be had here; the library says why above, and 'quire "
		     "info' what this machine has",
		     quire_cache_name(plan->cache));
	if (error)
		fail("no instance for %llu pages: %s", (unsigned long long)plan->nr_pages,
		     quire_strerror(error));
}

static void add_region(struct instance *instance, const struct instance_plan *plan)
{
	struct quire_region_config config;
	int error;

	quire_region_config_init(&config);
	config.bytes = plan->nr_pages << PAGE_SHIFT;
	if (plan->addresses) {
		region_reserve(&instance->addresses, config.bytes);
		config.addr = instance->addresses.addr;
	}
	error = quire_region_add(instance->q, &config, &instance->region);
	if (error)
		fail("a region of %llu pages was refused: %s", (unsigned long long)plan->nr_pages,
		     quire_strerror(error));
}

static void isolate(struct instance *instance)
{
	int error = quire_cpu_isolate(instance->q, QUIRE_ALL_CPUS, 1);

	if (error)
		fail("shared mode cannot be had here (%s); the library may say why above. Leave "
		     "'shared' out of --mode",
		     quire_strerror(error));
	instance->isolated = true;
}

void instance_open(struct instance *instance, const struct instance_plan *plan)
{
	*instance = (struct instance){ 0 };
	create(instance, plan);
	add_region(instance, plan);
	instance->info.size = sizeof(instance->info);
	if (quire_info_get(instance->q, &instance->info) != 0)
		fail("the library does not describe its own instance");
	if (plan->cache != QUIRE_CACHE_DEFAULT && instance->info.cache != plan->cache)
		fail("asked for the cache '%s', the instance has '%s'",
		     quire_cache_name(plan->cache), quire_cache_name(instance->info.cache));
	if (plan->isolated)
		isolate(instance);
}

void instance_close(struct instance *instance)
{
	int error = quire_destroy(instance->q);

	if (error)
		fail("the instance cannot be destroyed: %s", quire_strerror(error));
	region_unmap(&instance->addresses);
	*instance = (struct instance){ 0 };
}

struct quire_stats instance_stats(const struct instance *instance)
{
	struct quire_stats stats = { .size = sizeof(stats) };

	if (quire_stats_get(instance->q, &stats) != 0)
		fail("the library gives no statistics");
	return stats;
}
