/* SPDX-License-Identifier: MIT */
/* Making and ending a world of random shape. */
#include "property.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

_Noreturn void world_fail(const struct world *w, const char *file, int line, const char *format,
			  ...)
{
	va_list arguments;

	printf("not ok - property [%s, check %s]\n# ", w->cache->name, quire_check_name(w->check));
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n# at operation %llu (%s:%d); last report: \"%s\"\n", (unsigned long long)w->op,
	       file, line, w->text);
	printf("# seed %llu; to see it again:\n#   %s --seed %llu --cache %s --check %s --ops %llu\n",
	       (unsigned long long)w->seed, w->program, (unsigned long long)w->seed, w->cache->name,
	       quire_check_name(w->check), (unsigned long long)w->op + 1);
	fflush(stdout);
	_Exit(1);
}

static void note_report(void *context, const struct quire_report *report)
{
	struct world *w = context;

	w->nr_reports++;
	w->last_error = report->error;
	snprintf(w->text, sizeof(w->text), "%s", report->text);
}

void world_expect_reports(struct world *w, unsigned int nr, int error, const char *what)
{
	hold_true(w, w->nr_reports == nr, "%s: %u reports, not %u", what, w->nr_reports, nr);
	hold_true(w, nr == 0 || error == 0 || w->last_error == error, "%s: report says %d, not %d",
		  what, w->last_error, error);
	w->nr_reports = 0;
}

static uint32_t random_or(struct world *w, uint32_t low, uint32_t high)
{
	return low + qt_random_below(&w->random, high - low + 1);
}

/* Chosen by the library, switched off, or something of its own. */
static uint32_t random_option(struct world *w, uint32_t max)
{
	switch (qt_random_below(&w->random, 4)) {
	case 0:
		return UINT32_MAX;
	case 1:
		return 1 + qt_random_below(&w->random, max);
	default:
		return 0;
	}
}

/*
 * Most pages of one region: mostly some thousands, now and then tiny, large, or large enough for
 * order 18.
 */
static uint32_t random_size(struct world *w)
{
	uint32_t dice = qt_random_below(&w->random, 100);

	if (dice < 15)
		return random_or(w, 1, 40);
	if (dice < 85)
		return random_or(w, 300, 3000);
	if (dice < 98)
		return random_or(w, 3000, 15000);
	return random_or(w, 1u << 18, 3u << 17);
}

static void plan_config(struct world *w)
{
	struct quire_config *config = &w->config;

	quire_config_init(config);
	config->cache = w->cache->cache;
	config->require = w->cache->cache;
	config->flags = w->cache->flags;
	if (w->cache->cache != QUIRE_CACHE_PCP && qt_random_one_in(&w->random, 8))
		config->flags |= QUIRE_CONFIG_ONE_LIST;
	config->check = w->check;
	config->page_shift = qt_random_one_in(&w->random, 2) ? 12 : random_or(w, 11, 21);
	config->max_zones = random_or(w, 1, 3);
	config->max_align_order = random_or(w, 9, qt_random_one_in(&w->random, 20) ? 18 : 12);
	config->nr_stash = random_option(w, 64);
	config->nr_depot = random_option(w, 20);
	config->report = note_report;
	config->report_context = w;
}

/* Lists of the library's choosing, or as long as the number of pages allows them to be at most. */
static void plan_lists(struct world *w)
{
	struct quire_config *config = &w->config;
	uint64_t most;

	if (qt_random_one_in(&w->random, 2))
		return;
	config->nr_cpus = random_or(w, 1, 4);
	most = config->max_pages / 8 / config->nr_cpus;
	config->high = random_or(w, 0, most < 300 ? (uint32_t)most : 300);
	config->batch = random_or(w, 1, 64);
}

/* Mapped where it is small; an unmapped region lies far from the others, on any page. */
static void plan_region(struct world *w, unsigned int i, uint32_t pages)
{
	struct quire_region_config *plan = &w->plan[i];
	size_t page = (size_t)1 << w->config.page_shift;
	uint64_t bytes = (uint64_t)pages << w->config.page_shift;
	uint32_t skew = qt_random_below(&w->random, 1024);

	quire_region_config_init(plan);
	plan->bytes = bytes;
	plan->zone = qt_random_below(&w->random, w->config.max_zones);
	plan->align_order = random_or(w, 9, w->config.max_align_order);
	plan->cookie = i;
	plan->base = ((uint64_t)(i + 1) << 48) + ((uint64_t)skew << w->config.page_shift);
	if (bytes > 32u << 20 || qt_random_one_in(&w->random, 3))
		return;
	w->map_bytes[i] = (size_t)bytes + page;
	w->map[i] = mmap(NULL, w->map_bytes[i], PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	hold_true(w, w->map[i] != MAP_FAILED, "no memory for a region of %zu bytes",
		  w->map_bytes[i]);
	plan->addr = (char *)w->map[i] + (page - (uintptr_t)w->map[i] % page) % page;
	if (qt_random_one_in(&w->random, 4))
		plan->flags = QUIRE_REGION_BASE;
	else
		plan->base = 0;
}

static uint32_t plan_regions(struct world *w)
{
	uint32_t total = 0, bound = 1024;

	w->nr_planned = 1 + qt_random_below(&w->random, 5);
	if (qt_random_one_in(&w->random, 3))
		w->nr_planned = 1;
	for (unsigned int i = 0; i < w->nr_planned; i++) {
		uint32_t pages = random_size(w);

		plan_region(w, i, pages);
		total += pages;
		bound += pages + 3 * QUIRE_PAGEBLOCK_PAGES + (2u << w->config.max_align_order);
	}
	w->config.max_regions = w->nr_planned;
	w->config.max_pages = total;
	w->capacity = total + 101 < 70000 ? total + 101 : 70000;
	while (w->max_order < QUIRE_MAX_ORDER && 2u << w->max_order <= total)
		w->max_order++;
	return bound;
}

void world_add_region(struct world *w)
{
	unsigned int i = w->nr_regions;
	struct quire_region_info *info = &w->info[i];
	int err;

	if (i == w->nr_planned)
		return;
	err = quire_region_add(w->q, &w->plan[i], &w->region[i]);
	hold_true(w, err == 0, "region %u of %llu bytes: %s", i,
		  (unsigned long long)w->plan[i].bytes, quire_strerror(err));
	info->size = sizeof(*info);
	err = quire_region_info_get(w->q, w->region[i], info);
	hold_true(w,
		  err == 0 && info->bytes == w->plan[i].bytes && info->cookie == i &&
			  info->addr == w->plan[i].addr,
		  "quire_region_info_get() of region %u: %d", i, err);
	hold_true(w, (uint64_t)info->first_pfn + info->nr_pages <= w->model.nr_pfns,
		  "pfns up to %u for at most %llu pages", info->first_pfn + info->nr_pages,
		  (unsigned long long)w->config.max_pages);
	model_add_region(&w->model, info->first_pfn, info->nr_pages);
	w->nr_regions++;
	w->nr_mapped += info->addr != NULL;
}

bool world_all_mapped(const struct world *w)
{
	return w->nr_mapped == w->nr_regions;
}

static void create(struct world *w)
{
	struct quire_info info = { .size = sizeof(info) };
	size_t bytes;
	int err;

	if (qt_random_one_in(&w->random, 4)) {
		err = quire_metadata_size(&w->config, &bytes);
		hold_true(w, err == 0, "quire_metadata_size(): %s", quire_strerror(err));
		w->buffer = malloc(bytes);
		hold_true(w, w->buffer != NULL, "no memory for metadata");
		memset(w->buffer, 0xc7, bytes);
		err = quire_init(&w->config, w->buffer, bytes, &w->q);
	} else {
		err = quire_create(&w->config, &w->q);
	}
	hold_true(w, err == 0, "no instance: %s", quire_strerror(err));
	err = quire_info_get(w->q, &info);
	hold_true(w, err == 0 && info.cache == w->cache->cache && info.check == w->check,
		  "asked for cache %s, check %s; got %s, %s", w->cache->name,
		  quire_check_name(w->check), quire_cache_name(info.cache),
		  quire_check_name(info.check));
}

void world_begin(struct world *w, const char *program, const struct qt_cache *cache, uint32_t check,
		 uint64_t seed)
{
	uint32_t bound;

	memset(w, 0, sizeof(*w));
	w->program = program;
	w->cache = cache;
	w->check = check;
	w->seed = seed;
	w->random = qt_random_seed(seed);
	plan_config(w);
	bound = plan_regions(w);
	plan_lists(w);
	w->stamp = calloc(bound, sizeof(*w->stamp));
	w->pfns = calloc(w->capacity, sizeof(*w->pfns));
	w->offsets = calloc(w->capacity, sizeof(*w->offsets));
	w->pages = calloc(w->capacity, sizeof(*w->pages));
	hold_true(w, model_init(&w->model, bound) && w->stamp && w->pfns && w->offsets && w->pages,
		  "no memory for the model");
	create(w);
	world_add_region(w);
}

void world_end(struct world *w)
{
	int err;

	if (w->model.nr_held > 0) {
		err = quire_destroy(w->q);
		hold_true(w, err == -QUIRE_EBUSY, "destroyed with %llu pages out: %d",
			  (unsigned long long)w->model.nr_held, err);
		world_expect_reports(w, 1, -QUIRE_EBUSY, "quire_destroy()");
	}
	op_free_all(w);
	err = quire_destroy(w->q);
	hold_true(w, err == 0, "quire_destroy(): %s", quire_strerror(err));
	for (unsigned int i = 0; i < w->nr_planned; i++)
		if (w->map[i])
			munmap(w->map[i], w->map_bytes[i]);
	model_end(&w->model);
	free(w->buffer);
	free(w->stamp);
	free(w->pfns);
	free(w->offsets);
	free(w->pages);
}
