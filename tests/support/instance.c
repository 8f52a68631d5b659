/* SPDX-License-Identifier: MIT */
/* An instance with its regions, made and ended with everything asserted on the way. */
#include "test.h"

#include <string.h>
#include <sys/mman.h>

void qt_config(struct quire_config *config, const struct qt_param *param,
	       struct qt_reports *reports)
{
	quire_config_init(config);
	config->max_pages = 4096;
	config->page_shift = 12;
	config->cache = param->cache->cache;
	config->require = param->cache->cache;
	config->flags = param->cache->flags;
	config->check = param->check;
	config->report = qt_report;
	config->report_context = reports;
}

void qt_begin(struct qt *t, const struct qt_param *param)
{
	memset(t, 0, sizeof(*t));
	atomic_flag_clear(&t->reports.busy);
	t->param = param;
	qt_config(&t->config, param, &t->reports);
	t->config.max_regions = QT_MAX_REGIONS;
	t->config.max_zones = 4;
}

void qt_create(struct qt *t)
{
	struct quire_info info;

	qt_assert_ok(quire_create(&t->config, &t->q));
	assert_non_null(t->q);
	info = qt_info(t->q);
	assert_int_equal(info.cache, t->config.require);
	assert_int_equal(info.check, t->config.check);
	assert_non_null(info.reason);
}

static unsigned int add(struct qt *t, const struct quire_region_config *config)
{
	unsigned int i = t->nr_regions++;

	assert_true(i < QT_MAX_REGIONS);
	qt_assert_ok(quire_region_add(t->q, config, &t->region[i]));
	assert_int_not_equal(t->region[i].id, 0);
	t->info[i].size = sizeof(t->info[i]);
	qt_assert_ok(quire_region_info_get(t->q, t->region[i], &t->info[i]));
	return i;
}

unsigned int qt_add_mapped(struct qt *t, uint32_t zone, uint64_t nr_pages)
{
	size_t page = (size_t)1 << t->config.page_shift;
	size_t bytes = (size_t)nr_pages * page;
	struct quire_region_config config;
	char *map = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned int i;

	assert_ptr_not_equal(map, MAP_FAILED);
	quire_region_config_init(&config);
	config.addr = map + (page - (uintptr_t)map % page) % page;
	config.bytes = bytes;
	config.zone = zone;
	i = add(t, &config);
	t->map[i] = map;
	t->map_bytes[i] = bytes + page;
	return i;
}

unsigned int qt_add_unmapped(struct qt *t, uint32_t zone, uint64_t base, uint64_t nr_pages)
{
	struct quire_region_config config;

	quire_region_config_init(&config);
	config.base = base;
	config.bytes = nr_pages << t->config.page_shift;
	config.zone = zone;
	return add(t, &config);
}

/* One region in one zone, and told so: the case that the library has short cuts for. */
static void begin_one(struct qt *t, const struct qt_param *param, uint64_t nr_pages)
{
	qt_begin(t, param);
	t->config.max_pages = nr_pages;
	t->config.max_regions = 1;
	t->config.max_zones = 1;
	qt_create(t);
}

void qt_open_mapped(struct qt *t, const struct qt_param *param, uint64_t nr_pages)
{
	begin_one(t, param, nr_pages);
	qt_add_mapped(t, 0, nr_pages);
}

void qt_open_unmapped(struct qt *t, const struct qt_param *param, uint64_t nr_pages)
{
	begin_one(t, param, nr_pages);
	qt_add_unmapped(t, 0, 0, nr_pages);
}

void qt_end(struct qt *t)
{
	qt_assert_sound(t->q, 0);
	qt_assert_ok(quire_destroy(t->q));
	for (unsigned int i = 0; i < t->nr_regions; i++)
		if (t->map[i])
			munmap(t->map[i], t->map_bytes[i]);
}
