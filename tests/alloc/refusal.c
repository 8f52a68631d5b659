/* SPDX-License-Identifier: MIT */
/*
 * What a refused call leaves and says: outputs as they were, a report that names what the caller gave, and
 * none that goes unreported. And what must not be refused: structures of the first release's size.
 */
#include "port/linux/fault.h"
#include "test.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	NR_PAGES = 1024,
	MANY = 150, /* slots: more than two batches */
	BAD_SLOT = 100,
	/* The structures' sizes in the first release, on machines of 64 bits. */
	FIRST_CONFIG = 88,
	FIRST_REGION_CONFIG = 48,
};

/* ---- quire_create_over() ---- */

static int refuse(const char *call)
{
	(void)call;
	return 1;
}

static void test_create_over_leaves_the_handle(const struct qt_param *param)
{
	struct quire *const before = (struct quire *)(uintptr_t)0x1230;
	struct quire *q = before;
	char *memory = aligned_alloc(4096, (size_t)NR_PAGES * 4096);

	(void)param;
	assert_non_null(memory);
	assert_int_equal(quire_create_over(memory + 1, 4096, &q), -QUIRE_EINVAL);
	assert_ptr_equal(q, before);
	assert_int_equal(quire_create_over(memory, 4097, &q), -QUIRE_EINVAL);
	assert_ptr_equal(q, before);
	assert_int_equal(quire_create_over(memory, 0, &q), -QUIRE_EINVAL);
	assert_ptr_equal(q, before);
	assert_int_equal(quire_create_over(NULL, 4096, &q), -QUIRE_EINVAL);
	assert_ptr_equal(q, before);
	qp_fault_hook = refuse;
	assert_int_equal(quire_create_over(memory, 4096, &q), -QUIRE_ENOMEM);
	qp_fault_hook = NULL;
	assert_ptr_equal(q, before);
	assert_int_equal(quire_create_over(memory, 4096, NULL), -QUIRE_EINVAL);
	qt_assert_ok(quire_create_over(memory, (size_t)NR_PAGES * 4096, &q));
	assert_int_equal(qt_stats(q).managed, NR_PAGES);
	qt_assert_ok(quire_destroy(q));
	free(memory);
}

/* ---- report.address ---- */

static void assert_address(struct qt *t, uint64_t address)
{
	assert_true(t->reports.last.address == address);
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_FREE, "");
}

/* MANY held pages; the one in BAD_SLOT is freed already, and there is a hole before it. */
static void take_pages(struct qt *t, void **pages)
{
	assert_int_equal(quire_alloc_bulk(t->q, 0, 0, MANY, pages), MANY);
	qt_assert_ok(quire_free(t->q, pages[BAD_SLOT]));
	qt_assert_ok(quire_free(t->q, pages[BAD_SLOT - 1]));
	pages[BAD_SLOT - 1] = NULL;
}

static void test_bulk_frees_name_the_pointer(const struct qt_param *param)
{
	void *pages[MANY];
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	take_pages(&t, pages);
	assert_int_equal(quire_free_bulk(t.q, MANY, pages), MANY - 2);
	assert_address(&t, (uint64_t)(uintptr_t)pages[BAD_SLOT]);
	take_pages(&t, pages);
	pages[BAD_SLOT] = (char *)pages[BAD_SLOT] + 100;
	assert_int_equal(quire_free_bulk_round(t.q, MANY, pages), MANY - 2);
	assert_address(&t, (uint64_t)(uintptr_t)pages[BAD_SLOT]);
	take_pages(&t, pages);
	pages[BAD_SLOT] = &t;
	assert_int_equal(quire_free_bulk(t.q, MANY, pages), MANY - 2);
	assert_address(&t, (uint64_t)(uintptr_t)&t);
	qt_end(&t);
}

static void to_offsets(const struct qt *t, void *const *pages, uint64_t *offsets)
{
	for (int i = 0; i < MANY; i++)
		offsets[i] = pages[i] ? quire_pfn_to_offset(t->q, quire_page_to_pfn(t->q, pages[i]),
							    NULL)
				      : QUIRE_NO_OFFSET;
}

static void test_bulk_frees_name_the_offset(const struct qt_param *param)
{
	uint64_t offsets[MANY];
	void *pages[MANY];
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	take_pages(&t, pages);
	to_offsets(&t, pages, offsets);
	assert_int_equal(quire_free_bulk_offset(t.q, t.region[0], MANY, offsets), MANY - 2);
	assert_address(&t, offsets[BAD_SLOT]);
	take_pages(&t, pages);
	to_offsets(&t, pages, offsets);
	offsets[BAD_SLOT] += 256;
	assert_int_equal(quire_free_bulk_offset_round(t.q, t.region[0], MANY, offsets), MANY - 2);
	assert_address(&t, offsets[BAD_SLOT]);
	take_pages(&t, pages);
	to_offsets(&t, pages, offsets);
	offsets[BAD_SLOT] = UINT64_C(1) << 50;
	assert_int_equal(quire_free_bulk_offset(t.q, t.region[0], MANY, offsets), MANY - 2);
	assert_address(&t, UINT64_C(1) << 50);
	qt_end(&t);
}

static void test_bulk_frees_name_the_pfn(const struct qt_param *param)
{
	uint32_t pfns[MANY];
	void *pages[MANY];
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	take_pages(&t, pages);
	for (int i = 0; i < MANY; i++)
		pfns[i] = pages[i] ? quire_page_to_pfn(t.q, pages[i]) : QUIRE_NO_PFN;
	assert_int_equal(quire_free_bulk_pfn(t.q, MANY, pfns), MANY - 2);
	assert_address(&t, pfns[BAD_SLOT]);
	pfns[0] = 0xfffffff0;
	assert_int_equal(quire_free_bulk_pfn(t.q, 1, pfns), 0);
	assert_address(&t, 0xfffffff0);
	qt_end(&t);
}

/* ---- Nothing is refused in silence ---- */

static void assert_reported(struct qt *t, int actual, int err, const char *call)
{
	qt_assert_err_at(actual, err, call, __FILE__, __LINE__);
	assert_string_equal(t->reports.call, call);
	assert_int_equal(t->reports.last.error, err);
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, "");
}

static void test_null_where_a_result_goes(const struct qt_param *param)
{
	const int bad = -QUIRE_EINVAL;
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	assert_reported(&t, quire_alloc_err(t.q, 0, 0, NULL), bad, "quire_alloc_err");
	assert_reported(&t, quire_alloc_pfn_err(t.q, 0, 0, NULL), bad, "quire_alloc_pfn_err");
	assert_reported(&t, quire_alloc_offset_err(t.q, t.region[0], 0, 0, NULL), bad,
			"quire_alloc_offset_err");
	assert_reported(&t, quire_held_visit(t.q, NULL, NULL), bad, "quire_held_visit");
	assert_reported(&t, quire_stats_get(t.q, NULL), bad, "quire_stats_get");
	assert_reported(&t, quire_cpu_stats_get(t.q, 0, NULL), bad, "quire_cpu_stats_get");
	assert_reported(&t, quire_info_get(t.q, NULL), bad, "quire_info_get");
	assert_reported(&t, quire_region_info_get(t.q, t.region[0], NULL), bad,
			"quire_region_info_get");
	assert_int_equal(qt_stats(t.q).bad_calls, 8);
	qt_end(&t);
}

static void test_structures_without_a_size(const struct qt_param *param)
{
	const int bad = -QUIRE_EINVAL;
	struct quire_stats stats = { .size = 0 };
	struct quire_cpu_stats cpu = { .size = 0 };
	struct quire_info info = { .size = 0 };
	struct quire_region_info region = { .size = 0 };
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	assert_reported(&t, quire_stats_get(t.q, &stats), bad, "quire_stats_get");
	assert_reported(&t, quire_cpu_stats_get(t.q, 0, &cpu), bad, "quire_cpu_stats_get");
	assert_reported(&t, quire_info_get(t.q, &info), bad, "quire_info_get");
	assert_reported(&t, quire_region_info_get(t.q, t.region[0], &region), bad,
			"quire_region_info_get");
	qt_end(&t);
}

static void test_no_such_cpu(const struct qt_param *param)
{
	struct quire_cpu_stats cpu = { .size = sizeof(cpu) };
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	assert_reported(&t, quire_cpu_stats_get(t.q, -1, &cpu), -QUIRE_ENOENT,
			"quire_cpu_stats_get");
	assert_reported(&t, quire_cpu_stats_get(t.q, (int)qt_info(t.q).nr_cpus, &cpu),
			-QUIRE_ENOENT, "quire_cpu_stats_get");
	qt_end(&t);
}

static void test_null_for_the_size_of_metadata(const struct qt_param *param)
{
	struct qt t;

	qt_begin(&t, param);
	qt_assert_err(quire_metadata_size(&t.config, NULL), EINVAL);
	assert_string_equal(t.reports.call, "quire_metadata_size");
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "NULL");
}

/* ---- Words for any number ---- */

static void test_errors_that_are_none(const struct qt_param *param)
{
	static const int odd[] = { INT_MIN, INT_MIN + 1, INT_MAX, -131, 131, -1000, 1 };

	(void)param;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_string_equal(quire_strerror(odd[i]), "unknown error");
	assert_string_equal(quire_strerror(-QUIRE_EOWNERDEAD), quire_strerror(QUIRE_EOWNERDEAD));
	assert_string_not_equal(quire_strerror(-QUIRE_EOWNERDEAD), "unknown error");
}

/* ---- Programs built against the first release ---- */

/* The structures lie at the end of their memory, so that a read behind them is seen by sanitizers. */
static void test_structures_of_the_first_release(const struct qt_param *param)
{
	struct quire_config *config = malloc(FIRST_CONFIG);
	struct quire_region_config *region = malloc(FIRST_REGION_CONFIG);
	struct quire *q = NULL;

	assert_non_null(config);
	assert_non_null(region);
	assert_true(FIRST_CONFIG <= sizeof(*config) && FIRST_REGION_CONFIG <= sizeof(*region));
	quire_config_init_sized(config, FIRST_CONFIG, 0);
	config->max_pages = NR_PAGES;
	config->cache = config->require = param->cache->cache;
	qt_assert_ok(quire_create(config, &q));
	quire_region_config_init_sized(region, FIRST_REGION_CONFIG);
	region->bytes = (uint64_t)NR_PAGES << 12;
	qt_assert_ok(quire_region_add(q, region, NULL));
	assert_int_equal(qt_stats(q).managed, NR_PAGES);
	qt_assert_ok(quire_destroy(q));
	free(config);
	free(region);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(create_over_leaves_the_handle),
		QT_TEST(bulk_frees_name_the_pointer),
		QT_TEST(bulk_frees_name_the_offset),
		QT_TEST(bulk_frees_name_the_pfn),
		QT_TEST(null_where_a_result_goes),
		QT_TEST(structures_without_a_size),
		QT_TEST(no_such_cpu),
		QT_TEST(null_for_the_size_of_metadata),
		QT_TEST(errors_that_are_none),
		QT_TEST(structures_of_the_first_release),
	};

	return QT_RUN_CACHES(tests);
}
