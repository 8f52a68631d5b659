/* SPDX-License-Identifier: MIT */
/* Life of an instance: sized, made inside a buffer, ended. */
#include "alloc/config.h"

/* Refuse on behalf of an instance that does not exist yet. */
static int refuse_planned(const struct qi_plan *plan, const char *call, int error,
			  const char *format, ...)
{
	struct qi_reporter reporter = {
		.report = plan->config.report,
		.context = plan->config.report_context,
	};
	char buffer[QI_REPORT_BYTES];
	struct qi_text text;
	va_list arguments;

	qi_text_init(&text, buffer, sizeof(buffer));
	va_start(arguments, format);
	qi_text_add_list(&text, format, arguments);
	va_end(arguments);
	return qi_refuse_config(&reporter, call, error, "%s", buffer);
}

int quire_metadata_size(const struct quire_config *config, size_t *bytes)
{
	struct qi_plan plan;
	int error = qi_plan_make(config, "quire_metadata_size", &plan);

	if (error != 0)
		return error;
	if (bytes == NULL)
		return refuse_planned(&plan, "quire_metadata_size", -QUIRE_EINVAL,
				      "bytes is NULL; pass where the size goes");
	*bytes = plan.layout.total;
	return 0;
}

static void init_space(struct quire *q, unsigned char *start, const struct qi_plan *plan)
{
	const struct qi_layout *layout = &plan->layout;
	struct qi_space *space = &q->space;

	space->zones = (void *)(start + layout->zones);
	space->regions = (void *)(start + layout->regions);
	space->supers.bits = (void *)(start + layout->super_bits);
	space->supers.units = (void *)(start + layout->super_units);
	space->super_first = (void *)(start + layout->super_first);
	space->blocks.bits = (void *)(start + layout->block_bits);
	space->blocks.units = (void *)(start + layout->block_units);
	space->block_region = (void *)(start + layout->block_region);
	space->state = q->states;
	space->nr_zones = plan->config.max_zones;
	space->page_shift = plan->config.page_shift;
	space->max_regions = plan->config.max_regions;
	space->max_blocks = plan->max_blocks;
	space->max_supers = plan->max_supers;
	space->max_pages = plan->config.max_pages;
	space->max_align_order = plan->config.max_align_order;
	for (uint32_t zone = 0; zone < space->nr_zones; zone++)
		qi_zone_init(&space->zones[zone], zone, plan->config.nr_stash);
}

static void init_front(struct quire *q, unsigned char *start, const struct qi_plan *plan)
{
	const struct quire_config *config = &plan->config;
	struct qi_front *front = &q->front;

	_Static_assert((int)QI_FRONT_NONE == (int)QUIRE_CACHE_NONE, "one numbering");
	_Static_assert((int)QI_FRONT_LOCKED == (int)QUIRE_CACHE_LOCKED, "one numbering");
	_Static_assert((int)QI_FRONT_PCP == (int)QUIRE_CACHE_PCP, "one numbering");
	front->kind = config->cache;
	front->nr_cpus = config->nr_cpus;
	front->high = config->high;
	front->one_list = (config->flags & QUIRE_CONFIG_ONE_LIST) != 0;
	front->noirq = config->cache == QUIRE_CACHE_LOCKED &&
		       (config->flags & QUIRE_CONFIG_NOIRQ) != 0;
	front->pcps = (void *)(start + plan->layout.pcps);
	front->lists = start + plan->layout.lists;
	front->list_bytes = qi_list_bytes(config->high);
	front->space = &q->space;
	front->home = &q->space.zones[0];
	front->depot = (void *)(start + plan->layout.depot);
	qi_depot_init(front->depot, config->batch, config->nr_depot,
		      (void *)(start + plan->layout.depot_slots));
	qi_front_init_limits(front, plan->base_high, config->batch);
	qi_front_init_lists(front, config->aids != 0, (config->flags & QUIRE_CONFIG_ISOLATED) != 0);
}

/* What depends on the region comes with it: alloc/region.c. */
static void init_ready(struct quire *q)
{
	struct qi_ready *ready = &q->ready;

	ready->nr_cpus = q->front.nr_cpus;
	ready->page_shift = q->space.page_shift;
	ready->pcps = q->front.pcps;
	atomic_store_explicit(&ready->take_page, 0, memory_order_relaxed);
	atomic_store_explicit(&ready->take_offset, 0, memory_order_relaxed);
	atomic_store_explicit(&ready->give_page, 0, memory_order_relaxed);
	atomic_store_explicit(&ready->give_other, 0, memory_order_relaxed);
	atomic_store_explicit(&ready->take_pfn, qi_ready_take_word(q), memory_order_relaxed);
}

static struct quire *init_instance(unsigned char *start, const struct qi_plan *plan)
{
	const struct quire_config *config = &plan->config;
	struct quire *q = (void *)start;

	if ((config->flags & QUIRE_CONFIG_ZEROED) == 0)
		memset(start, 0, plan->layout.cleared);
	q->ready.owner = qp_process();
	q->ready.check = config->check;
	q->aids = config->aids;
	q->flags = config->flags;
	q->vector = qi_vector_choose();
	q->asked = plan->asked;
	q->reason = plan->reason;
	q->metadata_bytes = plan->layout.total;
	q->list_bytes = plan->layout.total - plan->layout.cleared;
	q->region_lock.rank = QP_RANK_REGIONS;
	qp_ticker_forget(&q->ticker);
	q->reporter.report = config->report;
	q->reporter.context = config->report_context;
	init_space(q, start, plan);
	init_front(q, start, plan);
	init_ready(q);
	qi_fork_link_init(q);
	return q;
}

/* Into a buffer known to be large enough. */
static int init_planned(const struct qi_plan *plan, const char *call, void *buffer,
			struct quire **q)
{
	uintptr_t mask = 2 * QP_CACHE_LINE - 1;
	struct quire *made = init_instance((void *)(((uintptr_t)buffer + mask) & ~mask), plan);

	if (!qp_fork_register(&made->fork_link))
		return qi_refuse(
			made, call, -QUIRE_ENOMEM,
			"the system has no room for a fork handler; free memory and try again");
	*q = made;
	return 0;
}

int quire_init(const struct quire_config *config, void *buffer, size_t buffer_bytes,
	       struct quire **q)
{
	struct qi_plan plan;
	int error = qi_plan_make(config, "quire_init", &plan);

	if (error != 0)
		return error;
	if (q == NULL)
		return refuse_planned(&plan, "quire_init", -QUIRE_EINVAL,
				      "q is NULL; pass where the instance goes");
	if (buffer == NULL)
		return refuse_planned(&plan, "quire_init", -QUIRE_EINVAL,
				      "buffer is NULL; pass %u bytes", QI_U(plan.layout.total));
	if (buffer_bytes < plan.layout.total)
		return refuse_planned(
			&plan, "quire_init", -QUIRE_ENOSPC,
			"the buffer has %u bytes and %u are needed; ask quire_metadata_size()",
			QI_U(buffer_bytes), QI_U(plan.layout.total));
	return init_planned(&plan, "quire_init", buffer, q);
}

int quire_create(const struct quire_config *config, struct quire **q)
{
	struct qi_plan plan;
	int error = qi_plan_make(config, "quire_create", &plan);
	void *mapping;

	if (error != 0)
		return error;
	if (q == NULL)
		return refuse_planned(&plan, "quire_create", -QUIRE_EINVAL,
				      "q is NULL; pass where the instance goes");
	if (!qp_memory_offered())
		return refuse_planned(
			&plan, "quire_create", -QUIRE_EOPNOTSUPP,
			"this port has no memory of its own; give %u bytes to quire_init()",
			QI_U(plan.layout.total));
	mapping = qp_memory_map(plan.layout.total);
	if (mapping == NULL)
		return refuse_planned(
			&plan, "quire_create", -QUIRE_ENOMEM,
			"the system has no memory for %u bytes of metadata; lower config.max_pages",
			QI_U(plan.layout.total));
	plan.config.flags |= QUIRE_CONFIG_ZEROED;
	error = init_planned(&plan, "quire_create", mapping, q);
	if (error != 0) {
		qp_memory_unmap(mapping, plan.layout.total);
		return error;
	}
	(*q)->mapping = mapping;
	(*q)->mapping_bytes = plan.layout.total;
	return 0;
}

static int refuse_null(const char *what, size_t bytes)
{
	struct qi_reporter reporter = { 0 };

	return qi_refuse_config(
		&reporter, "quire_create_over", -QUIRE_EINVAL,
		"%s is NULL; pass the start of %u bytes and where the instance goes, or register "
		"an unmapped region with quire_region_add()",
		what, QI_U(bytes));
}

int quire_create_over_aided(void *memory, size_t bytes, uint32_t aids, struct quire **q)
{
	struct quire_config config;
	struct quire_region_config region;
	struct quire *made;
	int error;

	if (memory == NULL || q == NULL)
		return refuse_null(memory == NULL ? "memory" : "q", bytes);
	quire_config_init(&config);
	quire_region_config_init(&region);
	config.aids = aids;
	config.max_pages = bytes >> 12;
	if (config.max_pages == 0) /* let the region's own check speak */
		config.max_pages = 1;
	region.addr = memory;
	region.bytes = bytes;
	error = quire_create(&config, &made);
	if (error != 0)
		return error;
	error = quire_region_add(made, &region, NULL);
	if (error == 0)
		*q = made;
	else
		quire_destroy(made);
	return error;
}

/* Pages of held blocks give their marks for checking tools back. */
static void unpoison_regions(const struct quire *q)
{
	uint32_t nr = atomic_load_explicit((_Atomic uint32_t *)&q->space.nr_regions,
					   memory_order_acquire);

	for (uint32_t i = 0; q->aids != 0 && i < nr; i++)
		if (q->space.regions[i].addr != NULL)
			qp_aid_kept(q->aids, q->space.regions[i].addr,
				    (size_t)q->space.regions[i].bytes, (size_t)qi_page_bytes(q));
}

int quire_destroy(struct quire *q)
{
	size_t held;

	if (q == NULL)
		return 0;
	held = qi_alive(q) ? qi_held_at_rest(q) : 0;
	if (held > 0)
		return qi_refuse(
			q, "quire_destroy", -QUIRE_EBUSY,
			"%u pages are held; free them first (quire_held_visit() finds them)",
			QI_U(held));
	if (qi_alive(q))
		qp_ticker_stop(&q->ticker);
	qp_fork_unregister(&q->fork_link);
	unpoison_regions(q);
	if (q->mapping != NULL)
		qp_memory_unmap(q->mapping, q->mapping_bytes);
	return 0;
}

int quire_info_get(const struct quire *q, struct quire_info *info)
{
	const struct qi_space *space;
	struct quire_info known = { 0 };
	uint32_t size;

	if (q == NULL)
		return -QUIRE_EINVAL;
	if (info == NULL || info->size <= sizeof(info->size))
		return qi_refuse_result(q, "quire_info_get", "info");
	space = &q->space;
	size = info->size < sizeof(known) ? info->size : (uint32_t)sizeof(known);
	known.size = size;
	known.cache = q->front.kind;
	known.asked = q->asked;
	known.check = q->ready.check;
	known.page_shift = space->page_shift;
	known.nr_cpus = q->front.nr_cpus;
	known.high = q->front.high;
	known.batch = q->front.made_batch;
	known.nr_stash = space->zones[0].nr_stash;
	known.nr_depot = q->front.nr_depot;
	known.nr_regions = atomic_load_explicit((_Atomic uint32_t *)&space->nr_regions,
						memory_order_acquire);
	known.nr_zones = space->nr_zones;
	known.max_pages = space->max_pages;
	known.nr_pfns = atomic_load_explicit((_Atomic uint32_t *)&space->nr_pfns,
					     memory_order_acquire);
	known.metadata_bytes = q->metadata_bytes;
	known.list_bytes = q->list_bytes;
	known.reason = q->reason;
	memcpy(info, &known, size);
	return 0;
}
