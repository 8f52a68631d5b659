/* SPDX-License-Identifier: MIT */
/* An instance from creation to its end: destroy, twins, flags, held blocks, words. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#define NR_PAGES 2048u

static void test_destroy_refuses_while_pages_are_out(const struct qt_param *param)
{
	uint32_t pfns[37];
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 37, pfns), 37);
	qt_assert_err(quire_destroy(t.q), EBUSY);
	assert_int_equal(t.reports.last.error, -QUIRE_EBUSY);
	assert_string_equal(t.reports.call, "quire_destroy");
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "37");
	/* It goes on as before. */
	assert_int_equal(quire_free_bulk_pfn(t.q, 37, pfns), 37);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 37, pfns), 37);
	assert_int_equal(quire_free_bulk_pfn(t.q, 37, pfns), 37);
	qt_end(&t);
}

static void test_destroy_of_null_is_nothing(const struct qt_param *param)
{
	(void)param;
	qt_assert_ok(quire_destroy(NULL));
}

static void test_instance_without_regions(const struct qt_param *param)
{
	uint32_t pfn = 7;
	struct qt t;

	qt_begin(&t, param);
	qt_create(&t);
	qt_assert_err(quire_alloc_pfn_err(t.q, 0, 0, &pfn), ENOMEM);
	qt_assert_err(quire_alloc_pfn_err(t.q, QUIRE_ATOMIC, 0, &pfn), ENOMEM);
	qt_assert_err(quire_alloc_pfn_err(t.q, 0, 18, &pfn), ENOMEM);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 1, &pfn), 0);
	assert_int_equal(pfn, 7);
	assert_int_equal(quire_drain(t.q, QUIRE_ALL_CPUS, 0), 0);
	qt_end(&t);
}

/* One page is an instance too: its lists are bypassed, so that nothing hides in them. */
static void test_smallest_instances(const struct qt_param *param)
{
	for (uint32_t nr = 1; nr <= 9; nr++) {
		uint32_t pfns[10];
		struct qt t;

		qt_open_unmapped(&t, param, nr);
		for (int round = 0; round < 20; round++) {
			assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 10, pfns), nr);
			assert_int_equal(quire_alloc_pfn(t.q, 0, 0), QUIRE_NO_PFN);
			for (uint32_t i = 0; i < nr; i++)
				qt_assert_ok(quire_free_pfn(t.q, pfns[i]));
		}
		assert_int_equal(qt_info(t.q).high, 0);
		qt_end(&t);
	}
}

static void test_twins_agree(const struct qt_param *param)
{
	struct qt t;
	void *page = NULL;
	uint32_t pfn = QUIRE_NO_PFN;
	uint64_t offset = QUIRE_NO_OFFSET;

	qt_open_mapped(&t, param, NR_PAGES);
	for (unsigned int order = 0; order < 3; order++) {
		qt_assert_ok(quire_alloc_err(t.q, 0, order, &page));
		qt_assert_ok(quire_alloc_pfn_err(t.q, 0, order, &pfn));
		qt_assert_ok(quire_alloc_offset_err(t.q, t.region[0], 0, order, &offset));
		assert_int_not_equal(quire_page_to_pfn(t.q, page), QUIRE_NO_PFN);
		assert_non_null(quire_pfn_to_page(t.q, pfn));
		qt_assert_sound(t.q, UINT64_C(3) << order);
		qt_assert_ok(quire_free(t.q, page));
		qt_assert_ok(quire_free_pfn(t.q, pfn));
		qt_assert_ok(quire_free_offset(t.q, t.region[0], offset));
	}
	qt_end(&t);
}

static void test_twins_leave_outputs_on_failure(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES];
	struct qt t;
	void *page = &t;
	uint32_t pfn = 0x77;
	uint64_t offset = 0x88;

	qt_open_mapped(&t, param, NR_PAGES);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, pfns), NR_PAGES);
	for (unsigned int order = 0; order < 12; order += 3) {
		qt_assert_err(quire_alloc_err(t.q, 0, order, &page), ENOMEM);
		qt_assert_err(quire_alloc_pfn_err(t.q, 0, order, &pfn), ENOMEM);
		qt_assert_err(quire_alloc_offset_err(t.q, t.region[0], 0, order, &offset), ENOMEM);
		assert_null(quire_alloc(t.q, 0, order));
		assert_int_equal(quire_alloc_pfn(t.q, 0, order), QUIRE_NO_PFN);
		assert_true(quire_alloc_offset(t.q, t.region[0], 0, order) == QUIRE_NO_OFFSET);
	}
	assert_ptr_equal(page, &t);
	assert_int_equal(pfn, 0x77);
	assert_int_equal(offset, 0x88);
	qt_assert_no_report(&t.reports);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, pfns), NR_PAGES);
	qt_end(&t);
}

/* Nothing is ever written into a page: what its last owner left is there still. */
static void test_pages_keep_their_contents(const struct qt_param *param)
{
	static void *pages[NR_PAGES];
	struct qt t;

	qt_begin(&t, param);
	t.config.aids = 0; /* the test reads free pages */
	t.config.max_pages = NR_PAGES;
	qt_create(&t);
	qt_add_mapped(&t, 0, NR_PAGES);
	for (uint32_t i = 0; i < NR_PAGES; i++)
		memset((char *)t.info[0].addr + 4096u * i, (int)(i % 251), 4096);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(quire_alloc_bulk(t.q, 0, 0, NR_PAGES, pages), NR_PAGES);
		assert_int_equal(quire_free_bulk(t.q, NR_PAGES, pages), NR_PAGES);
		for (uint32_t i = 0; i < NR_PAGES; i++)
			for (uint32_t b = 0; b < 4096; b += 8)
				assert_int_equal(((unsigned char *)t.info[0].addr)[4096u * i + b],
						 i % 251);
	}
	qt_end(&t);
}

struct visits {
	struct quire *q;
	uint32_t nr, last, stop_after;
	uint64_t pages;
	bool ascending, give_back;
};

static int visit(void *context, uint32_t pfn, unsigned int order)
{
	struct visits *v = context;

	v->ascending = v->ascending && (v->nr == 0 || pfn > v->last);
	v->last = pfn;
	v->nr++;
	v->pages += UINT64_C(1) << order;
	if (v->give_back)
		qt_assert_ok(quire_free_pfn(v->q, pfn));
	return v->nr == v->stop_after ? 42 : 0;
}

static void test_held_blocks_are_visited_in_order(const struct qt_param *param)
{
	struct qt t;
	struct visits v = { .ascending = true };
	uint64_t pages = 0;

	qt_open_unmapped(&t, param, NR_PAGES);
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_not_equal(quire_alloc_pfn(t.q, 0, i % 6), QUIRE_NO_PFN);
		pages += UINT64_C(1) << i % 6;
	}
	qt_assert_ok(quire_held_visit(t.q, visit, &v));
	assert_true(v.ascending);
	assert_int_equal(v.nr, 50);
	assert_int_equal(v.pages, pages);
	v = (struct visits){ .ascending = true, .stop_after = 7 };
	assert_int_equal(quire_held_visit(t.q, visit, &v), 42);
	assert_int_equal(v.nr, 7);
	v = (struct visits){ .q = t.q, .ascending = true, .give_back = true };
	qt_assert_ok(quire_held_visit(t.q, visit, &v));
	assert_int_equal(v.nr, 50);
	qt_end(&t);
}

static void test_buffer_of_the_caller(const struct qt_param *param)
{
	size_t bytes = 0;
	uint32_t pfn;
	char *buffer;
	struct qt t;

	qt_begin(&t, param);
	t.config.nr_cpus = 2;
	qt_assert_ok(quire_metadata_size(&t.config, &bytes));
	assert_true(bytes > 0);
	buffer = malloc(bytes + 64);
	assert_non_null(buffer);
	for (size_t skew = 0; skew < 64; skew += 7) {
		memset(buffer, (int)(0xff - skew), bytes + 64);
		qt_assert_ok(quire_init(&t.config, buffer + skew, bytes, &t.q));
		t.nr_regions = 0;
		qt_add_unmapped(&t, 0, 0, 4096);
		assert_true(qt_info(t.q).metadata_bytes <= bytes);
		pfn = quire_alloc_pfn(t.q, 0, 9);
		assert_int_not_equal(pfn, QUIRE_NO_PFN);
		qt_assert_err(quire_destroy(t.q), EBUSY);
		qt_assert_ok(quire_free_pfn(t.q, pfn));
		qt_end(&t);
		for (size_t b = 0; b < skew; b++)
			assert_int_equal((unsigned char)buffer[b], 0xff - skew);
		for (size_t b = skew + bytes; b < bytes + 64; b++)
			assert_int_equal((unsigned char)buffer[b], 0xff - skew);
	}
	free(buffer);
}

static void test_words_are_never_null(const struct qt_param *param)
{
	(void)param;
	for (int err = -200; err <= 200; err++) {
		assert_non_null(quire_strerror(err));
		assert_string_equal(quire_strerror(err), quire_strerror(-err));
	}
	assert_string_not_equal(quire_strerror(QUIRE_ENOMEM), quire_strerror(QUIRE_EINVAL));
	for (uint32_t i = 0; i < 300; i++) {
		assert_true(strlen(quire_cache_name(i)) > 0);
		assert_true(strlen(quire_check_name(i)) > 0);
		assert_true(strlen(quire_state_name(i)) > 0);
	}
	assert_string_equal(quire_cache_name(QUIRE_CACHE_LOCKED), "locked");
	assert_string_equal(quire_check_name(QUIRE_CHECK_STRICT), "strict");
	assert_string_equal(quire_version(), "0.1.0");
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(destroy_refuses_while_pages_are_out),
		QT_TEST(destroy_of_null_is_nothing),
		QT_TEST(instance_without_regions),
		QT_TEST(smallest_instances),
		QT_TEST(twins_agree),
		QT_TEST(twins_leave_outputs_on_failure),
		QT_TEST(pages_keep_their_contents),
		QT_TEST(held_blocks_are_visited_in_order),
		QT_TEST(buffer_of_the_caller),
		QT_TEST(words_are_never_null),
	};

	return QT_RUN(tests);
}
