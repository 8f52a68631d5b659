/* SPDX-License-Identifier: MIT */
/*
 * A region is added while others allocate, between any two of their steps: the offset form gives pages of
 * the region asked for, the pointer form and QUIRE_ZERO those of mapped ones, as if the call had been made
 * wholly before or wholly after.
 */
#include "stall.h"
#include "sanitizer.h"
#include "test.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

enum {
	NR_FIRST = 200, /* pages of the first region, and all there are at first */
	NR_SECOND = 1500,
	NR_SLOTS = 1024, /* asked for: more than the first has, by way of several batches */
	SLOT_PAGES = 4, /* memory pages that the array has room for, after the one that is closed */
};

static const uint64_t second_base = UINT64_C(1) << 50;

struct asker {
	struct qt *t;
	size_t (*ask)(struct asker *a);
	quire_gfp gfp;
	void *slots; /* begins where the thread is stopped: at its first write */
	size_t got;
};

static void open_first(struct qt *t, const struct qt_param *param)
{
	qt_begin(t, param);
	t->config.max_pages = NR_FIRST + NR_SECOND;
	t->config.max_regions = 2;
	t->config.max_zones = 1;
	qt_create(t);
	qt_add_mapped(t, 0, NR_FIRST);
}

static void add_second(struct qt *t)
{
	qt_add_unmapped(t, 0, second_base, NR_SECOND);
}

static bool in_first(const struct qt *t, uint32_t pfn)
{
	return pfn - t->info[0].first_pfn < NR_FIRST;
}

static void *ask(void *argument)
{
	struct asker *a = argument;

	a->got = a->ask(a);
	return NULL;
}

/* The second region appears when the asker has its first pages and writes the first slot. */
static void ask_meanwhile(struct asker *a)
{
	pthread_t thread;

	a->slots = mmap(NULL, (size_t)SLOT_PAGES * 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(a->slots, MAP_FAILED);
	memset(a->slots, 0xff, (size_t)SLOT_PAGES * 4096); /* all holes, as pfns and offsets */
	qt_stall_arm(a->slots, true);
	assert_int_equal(pthread_create(&thread, NULL, ask, a), 0);
	assert_true(qt_stall_wait());
	add_second(a->t);
	qt_stall_end();
	pthread_join(thread, NULL);
}

static void end(struct asker *a)
{
	munmap(a->slots, (size_t)SLOT_PAGES * 4096);
	qt_end(a->t);
}

/* ---- Offsets ---- */

static size_t ask_offsets(struct asker *a)
{
	return quire_alloc_bulk_offset(a->t->q, a->t->region[0], a->gfp, 0, SLOT_PAGES * 512,
				       a->slots);
}

static size_t fill_offsets(struct asker *a)
{
	return quire_fill_offset(a->t->q, a->t->region[0], a->gfp, SLOT_PAGES * 512, a->slots);
}

static void check_offsets(const struct qt_param *param, size_t (*how)(struct asker *a),
			  quire_gfp gfp)
{
	struct qt t;
	struct asker a = { .t = &t, .ask = how, .gfp = gfp };
	const uint64_t *offsets;

	open_first(&t, param);
	ask_meanwhile(&a);
	offsets = a.slots;
	assert_true(a.got > 0 && a.got <= NR_FIRST);
	for (size_t i = 0; i < a.got; i++)
		assert_true(offsets[i] < (uint64_t)NR_FIRST << 12);
	qt_assert_sound(t.q, a.got);
	assert_int_equal(quire_free_bulk_offset(t.q, t.region[0], a.got, offsets), a.got);
	qt_assert_no_report(&t.reports);
	end(&a);
}

static void test_offsets_lie_in_their_region(const struct qt_param *param)
{
	check_offsets(param, ask_offsets, 0);
	check_offsets(param, ask_offsets, QUIRE_NORETRY);
	check_offsets(param, ask_offsets, QUIRE_ZERO);
	check_offsets(param, fill_offsets, 0);
}

/* ---- Pointers ---- */

static size_t ask_pages(struct asker *a)
{
	return quire_alloc_bulk(a->t->q, a->gfp, 0, NR_SLOTS, a->slots);
}

static void check_pages(const struct qt_param *param, quire_gfp gfp)
{
	struct qt t;
	struct asker a = { .t = &t, .ask = ask_pages, .gfp = gfp };
	void *page = &t;
	void **pages;

	open_first(&t, param);
	ask_meanwhile(&a);
	pages = a.slots;
	assert_true(a.got <= NR_FIRST);
	for (size_t i = 0; i < a.got; i++)
		assert_true(in_first(&t, quire_page_to_pfn(t.q, pages[i])));
	qt_assert_sound(t.q, a.got);
	qt_reports_clear(&t.reports);
	qt_assert_err(quire_alloc_err(t.q, 0, 0, &page), EFAULT);
	assert_ptr_equal(page, &t);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "mapping");
	assert_int_equal(quire_alloc_bulk(t.q, gfp, 0, 2, (void *[2]){ NULL, NULL }), 0);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "mapping");
	assert_int_equal(quire_free_bulk(t.q, a.got, pages), a.got);
	end(&a);
}

static void test_pointers_are_to_mapped_pages(const struct qt_param *param)
{
	check_pages(param, 0);
	check_pages(param, QUIRE_NORETRY);
	check_pages(param, QUIRE_ATOMIC);
	check_pages(param, QUIRE_ZERO);
}

/* ---- Zeroing ---- */

static size_t ask_zeroed(struct asker *a)
{
	return quire_alloc_bulk_pfn(a->t->q, a->gfp | QUIRE_ZERO, 0, NR_SLOTS, a->slots);
}

static size_t fill_zeroed(struct asker *a)
{
	return quire_fill_pfn(a->t->q, a->gfp | QUIRE_ZERO, NR_SLOTS, a->slots);
}

static void check_zeroed(const struct qt_param *param, size_t (*how)(struct asker *a))
{
	struct qt t;
	struct asker a = { .t = &t, .ask = how };
	const uint32_t *pfns;

	open_first(&t, param);
	ask_meanwhile(&a);
	pfns = a.slots;
	assert_true(a.got <= NR_FIRST);
	for (size_t i = 0; i < a.got; i++)
		assert_true(in_first(&t, pfns[i]));
	qt_assert_sound(t.q, a.got);
	assert_int_equal(quire_free_bulk_pfn(t.q, a.got, pfns), a.got);
	end(&a);
}

static void test_zeroed_pages_are_mapped(const struct qt_param *param)
{
	check_zeroed(param, ask_zeroed);
	check_zeroed(param, fill_zeroed);
}

/* ---- Single calls: a race, as there is no array to stop them at ---- */

enum {
	INSTANCES = 100 / (int)QT_SLOWER + 5,
};

struct racer {
	struct quire *q;
	atomic_bool ready;
	atomic_bool added;
	atomic_uint wrong; /* pages of the second region, as pointers or as the first's offsets */
};

static void *allocate_singly(void *argument)
{
	struct racer *r = argument;
	struct quire_region first = { 1 };
	int rounds_after = 0;

	atomic_store(&r->ready, true);
	while (rounds_after < 3) {
		rounds_after += atomic_load(&r->added);
		if (quire_alloc(r->q, 0, 0) != NULL)
			atomic_fetch_add(&r->wrong, 1);
		if (quire_alloc_offset(r->q, first, 0, 0) != QUIRE_NO_OFFSET)
			atomic_fetch_add(&r->wrong, 1);
		if (quire_alloc_pfn(r->q, QUIRE_NORETRY | QUIRE_ZERO, 0) != QUIRE_NO_PFN)
			atomic_fetch_add(&r->wrong, 1);
	}
	return NULL;
}

static void race_once(const struct qt_param *param)
{
	struct racer r = { 0 };
	void *pages[NR_FIRST];
	pthread_t thread;
	struct qt t;

	open_first(&t, param);
	assert_int_equal(quire_alloc_bulk(t.q, 0, 0, NR_FIRST, pages), NR_FIRST);
	r.q = t.q;
	assert_int_equal(pthread_create(&thread, NULL, allocate_singly, &r), 0);
	while (!atomic_load(&r.ready))
		;
	add_second(&t);
	atomic_store(&r.added, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&r.wrong), 0);
	qt_assert_sound(t.q, NR_FIRST);
	assert_int_equal(quire_free_bulk(t.q, NR_FIRST, pages), NR_FIRST);
	qt_end(&t);
}

static void test_single_calls_alone(const struct qt_param *param)
{
	for (int i = 0; i < INSTANCES; i++)
		race_once(param);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(single_calls_alone),
		QT_TEST(offsets_lie_in_their_region),
		QT_TEST(pointers_are_to_mapped_pages),
		QT_TEST(zeroed_pages_are_mapped),
	};

	return QT_RUN(tests);
}
