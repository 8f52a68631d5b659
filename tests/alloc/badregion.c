/* SPDX-License-Identifier: MIT */
/*
 * Bad input to quire_region_add(): each with its error, and a report that names value, limit and
 * remedy.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#define BASE (UINT64_C(1) << 40)

static struct quire_region_config unmapped(uint64_t base, uint64_t pages)
{
	struct quire_region_config config;

	quire_region_config_init(&config);
	config.base = base;
	config.bytes = pages << 12;
	return config;
}

static void open_empty(struct qt *t, const struct qt_param *param)
{
	qt_begin(t, param);
	t->config.max_regions = 4;
	t->config.max_zones = 2;
	t->config.max_pages = 4096;
	qt_create(t);
}

#define refused(t, config, name, ...)                                                \
	do {                                                                         \
		struct quire_region region_ = { 12345 };                             \
		qt_assert_err(quire_region_add((t)->q, config, &region_), name);     \
		assert_int_equal(region_.id, 12345);                                 \
		assert_int_equal((t)->reports.last.error, -QUIRE_##name);            \
		assert_string_equal((t)->reports.call, "quire_region_add");          \
		qt_assert_report(&(t)->reports, QUIRE_REPORT_BAD_CALL, __VA_ARGS__); \
		assert_int_equal(qt_stats((t)->q).managed, 0);                       \
	} while (0)

static void test_sizes(const struct qt_param *param)
{
	struct quire_region_config config;
	struct qt t;

	open_empty(&t, param);
	config = unmapped(BASE, 0);
	refused(&t, &config, EINVAL, "bytes", "0", "4096");
	config = unmapped(BASE, 1);
	config.bytes = 4095;
	refused(&t, &config, EINVAL, "bytes", "4095", "4096");
	config.bytes = 4097;
	refused(&t, &config, EINVAL, "bytes", "4097", "4096");
	config = unmapped(BASE, 4097);
	refused(&t, &config, ENOSPC, "max_pages", "4097", "4096");
	config = unmapped(BASE, UINT64_C(1) << 32);
	refused(&t, &config, ENOSPC, "max_pages");
	config = unmapped(UINT64_MAX - 8191, 2);
	config.bytes = 3 << 12; /* ends beyond 2^64 */
	config.base &= ~UINT64_C(4095);
	config.base += 4096;
	refused(&t, &config, EINVAL, "2^64");
	qt_end(&t);
}

static void test_alignment(const struct qt_param *param)
{
	static char memory[3 * 4096];
	struct quire_region_config config;
	struct qt t;

	open_empty(&t, param);
	config = unmapped(BASE + 2048, 4);
	refused(&t, &config, EINVAL, "base", "4096");
	config = unmapped(0, 1);
	config.addr = memory + (4096 - (uintptr_t)memory % 4096) + 8;
	refused(&t, &config, EINVAL, "addr", "4096");
	config = unmapped(BASE, 4);
	config.align_order = 8;
	refused(&t, &config, EINVAL, "align_order", "8", "9");
	config.align_order = 10;
	refused(&t, &config, EINVAL, "align_order", "10", "max_align_order");
	qt_end(&t);
}

/* Or the base that the program gave would be dropped without a word. */
static void test_base_of_a_mapped_region_needs_its_flag(const struct qt_param *param)
{
	static char memory[3 * 4096];
	struct quire_region_config config;
	struct qt t;

	open_empty(&t, param);
	config = unmapped(BASE, 1);
	config.addr = memory + (4096 - (uintptr_t)memory % 4096);
	refused(&t, &config, EINVAL, "base", "QUIRE_REGION_BASE");
	config.base = (uintptr_t)config.addr;
	qt_assert_ok(quire_region_add(t.q, &config, NULL));
	qt_end(&t);
}

static void test_zones_flags_and_structures(const struct qt_param *param)
{
	struct {
		struct quire_region_config config;
		char tail[64];
	} large;
	struct quire_region_config config;
	struct qt t;

	open_empty(&t, param);
	config = unmapped(BASE, 4);
	config.zone = 2;
	refused(&t, &config, EINVAL, "zone", "2", "max_zones");
	config = unmapped(BASE, 4);
	config.flags = UINT32_C(1) << 20;
	refused(&t, &config, EINVAL, "flags", "0x100000");
	config = unmapped(BASE, 4);
	config.size = 4;
	refused(&t, &config, EINVAL, "size", "4", "_init");
	memset(&large, 0, sizeof(large));
	large.config = unmapped(BASE, 4);
	large.config.size = sizeof(large);
	large.tail[63] = 1;
	refused(&t, &large.config, E2BIG, "newer");
	large.tail[63] = 0;
	qt_assert_ok(quire_region_add(t.q, &large.config, NULL));
	qt_end(&t);
}

static void test_null_arguments(const struct qt_param *param)
{
	struct quire_region_config config = unmapped(BASE, 4);
	struct quire_region_info info = { .size = sizeof(info) };
	struct quire_region region;
	struct qt t;

	open_empty(&t, param);
	qt_assert_err(quire_region_add(t.q, NULL, &region), EINVAL);
	qt_assert_err(quire_region_add(NULL, &config, &region), EINVAL);
	qt_assert_ok(quire_region_add(t.q, &config, &region));
	qt_assert_err(quire_region_info_get(t.q, region, NULL), EINVAL);
	qt_assert_err(quire_region_info_get(NULL, region, &info), EINVAL);
	info.size = 0;
	qt_assert_err(quire_region_info_get(t.q, region, &info), EINVAL);
	info.size = sizeof(info);
	qt_assert_err(quire_region_info_get(t.q, (struct quire_region){ 0 }, &info), ENOENT);
	qt_assert_err(quire_region_info_get(t.q, (struct quire_region){ 2 }, &info), ENOENT);
	qt_assert_err(quire_region_info_get(t.q, (struct quire_region){ UINT32_MAX }, &info),
		      ENOENT);
	qt_end(&t);
}

static void overlap(struct qt *t, uint64_t base, uint64_t pages, uint32_t zone, bool refuse)
{
	struct quire_region_config config = unmapped(base, pages);

	config.zone = zone;
	if (!refuse) {
		qt_assert_ok(quire_region_add(t->q, &config, NULL));
		return;
	}
	qt_assert_err(quire_region_add(t->q, &config, NULL), EEXIST);
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, "overlap");
}

/* Bases are compared within one zone: two zones may be two address spaces. */
static void test_overlapping_bases(const struct qt_param *param)
{
	struct qt t;

	open_empty(&t, param);
	overlap(&t, BASE, 100, 0, false);
	overlap(&t, BASE, 100, 0, true);
	overlap(&t, BASE + (99 << 12), 10, 0, true);
	overlap(&t, BASE - (9 << 12), 10, 0, true);
	overlap(&t, BASE - (9 << 12), 200, 0, true);
	overlap(&t, BASE + (50 << 12), 1, 0, true);
	assert_int_equal(qt_stats(t.q).managed, 100);
	overlap(&t, BASE + (100 << 12), 10, 0, false);
	overlap(&t, BASE - (9 << 12), 9, 0, false);
	overlap(&t, BASE, 100, 1, false);
	qt_end(&t);
}

static void test_overlapping_mapped_memory(const struct qt_param *param)
{
	struct quire_region_config config;
	struct qt t;

	open_empty(&t, param);
	qt_add_mapped(&t, 0, 64);
	quire_region_config_init(&config);
	config.addr = (char *)t.info[0].addr + 63 * 4096;
	config.bytes = 4096;
	qt_assert_err(quire_region_add(t.q, &config, NULL), EEXIST);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "overlap");
	/* Another zone and another base do not make it other memory. */
	config.zone = 1;
	config.base = BASE;
	config.flags = QUIRE_REGION_BASE;
	qt_assert_err(quire_region_add(t.q, &config, NULL), EEXIST);
	qt_end(&t);
}

static void test_max_regions_used_up(const struct qt_param *param)
{
	struct quire_region_config config;
	struct qt t;

	open_empty(&t, param);
	for (unsigned int i = 0; i < 4; i++)
		qt_add_unmapped(&t, 0, BASE * (i + 1), 10);
	config = unmapped(BASE * 9, 10);
	qt_assert_err(quire_region_add(t.q, &config, NULL), ENOSPC);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "max_regions", "4");
	assert_int_equal(qt_stats(t.q).managed, 40);
	qt_end(&t);
}

static void test_max_pages_used_up(const struct qt_param *param)
{
	struct quire_region_config config;
	struct qt t;

	open_empty(&t, param);
	qt_add_unmapped(&t, 0, BASE, 4000);
	config = unmapped(BASE * 9, 97);
	qt_assert_err(quire_region_add(t.q, &config, NULL), ENOSPC);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "max_pages", "4096", "97");
	config = unmapped(BASE * 9, 96);
	qt_assert_ok(quire_region_add(t.q, &config, NULL));
	assert_int_equal(qt_stats(t.q).managed, 4096);
	qt_end(&t);
}

/* Whatever max_regions and alignment were promised, they can be had in full. */
static void test_promised_regions_fit(const struct qt_param *param)
{
	for (uint32_t align = 9; align <= 18; align += 3) {
		struct qt t;

		qt_begin(&t, param);
		t.config.max_regions = 5;
		t.config.max_pages = 5 * 700;
		t.config.max_align_order = align;
		qt_create(&t);
		for (uint32_t i = 0; i < 5; i++) {
			struct quire_region_config config =
				unmapped(BASE * (i + 1) + (i * 511 << 12), 700);

			config.align_order = i % 2 ? align : 9;
			qt_assert_ok(quire_region_add(t.q, &config, NULL));
		}
		assert_int_equal(qt_stats(t.q).managed, 3500);
		qt_end(&t);
	}
}

static void test_removal_is_not_there_yet(const struct qt_param *param)
{
	struct qt t;

	open_empty(&t, param);
	qt_add_unmapped(&t, 0, BASE, 10);
	qt_assert_err(quire_region_remove(t.q, t.region[0]), EOPNOTSUPP);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "version");
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(sizes),
		QT_TEST(alignment),
		QT_TEST(base_of_a_mapped_region_needs_its_flag),
		QT_TEST(zones_flags_and_structures),
		QT_TEST(null_arguments),
		QT_TEST(overlapping_bases),
		QT_TEST(overlapping_mapped_memory),
		QT_TEST(max_regions_used_up),
		QT_TEST(max_pages_used_up),
		QT_TEST(promised_regions_fit),
		QT_TEST(removal_is_not_there_yet),
	};

	return QT_RUN_CACHES(tests);
}
