/* SPDX-License-Identifier: MIT */
/*
 * RDMA: two memory regions that only the adapter sees, each with its own key. Work requests carry
 * the address in the adapter's space and the region's key; the pfn is the request's id.
 */
#include "test.h"

#include <string.h>

#define IOVA_A UINT64_C(0x7f0000000000)
#define IOVA_B UINT64_C(0x10000)
#define KEY_A 0xa11aau
#define KEY_B 0xb22bbu
#define PAGES_A 512u
#define PAGES_B 100u

struct work_request {
	uint64_t id;
	uint64_t address;
	uint32_t length;
	uint32_t key;
};

/* use begins */
static size_t post_receives(struct quire *q, struct work_request *wr, size_t n)
{
	struct quire_region_info mr = { .size = sizeof(mr) };
	struct quire_region region;
	uint32_t pfns[64];

	n = quire_alloc_bulk_pfn(q, 0, 0, n, pfns);
	for (size_t i = 0; i < n; i++) {
		quire_pfn_to_offset(q, pfns[i], &region);
		quire_region_info_get(q, region, &mr);
		wr[i] = (struct work_request){ pfns[i], quire_pfn_to_base(q, pfns[i]), 4096,
					       (uint32_t)mr.cookie };
	}
	return n;
}
/* use ends */

static bool inside(const struct work_request *wr, uint64_t base, uint64_t pages)
{
	return wr->address >= base && wr->address + wr->length <= base + (pages << 12);
}

static void test_keys_and_no_mapping(const struct qt_param *param)
{
	static struct work_request wr[PAGES_A + PAGES_B + 64];
	struct quire_region_config region;
	size_t nr = 0, n, nr_a = 0;
	struct qt t;

	qt_begin(&t, param);
	t.config.max_pages = PAGES_A + PAGES_B;
	qt_create(&t);
	quire_region_config_init(&region);
	region.base = IOVA_A;
	region.bytes = (uint64_t)PAGES_A << 12;
	region.cookie = KEY_A;
	qt_assert_ok(quire_region_add(t.q, &region, NULL));
	region.base = IOVA_B;
	region.bytes = (uint64_t)PAGES_B << 12;
	region.cookie = KEY_B;
	qt_assert_ok(quire_region_add(t.q, &region, NULL));
	while ((n = post_receives(t.q, wr + nr, 48)) > 0)
		nr += n;
	assert_int_equal(nr, PAGES_A + PAGES_B);
	for (size_t i = 0; i < nr; i++) {
		nr_a += wr[i].key == KEY_A;
		if (wr[i].key == KEY_A)
			assert_true(inside(&wr[i], IOVA_A, PAGES_A));
		else
			assert_true(wr[i].key == KEY_B && inside(&wr[i], IOVA_B, PAGES_B));
		assert_null(quire_pfn_to_page(t.q, (uint32_t)wr[i].id));
	}
	assert_int_equal(nr_a, PAGES_A);
	for (size_t i = 0; i < nr; i++) /* completions */
		qt_assert_ok(quire_free_pfn(t.q, (uint32_t)wr[i].id));
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = { QT_TEST(keys_and_no_mapping) };

	return QT_RUN_CACHES(tests);
}
