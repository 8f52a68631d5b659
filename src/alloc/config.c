/* SPDX-License-Identifier: MIT */
#include "alloc/config.h"

enum {
	MAX_SIZE = 4096, /* of a configuration structure: more is not one */
	MAX_REGIONS = 4096,
	MAX_ZONES = 16,
	MAX_CPUS = 65536,
	MAX_DEPOT = 4096,
	DEFAULT_HIGH = 512,
	DEFAULT_STASH = 16,
	DEPOT_SHARE = 8, /* batches of the depot for each CPU */
	LEAST_HIGH = 16, /* shorter lists are not worth a visit */
	LIST_SHARE = 8, /* lists hold at most 1/8 of the pages, depots half as much */
};

#define KNOWN_FLAGS                                                                                \
	(QUIRE_CONFIG_INHERIT | QUIRE_CONFIG_NOIRQ | QUIRE_CONFIG_ZEROED | QUIRE_CONFIG_ONE_LIST | \
	 QUIRE_CONFIG_ISOLATED)
#define KNOWN_AIDS (QUIRE_AID_ASAN | QUIRE_AID_TSAN | QUIRE_AID_VALGRIND)

void quire_config_init_sized(struct quire_config *config, size_t size, uint32_t aids)
{
	if (size < sizeof(config->size) || size > MAX_SIZE)
		return;
	memset(config, 0, size);
	config->size = (uint32_t)size;
	if (size >= offsetof(struct quire_config, aids) + sizeof(config->aids))
		config->aids = aids;
}

int qi_copy_sized(struct qi_reporter *reporter, const char *call, void *to, size_t known,
		  size_t least, const void *from)
{
	uint32_t size;

	memcpy(&size, from, sizeof(size));
	if (size < least || size > MAX_SIZE)
		return qi_refuse_config(
			reporter, call, -QUIRE_EINVAL,
			"the structure says its size is %u, not %u to %u bytes; begin with its _init call",
			QI_U(size), QI_U(least), QI_U(MAX_SIZE));
	for (size_t i = known; i < size; i++)
		if (((const unsigned char *)from)[i] != 0)
			return qi_refuse_config(
				reporter, call, -QUIRE_E2BIG,
				"byte %u of the structure is set, and its size here is %u; use the newer "
				"library that the program was built for",
				QI_U(i), QI_U(known));
	memset(to, 0, known);
	memcpy(to, from, size < known ? size : known);
	return 0;
}

/*
 * One field: its name, the value found, and the limits. 0 stands for the default where a default is
 * given.
 */
struct limit {
	const char *name;
	uint32_t *value;
	uint32_t least;
	uint32_t most;
	uint32_t if_zero;
};

static int check_limit(struct qi_reporter *reporter, const char *call, const struct limit *limit)
{
	if (*limit->value == 0)
		*limit->value = limit->if_zero;
	if (*limit->value >= limit->least && *limit->value <= limit->most)
		return 0;
	return qi_refuse_config(reporter, call, -QUIRE_EINVAL,
				"config.%s is %u; set it to %u to %u, or to 0 for the default",
				limit->name, QI_U(*limit->value), QI_U(limit->least),
				QI_U(limit->most));
}

static int check_limits(struct qi_reporter *reporter, const char *call, struct quire_config *config)
{
	const struct limit limits[] = {
		{ "max_regions", &config->max_regions, 1, MAX_REGIONS, 1 },
		{ "max_zones", &config->max_zones, 1, MAX_ZONES, 1 },
		{ "page_shift", &config->page_shift, QUIRE_MIN_PAGE_SHIFT, QUIRE_MAX_PAGE_SHIFT,
		  12 },
		{ "max_align_order", &config->max_align_order, QUIRE_PAGEBLOCK_ORDER,
		  QUIRE_MAX_ORDER, QUIRE_PAGEBLOCK_ORDER },
		{ "nr_cpus", &config->nr_cpus, 1, MAX_CPUS, qp_nr_cpus() },
		{ "cache", &config->cache, 0, QUIRE_CACHE_MAGAZINE, QUIRE_CACHE_DEFAULT },
		{ "require", &config->require, 0, QUIRE_CACHE_MAGAZINE, QUIRE_CACHE_DEFAULT },
		{ "check", &config->check, 0, QUIRE_CHECK_STRICT, QUIRE_CHECK_ON },
		{ "high", &config->high, 0, QP_LIST_MAX, 0 },
		{ "batch", &config->batch, 0, QI_SCRATCH, 0 },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		int error = check_limit(reporter, call, &limits[i]);

		if (error != 0)
			return error;
	}
	return 0;
}

static int check_flags(struct qi_reporter *reporter, const char *call,
		       const struct quire_config *config)
{
	if ((config->flags & ~KNOWN_FLAGS) != 0)
		return qi_refuse_config(reporter, call, -QUIRE_EINVAL,
					"config.flags has unknown bits %x; known are %x",
					QI_U(config->flags & ~KNOWN_FLAGS), QI_U(KNOWN_FLAGS));
	if ((config->aids & ~KNOWN_AIDS) != 0)
		return qi_refuse_config(reporter, call, -QUIRE_EINVAL,
					"config.aids has unknown bits %x; known are %x",
					QI_U(config->aids & ~KNOWN_AIDS), QI_U(KNOWN_AIDS));
	if (config->reserved != 0)
		return qi_refuse_config(reporter, call, -QUIRE_EINVAL,
					"config.reserved is %u; leave it 0",
					QI_U(config->reserved));
	if (config->max_pages == 0 || config->max_pages > QUIRE_MAX_PAGES)
		return qi_refuse_config(
			reporter, call, -QUIRE_EINVAL,
			"config.max_pages is %u; set it to the pages that all regions will have, 1 to %u",
			config->max_pages, QUIRE_MAX_PAGES);
	return 0;
}

/* Whether this cache can be had, and why or why not. */
static bool cache_offered(const struct quire_config *config, uint32_t cache, const char **why)
{
	switch (cache) {
	case QUIRE_CACHE_NONE:
	case QUIRE_CACHE_LOCKED:
		*why = "it is always there";
		return true;
	case QUIRE_CACHE_PCP:
		if ((config->flags & QUIRE_CONFIG_ONE_LIST) != 0) {
			*why = "one list for all CPUs needs a lock; locked is the nearest";
			return false;
		}
		return qp_sections_offered(why);
	default:
		*why = "it is not in this version; locked is the nearest";
		return false;
	}
}

/* The preferred cache if it can be had, else the nearest; require never gives way. */
static int choose_cache(struct qi_reporter *reporter, const char *call, struct qi_plan *plan)
{
	struct quire_config *config = &plan->config;
	uint32_t wanted = config->require != 0 ? config->require : config->cache;
	uint32_t best = wanted == QUIRE_CACHE_DEFAULT ? QUIRE_CACHE_PCP : wanted;
	bool offered = cache_offered(config, best, &plan->reason);

	plan->asked = wanted;
	if (!offered && config->require != 0)
		return qi_refuse_config(
			reporter, call, -QUIRE_EOPNOTSUPP,
			"config.require is %s, which cannot be had: %s; require that, or set config.cache "
			"to prefer a cache without requiring it",
			quire_cache_name(wanted), plan->reason);
	config->cache = offered ? best : QUIRE_CACHE_LOCKED;
	if (offered && wanted != QUIRE_CACHE_DEFAULT)
		plan->reason = config->require != 0 ? "required by the config"
						    : "asked for by the config";
	return 0;
}

static uint64_t list_allowance(const struct quire_config *config)
{
	return config->max_pages / LIST_SHARE / config->nr_cpus;
}

/*
 * Lists that hold a large part of a small instance keep its pages scattered, so by default they
 * take a half of what they may. Lists too short to be worth a visit are none.
 */
static uint32_t default_high(uint64_t allowed)
{
	if (allowed / 2 < LEAST_HIGH)
		return 0;
	return allowed / 2 < DEFAULT_HIGH ? (uint32_t)(allowed / 2) : DEFAULT_HIGH;
}

/*
 * Lists together hold at most 1/8 of the pages. A high above that is lowered, not refused: the same
 * program is to run on a machine with more CPUs.
 */
static void choose_lists(struct qi_plan *plan)
{
	struct quire_config *config = &plan->config;
	uint64_t allowed;

	if ((config->flags & QUIRE_CONFIG_ONE_LIST) != 0)
		config->nr_cpus = 1;
	allowed = list_allowance(config);
	if (allowed > QP_LIST_MAX)
		allowed = QP_LIST_MAX;
	plan->base_high = config->high != 0 ? config->high : default_high(list_allowance(config));
	if (config->cache == QUIRE_CACHE_NONE)
		plan->base_high = 0;
	if (plan->base_high > allowed)
		plan->base_high = (uint32_t)allowed;
	/* The caller's own high is what it says; a chosen one may grow. */
	if (config->high != 0 || plan->base_high == 0)
		config->high = plan->base_high;
	else
		config->high = (uint32_t)allowed;
	if (config->batch == 0)
		config->batch = QI_SCRATCH;
	if (plan->base_high > 0 && config->batch > qi_most_batch(plan->base_high))
		config->batch = qi_most_batch(plan->base_high);
}

static int choose_reserves(struct qi_reporter *reporter, const char *call,
			   struct quire_config *config)
{
	uint64_t batches = config->max_pages / (2 * LIST_SHARE) / config->batch;

	if (config->nr_stash == 0)
		config->nr_stash = config->max_pages / 64 < DEFAULT_STASH
					   ? (uint32_t)(config->max_pages / 64)
					   : DEFAULT_STASH;
	else if (config->nr_stash == UINT32_MAX)
		config->nr_stash = 0;
	if (config->nr_stash > QI_MAX_STASH)
		return qi_refuse_config(
			reporter, call, -QUIRE_EINVAL,
			"config.nr_stash is %u; set it to 1 to %u, 0 for the default, or UINT32_MAX for none",
			QI_U(config->nr_stash), QI_U(QI_MAX_STASH));
	if (config->nr_depot > MAX_DEPOT && config->nr_depot != UINT32_MAX)
		return qi_refuse_config(
			reporter, call, -QUIRE_EINVAL,
			"config.nr_depot is %u; set it to 1 to %u, 0 for the default, or UINT32_MAX for none",
			QI_U(config->nr_depot), QI_U(MAX_DEPOT));
	if (config->nr_depot == UINT32_MAX || config->high == 0)
		config->nr_depot = 0;
	else if (config->nr_depot == 0)
		config->nr_depot = DEPOT_SHARE * config->nr_cpus < MAX_DEPOT
					   ? DEPOT_SHARE * config->nr_cpus
					   : MAX_DEPOT;
	if (config->nr_depot > batches)
		config->nr_depot = (uint32_t)batches;
	return 0;
}

static size_t place(size_t *end, size_t bytes, size_t alignment)
{
	size_t start = (*end + alignment - 1) & ~(alignment - 1);

	*end = start + bytes;
	return start;
}

static void lay_out(struct qi_plan *plan)
{
	const struct quire_config *config = &plan->config;
	struct qi_layout *layout = &plan->layout;
	size_t blocks = plan->max_blocks;
	size_t supers = plan->max_supers;
	size_t line = QP_CACHE_LINE;
	size_t end = sizeof(struct quire);

	layout->state = place(&end, blocks * QI_UNIT_ITEMS, line);
	layout->zones = place(&end, config->max_zones * sizeof(struct qi_zone), line);
	layout->regions = place(&end, config->max_regions * sizeof(struct qi_region), 8);
	layout->super_units = place(&end, supers * sizeof(struct qi_unit), 16);
	layout->super_first = place(&end, supers * sizeof(uint32_t), 4);
	layout->super_bits = place(&end, supers * sizeof(struct qi_bits), line);
	layout->block_bits = place(&end, blocks * sizeof(struct qi_bits), line);
	layout->block_units = place(&end, blocks * sizeof(struct qi_unit), 16);
	layout->block_region = place(&end, blocks * sizeof(uint16_t), 2);
	layout->cleared = end;
	layout->lists = end;
	layout->pcps = end;
	if (config->high > 0) {
		size_t nr_lists = (size_t)config->nr_cpus * qi_front_lists_of(config->cache);

		layout->pcps = place(&end, config->nr_cpus * sizeof(struct qi_pcp), 2 * line);
		layout->lists = place(&end, nr_lists * qi_list_bytes(config->high), 2 * line);
	}
	layout->depot = place(&end, sizeof(struct qi_depot), 2 * line);
	layout->depot_slots =
		place(&end, (size_t)config->nr_depot * config->batch * sizeof(uint32_t), line);
	layout->total = end + 2 * line;
}

/*
 * Pageblocks: the pages, and for each region up to 2^max_align_order - 1 pfns before it and a
 * ragged last block; one unused block between regions. Superblocks: each region may begin and end
 * inside one.
 */
static int size_space(struct qi_reporter *reporter, const char *call, struct qi_plan *plan)
{
	const struct quire_config *config = &plan->config;
	uint64_t slack = (UINT64_C(1) << config->max_align_order) + QI_UNIT_ITEMS - 2;
	uint64_t pfns = config->max_pages + config->max_regions * slack;
	uint64_t blocks = (pfns >> QI_UNIT_ORDER) + config->max_regions - 1;

	if ((blocks << QI_UNIT_ORDER) > UINT32_MAX)
		return qi_refuse_config(
			reporter, call, -QUIRE_EINVAL,
			"config.max_pages %u, with room to align %u regions to order %u, needs %u pfns of 2^32; "
			"lower one of the three",
			config->max_pages, QI_U(config->max_regions), QI_U(config->max_align_order),
			blocks << QI_UNIT_ORDER);
	plan->max_blocks = (uint32_t)blocks;
	plan->max_supers = (uint32_t)(blocks >> QI_UNIT_ORDER) + 2 * config->max_regions;
	return 0;
}

int qi_plan_make(const struct quire_config *user, const char *call, struct qi_plan *plan)
{
	struct qi_reporter reporter = { 0 };
	struct quire_config *config = &plan->config;
	int error;

	if (user == NULL)
		return qi_refuse_config(&reporter, call, -QUIRE_EINVAL,
					"config is NULL; pass one made by quire_config_init()");
	/* Only a structure that says a size it can have may tell where reports go. */
	if (user->size >= QI_FIRST_CONFIG && user->size <= MAX_SIZE) {
		reporter.report = user->report;
		reporter.context = user->report_context;
	}
	error = qi_copy_sized(&reporter, call, config, sizeof(*config), QI_FIRST_CONFIG, user);
	if (error == 0)
		error = check_flags(&reporter, call, config);
	if (error == 0)
		error = check_limits(&reporter, call, config);
	if (error == 0)
		error = choose_cache(&reporter, call, plan);
	if (error == 0) {
		choose_lists(plan);
		error = choose_reserves(&reporter, call, config);
	}
	if (error == 0)
		error = size_space(&reporter, call, plan);
	if (error == 0)
		lay_out(plan);
	return error;
}
