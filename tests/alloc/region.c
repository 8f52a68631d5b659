/* SPDX-License-Identifier: MIT */
/*
 * Regions: forms of a page, offsets within one region, bases, cookies, page sizes, late
 * registration.
 */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define NR_PAGES 2048u
#define FAR (UINT64_C(1) << 44)

static void test_offsets_come_from_the_region_asked_for(const struct qt_param *param)
{
	static uint64_t offsets[512];
	struct qt t;

	qt_begin(&t, param);
	qt_create(&t);
	qt_add_unmapped(&t, 0, FAR, 512);
	qt_add_unmapped(&t, 0, 2 * FAR, 300);
	qt_add_unmapped(&t, 1, 3 * FAR, 512);
	for (unsigned int i = 0; i < 3; i++) {
		size_t n = t.info[i].nr_pages;
		uint8_t seen[512] = { 0 };

		assert_int_equal(quire_alloc_bulk_offset(t.q, t.region[i], 0, 0, 512, offsets), n);
		for (size_t j = 0; j < n; j++) {
			assert_int_equal(offsets[j] % 4096, 0);
			assert_true(offsets[j] < t.info[i].bytes);
			assert_int_equal(seen[offsets[j] / 4096]++, 0);
		}
		assert_true(quire_alloc_offset(t.q, t.region[i], 0, 0) == QUIRE_NO_OFFSET);
		assert_int_equal(quire_free_bulk_offset(t.q, t.region[i], n, offsets), n);
		qt_assert_sound(t.q, 0);
	}
	qt_end(&t);
}

static void test_offset_0_is_a_page(const struct qt_param *param)
{
	static uint64_t offsets[NR_PAGES];
	struct qt t;
	bool found = false;

	qt_open_unmapped(&t, param, NR_PAGES);
	assert_int_equal(quire_alloc_bulk_offset(t.q, t.region[0], 0, 0, NR_PAGES, offsets),
			 NR_PAGES);
	for (size_t i = 0; i < NR_PAGES; i++)
		found |= offsets[i] == 0;
	assert_true(found);
	assert_int_equal(quire_free_bulk_offset(t.q, t.region[0], NR_PAGES, offsets), NR_PAGES);
	qt_end(&t);
}

static void test_fill_by_offset_stays_in_its_region(const struct qt_param *param)
{
	uint64_t offsets[200];
	struct qt t;

	qt_begin(&t, param);
	qt_create(&t);
	qt_add_unmapped(&t, 0, FAR, 100);
	qt_add_unmapped(&t, 0, 2 * FAR, 512);
	for (unsigned int i = 0; i < 200; i++)
		offsets[i] = QUIRE_NO_OFFSET;
	assert_int_equal(quire_fill_offset(t.q, t.region[0], 0, 200, offsets), 100);
	assert_int_equal(quire_fill_offset(t.q, t.region[0], 0, 200, offsets), 100);
	assert_int_equal(quire_free_bulk_offset(t.q, t.region[0], 200, offsets), 100);
	qt_end(&t);
}

static void test_forms_agree(const struct qt_param *param)
{
	struct qt t;

	qt_begin(&t, param);
	qt_create(&t);
	qt_add_mapped(&t, 0, 700);
	qt_add_mapped(&t, 1, 300);
	for (unsigned int i = 0; i < 2; i++)
		for (uint32_t p = 0; p < t.info[i].nr_pages; p++) {
			uint32_t pfn = t.info[i].first_pfn + p;
			char *page = (char *)t.info[i].addr + 4096u * p;
			struct quire_region region = { 0 };

			assert_ptr_equal(quire_pfn_to_page(t.q, pfn), page);
			assert_int_equal(quire_page_to_pfn(t.q, page), pfn);
			assert_int_equal(quire_page_to_pfn(t.q, page + 4095), pfn);
			assert_int_equal(quire_pfn_to_offset(t.q, pfn, &region), 4096u * p);
			assert_int_equal(region.id, t.region[i].id);
			assert_int_equal(quire_offset_to_pfn(t.q, region, 4096u * p + 17), pfn);
			assert_int_equal(quire_pfn_to_base(t.q, pfn), (uintptr_t)page);
		}
	qt_end(&t);
}

static void test_forms_of_no_page(const struct qt_param *param)
{
	struct quire_region none = { 0 }, wrong = { 99 };
	struct qt t;
	uint32_t end;

	qt_begin(&t, param);
	qt_create(&t);
	qt_add_mapped(&t, 0, 300);
	qt_add_unmapped(&t, 0, FAR, 300);
	end = t.info[0].first_pfn + 300;
	assert_int_equal(quire_page_to_pfn(t.q, &t), QUIRE_NO_PFN);
	assert_int_equal(quire_page_to_pfn(t.q, NULL), QUIRE_NO_PFN);
	assert_int_equal(quire_page_to_pfn(t.q, (char *)t.info[0].addr - 1), QUIRE_NO_PFN);
	assert_int_equal(quire_page_to_pfn(t.q, (char *)t.info[0].addr + 300 * 4096), QUIRE_NO_PFN);
	assert_null(quire_pfn_to_page(t.q, end));
	assert_null(quire_pfn_to_page(t.q, QUIRE_NO_PFN));
	assert_null(quire_pfn_to_page(t.q, t.info[1].first_pfn));
	assert_true(quire_pfn_to_offset(t.q, end, NULL) == QUIRE_NO_OFFSET);
	assert_true(quire_pfn_to_base(t.q, end) == QUIRE_NO_OFFSET);
	assert_true(quire_pfn_to_base(t.q, t.info[1].first_pfn + 1) == FAR + 4096);
	assert_int_equal(quire_offset_to_pfn(t.q, none, 0), QUIRE_NO_PFN);
	assert_int_equal(quire_offset_to_pfn(t.q, wrong, 0), QUIRE_NO_PFN);
	assert_int_equal(quire_offset_to_pfn(t.q, t.region[1], 300 * 4096), QUIRE_NO_PFN);
	assert_int_equal(quire_offset_to_pfn(t.q, t.region[1], QUIRE_NO_OFFSET), QUIRE_NO_PFN);
	qt_end(&t);
}

static void test_base_and_cookie_are_kept(const struct qt_param *param)
{
	struct quire_region_config config;
	struct quire_region_info info = { .size = sizeof(info) };
	struct qt t;
	uint32_t pfn;

	qt_begin(&t, param);
	qt_create(&t);
	qt_add_mapped(&t, 0, 16);
	quire_region_config_init(&config);
	config.base = UINT64_C(0xffffffff00000000);
	config.bytes = UINT64_C(0x100000) - 4096;
	config.cookie = UINT64_C(0xfeedfacecafebeef);
	qt_assert_ok(quire_region_add(t.q, &config, &t.region[1]));
	qt_assert_ok(quire_region_info_get(t.q, t.region[1], &info));
	assert_null(info.addr);
	assert_true(info.base == config.base);
	assert_true(info.bytes == config.bytes);
	assert_true(info.cookie == config.cookie);
	assert_int_equal(info.nr_pages, 255);
	pfn = quire_offset_to_pfn(t.q, t.region[1], 4096);
	assert_int_equal(pfn, info.first_pfn + 1);
	assert_true(quire_pfn_to_base(t.q, pfn) == config.base + 4096);
	qt_end(&t);
}

/* A mapped region may have a base of its own: blocks are then aligned in the space of base. */
static void test_mapped_region_with_its_own_base(const struct qt_param *param)
{
	static char memory[600 * 4096 + 4096];
	struct quire_region_config config;
	struct quire_region region;
	struct qt t;
	char *block;

	qt_begin(&t, param);
	qt_create(&t);
	quire_region_config_init(&config);
	config.addr = memory + (4096 - (uintptr_t)memory % 4096);
	config.flags = QUIRE_REGION_BASE;
	config.base = 0; /* an I/O address, for instance */
	config.bytes = 600 * 4096;
	qt_assert_ok(quire_region_add(t.q, &config, &region));
	block = quire_alloc(t.q, 0, 9);
	assert_ptr_equal(block, config.addr);
	assert_true(quire_pfn_to_base(t.q, quire_page_to_pfn(t.q, block)) == 0);
	qt_assert_ok(quire_free(t.q, block));
	qt_end(&t);
}

static void test_every_page_size(const struct qt_param *param)
{
	for (uint32_t shift = QUIRE_MIN_PAGE_SHIFT; shift <= QUIRE_MAX_PAGE_SHIFT; shift++) {
		uint64_t offsets[64];
		struct qt t;
		char *page;

		qt_begin(&t, param);
		t.config.page_shift = shift;
		t.config.max_pages = 1100;
		qt_create(&t);
		qt_add_mapped(&t, 0, 50);
		page = quire_alloc(t.q, QUIRE_ZERO, 1);
		assert_non_null(page);
		assert_int_equal((uintptr_t)page % ((uintptr_t)2 << shift), 0);
		memset(page, 1, (size_t)2 << shift);
		qt_assert_err(quire_free(t.q, page + (1u << (shift - 1))), EINVAL);
		qt_assert_ok(quire_free(t.q, page));
		qt_add_unmapped(&t, 0, FAR, 1050);
		assert_int_equal(quire_alloc_bulk_offset(t.q, t.region[1], 0, 4, 64, offsets), 64);
		for (unsigned int i = 0; i < 64; i++)
			assert_int_equal(offsets[i] % (UINT64_C(16) << shift), 0);
		assert_int_equal(quire_free_bulk_offset(t.q, t.region[1], 64, offsets), 64);
		qt_end(&t);
	}
}

struct adder {
	struct qt *t;
	atomic_bool done;
	atomic_uint failures;
	atomic_uint rounds;
};

static void *allocate_meanwhile(void *argument)
{
	struct adder *a = argument;
	uint32_t pfns[32];

	while (!atomic_load(&a->done)) {
		size_t n = quire_alloc_bulk_pfn(a->t->q, 0, 0, 32, pfns);

		if (n != 32 || quire_free_bulk_pfn(a->t->q, n, pfns) != n)
			atomic_fetch_add(&a->failures, 1);
		atomic_fetch_add(&a->rounds, 1);
	}
	return NULL;
}

static void test_added_while_others_allocate(const struct qt_param *param)
{
	static struct qt t;
	struct adder a = { .t = &t };
	pthread_t thread;

	qt_begin(&t, param);
	t.config.max_pages = QT_MAX_REGIONS * 512;
	qt_create(&t);
	qt_add_unmapped(&t, 0, FAR, 512);
	assert_int_equal(pthread_create(&thread, NULL, allocate_meanwhile, &a), 0);
	for (uint32_t i = 1; i < QT_MAX_REGIONS; i++) {
		unsigned int rounds = atomic_load(&a.rounds);

		qt_add_unmapped(&t, i % 4, FAR * (i + 1), 512);
		while (atomic_load(&a.rounds) < rounds + 50)
			sched_yield();
	}
	atomic_store(&a.done, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&a.failures), 0);
	assert_int_equal(qt_stats(t.q).managed, QT_MAX_REGIONS * 512);
	qt_end(&t);
}

static void test_create_over_is_one_mapped_region(const struct qt_param *param)
{
	static char memory[64 * 4096 + 4096];
	char *start = memory + (4096 - (uintptr_t)memory % 4096);
	struct quire *q;
	void *page;

	(void)param;
	qt_assert_ok(quire_create_over(start, 64 * 4096, &q));
	assert_int_equal(qt_stats(q).managed, 64);
	page = quire_alloc(q, 0, 0);
	assert_true((char *)page >= start && (char *)page < start + 64 * 4096);
	qt_assert_ok(quire_free(q, page));
	qt_assert_ok(quire_destroy(q));
	qt_assert_err(quire_create_over(start + 8, 64 * 4096, &q), EINVAL);
	qt_assert_err(quire_create_over(start, 4095, &q), EINVAL);
	qt_assert_err(quire_create_over(start, 0, &q), EINVAL);
	qt_assert_err(quire_create_over(NULL, 4096, &q), EINVAL);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(offsets_come_from_the_region_asked_for),
		QT_TEST(offset_0_is_a_page),
		QT_TEST(fill_by_offset_stays_in_its_region),
		QT_TEST(forms_agree),
		QT_TEST(forms_of_no_page),
		QT_TEST(base_and_cookie_are_kept),
		QT_TEST(mapped_region_with_its_own_base),
		QT_TEST(every_page_size),
		QT_TEST(added_while_others_allocate),
		QT_TEST(create_over_is_one_mapped_region),
	};

	return QT_RUN(tests);
}
