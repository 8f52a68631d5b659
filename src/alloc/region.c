/* SPDX-License-Identifier: MIT */
/* Registering regions. */
#include "alloc/array.h"
#include "alloc/config.h"

static const char add_call[] = "quire_region_add";

void quire_region_config_init_sized(struct quire_region_config *config, size_t size)
{
	if (size < sizeof(config->size))
		return;
	memset(config, 0, size);
	config->size = (uint32_t)size;
}

/* A mapped region's base is its addr, unless the flag says that base means something else. */
static int settle_base(const struct quire *q, struct quire_region_config *config)
{
	if (config->addr == NULL || (config->flags & QUIRE_REGION_BASE) != 0)
		return 0;
	if (config->base != 0 && config->base != (uintptr_t)config->addr)
		return qi_refuse(
			q, add_call, -QUIRE_EINVAL,
			"base is %x and addr %x, and flags do not have QUIRE_REGION_BASE; set it, or "
			"leave base 0",
			config->base, QI_U((uintptr_t)config->addr));
	config->base = (uintptr_t)config->addr;
	return 0;
}

static int check_bytes(const struct quire *q, const struct quire_region_config *config)
{
	uint64_t page = qi_page_bytes(q);

	if (config->bytes == 0 || config->bytes % page != 0)
		return qi_refuse(
			q, add_call, -QUIRE_EINVAL,
			"bytes is %u; pass a multiple of the page size %u, at least one page",
			config->bytes, page);
	if ((uintptr_t)config->addr % page != 0)
		return qi_refuse(
			q, add_call, -QUIRE_EINVAL,
			"addr %x is not a multiple of the page size %u; map it aligned, or leave out "
			"its first bytes",
			QI_U((uintptr_t)config->addr), page);
	if (config->base % page != 0)
		return qi_refuse(
			q, add_call, -QUIRE_EINVAL,
			"base %x is not a multiple of the page size %u; leave out its first bytes",
			config->base, page);
	if (config->base + (config->bytes - 1) < config->base ||
	    (uintptr_t)config->addr + (config->bytes - 1) < (uintptr_t)config->addr)
		return qi_refuse(
			q, add_call, -QUIRE_EINVAL,
			"base %x (or addr %x) and %u bytes run past 2^64; pass fewer bytes",
			config->base, QI_U((uintptr_t)config->addr), config->bytes);
	return 0;
}

static int check_place(const struct quire *q, struct quire_region_config *config)
{
	if ((config->flags & ~QUIRE_REGION_BASE) != 0)
		return qi_refuse(q, add_call, -QUIRE_EINVAL,
				 "flags has unknown bits %x; known are %x",
				 QI_U(config->flags & ~QUIRE_REGION_BASE), QI_U(QUIRE_REGION_BASE));
	if (config->zone >= q->space.nr_zones)
		return qi_refuse(
			q, add_call, -QUIRE_EINVAL,
			"zone is %u and config.max_zones was %u; use a lower one, or create with more",
			QI_U(config->zone), QI_U(q->space.nr_zones));
	if (config->align_order == 0)
		config->align_order = QUIRE_PAGEBLOCK_ORDER;
	if (config->align_order < QUIRE_PAGEBLOCK_ORDER ||
	    config->align_order > q->space.max_align_order)
		return qi_refuse(q, add_call, -QUIRE_EINVAL,
				 "align_order is %u; use %u to %u, or create with a larger "
				 "config.max_align_order (at most %u)",
				 QI_U(config->align_order), QI_U(QUIRE_PAGEBLOCK_ORDER),
				 QI_U(q->space.max_align_order), QI_U(QUIRE_MAX_ORDER));
	return 0;
}

static bool ranges_meet(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a <= b ? b - a < a_bytes : a - b < b_bytes;
}

/*
 * The registered region that shares memory, or addresses in one zone's space, with a new one; or
 * NULL.
 */
static const struct qi_region *find_overlap(const struct qi_space *space,
					    const struct qi_region *region)
{
	for (uint32_t i = 0; i < qi_nr_regions(space); i++) {
		const struct qi_region *other = &space->regions[i];

		if (region->addr != NULL && other->addr != NULL &&
		    ranges_meet((uintptr_t)region->addr, region->bytes, (uintptr_t)other->addr,
				other->bytes))
			return other;
		if (region->zone == other->zone &&
		    ranges_meet(region->base, region->bytes, other->base, other->bytes))
			return other;
	}
	return NULL;
}

static int refuse_overlap(const struct quire *q, const struct qi_region *region,
			  const struct qi_region *other)
{
	return qi_refuse(
		q, add_call, -QUIRE_EEXIST,
		"%u bytes at addr %x, base %x overlap region %u at addr %x, base %x; register each "
		"byte once, and give another address space a zone of its own",
		region->bytes, QI_U((uintptr_t)region->addr), region->base,
		QI_U(other - q->space.regions) + 1, QI_U((uintptr_t)other->addr), other->base);
}

static int refuse_place(const struct quire *q, enum qi_place place, const struct qi_region *region)
{
	const struct qi_space *space = &q->space;
	uint64_t used = atomic_load_explicit((_Atomic uint64_t *)&space->nr_pages,
					     memory_order_relaxed);

	switch (place) {
	case QI_PLACE_NO_REGION:
		return qi_refuse(
			q, add_call, -QUIRE_ENOSPC,
			"all %u regions are in use; create with a larger config.max_regions",
			QI_U(space->max_regions));
	case QI_PLACE_NO_PAGES:
		return qi_refuse(
			q, add_call, -QUIRE_ENOSPC,
			"%u pages do not fit: %u of config.max_pages %u are used; create with more",
			region->bytes >> space->page_shift, used, space->max_pages);
	default:
		return qi_refuse(
			q, add_call, -QUIRE_ENOSPC,
			"aligned so, %u pages do not fit the pfns of this instance; create with a "
			"larger config.max_align_order or config.max_pages",
			region->bytes >> space->page_shift);
	}
}

/* The only region there can be: pages of it are found by arithmetic alone. */
static void make_ready(struct quire *q, const struct qi_region *region)
{
	struct qi_ready *ready = &q->ready;
	uint64_t give = 0;

	if (q->space.max_regions != 1 || q->front.ready_take != QI_FRONT_PCP)
		return;
	ready->page_0 = (uintptr_t)region->addr -
			((uintptr_t)region->first_pfn << ready->page_shift);
	ready->first_pfn = region->first_pfn;
	q->by_address = qi_region_range(&q->space, region);
	q->by_offset = q->by_address;
	q->by_offset.start = 0;
	if (q->front.ready_give == QI_FRONT_PCP && ready->check != QUIRE_CHECK_STRICT) {
		give = qi_ready_make_word(ready, qi_checked(q),
					  region->first_pfn + region->nr_pages);
	}
	atomic_store_explicit(&ready->give_other, give, memory_order_release);
	atomic_store_explicit(&ready->take_offset, qi_ready_take_word(q), memory_order_release);
	if (region->addr == NULL)
		return;
	atomic_store_explicit(&ready->give_page, give, memory_order_release);
	atomic_store_explicit(&ready->take_page, qi_ready_take_word(q), memory_order_release);
}

/*
 * Unmapped regions are counted before their pages can be had: who takes a page and then looks at
 * the count makes no pointer from one. Its pages are a movement: a request that looked too early
 * looks again.
 */
static uint32_t add_placed(struct quire *q, const struct qi_region *placed)
{
	const struct qi_region *region = qi_space_append(&q->space, placed);
	struct qi_zone *zone = &q->space.zones[region->zone];
	uint32_t id;

	if (region->addr == NULL)
		atomic_fetch_add_explicit(&q->nr_unmapped, 1, memory_order_relaxed);
	else
		qp_aid_freed(q->aids, region->addr, (size_t)region->bytes,
			     (size_t)qi_page_bytes(q));
	qi_transit_begin(zone);
	id = qi_space_publish(&q->space);
	make_ready(q, region);
	qi_zone_lock(&q->space, zone);
	qi_zone_add_region_locked(&q->space, zone, region);
	qi_zone_unlock(&q->space, zone);
	qi_transit_end(zone, true);
	return id;
}

static int add(struct quire *q, const struct quire_region_config *config,
	       struct quire_region *handle)
{
	const struct qi_region *other;
	enum qi_place place = QI_PLACE_OK;
	uint32_t id = 0;
	struct qi_region region = {
		.addr = config->addr,
		.base = config->base,
		.bytes = config->bytes,
		.cookie = config->cookie,
		.zone = config->zone,
	};

	qp_lock(&q->region_lock);
	other = find_overlap(&q->space, &region);
	if (other == NULL)
		place = qi_space_place(&q->space, config->align_order, &region);
	if (other == NULL && place == QI_PLACE_OK)
		id = add_placed(q, &region);
	qp_unlock(&q->region_lock);
	if (id != 0 && handle != NULL)
		handle->id = id;
	if (other != NULL)
		return refuse_overlap(q, &region, other);
	return place == QI_PLACE_OK ? 0 : refuse_place(q, place, &region);
}

int quire_region_add(struct quire *q, const struct quire_region_config *user,
		     struct quire_region *handle)
{
	struct quire_region_config config;
	int error;

	if (q == NULL)
		return -QUIRE_EINVAL;
	if (!qi_alive(q))
		return qi_refuse_dead(q, add_call);
	if (user == NULL)
		return qi_refuse(q, add_call, -QUIRE_EINVAL,
				 "config is NULL; pass one made by quire_region_config_init()");
	error = qi_copy_sized(&q->reporter, add_call, &config, sizeof(config), sizeof(config),
			      user);
	if (error != 0)
		return error;
	error = settle_base(q, &config);
	if (error == 0)
		error = check_bytes(q, &config);
	if (error == 0)
		error = check_place(q, &config);
	return error != 0 ? error : add(q, &config, handle);
}

int quire_region_remove(struct quire *q, struct quire_region handle)
{
	if (q == NULL)
		return -QUIRE_EINVAL;
	return qi_refuse(
		q, "quire_region_remove", -QUIRE_EOPNOTSUPP,
		"region %u stays: removing regions is not in this version; destroy the instance",
		QI_U(handle.id));
}

int quire_region_info_get(const struct quire *q, struct quire_region handle,
			  struct quire_region_info *info)
{
	const struct qi_region *region;
	struct quire_region_info known = { 0 };

	if (q == NULL)
		return -QUIRE_EINVAL;
	if (info == NULL || info->size <= sizeof(info->size))
		return qi_refuse_result(q, "quire_region_info_get", "info");
	region = qi_space_region(&q->space, handle.id);
	if (region == NULL)
		return qi_refuse(q, "quire_region_info_get", -QUIRE_ENOENT,
				 "region %u does not exist; there are %u, from 1 on",
				 QI_U(handle.id), QI_U(qi_nr_regions(&q->space)));
	known.size = info->size < sizeof(known) ? info->size : (uint32_t)sizeof(known);
	known.zone = region->zone;
	known.addr = region->addr;
	known.base = region->base;
	known.bytes = region->bytes;
	known.cookie = region->cookie;
	known.first_pfn = region->first_pfn;
	known.nr_pages = region->nr_pages;
	memcpy(info, &known, known.size);
	return 0;
}
