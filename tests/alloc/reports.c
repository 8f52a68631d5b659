/* SPDX-License-Identifier: MIT */
/*
 * What a report's callback may do: use the instance, whose pages are all where they can be had. A
 * call that has pages in hand when it finds out that it must refuse something gives them back, or
 * on, before it reports; and it reports once.
 */
#include "alloc/instance.h"
#include "test.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum {
	MOST_PAGES = 8000, /* of 16 pageblocks */
	SECONDS = 20, /* until something does not happen any more */
};

/* An instance whose callback allocates, and what became of that. */
struct scene {
	struct qt t;
	struct quire *q;
	unsigned int nr_calls; /* of the callback */
	int alloc_err, free_err; /* of one page */
	size_t nr_got; /* of as many as there are */
	size_t nr_freed;
	/* the call */
	size_t n;
	quire_gfp gfp;
	size_t done;
	int add_err; /* of the region that is added meanwhile */
};

static void ask_for_pages(void *context, const struct quire_report *report)
{
	static uint32_t pfns[MOST_PAGES + 2];
	struct scene *s = context;
	uint32_t pfn;

	qt_report(&s->t.reports, report);
	if (s->nr_calls++ > 0) /* what it does itself would be reported for ever */
		return;
	s->alloc_err = quire_alloc_pfn_err(s->q, 0, 0, &pfn);
	s->free_err = s->alloc_err == 0 ? quire_free_pfn(s->q, pfn) : -1;
	s->nr_got = quire_alloc_bulk_pfn(s->q, 0, 0, MOST_PAGES + 2, pfns);
	s->nr_freed = quire_free_bulk_pfn(s->q, s->nr_got, pfns);
}

static void begin(struct scene *s, const struct qt_param *param, uint64_t nr_pages)
{
	memset(s, 0, sizeof(*s));
	qt_begin(&s->t, param);
	s->t.config.max_pages = nr_pages;
	s->t.config.nr_stash = UINT32_MAX; /* where a page could be had in spite of all */
	s->t.config.report = ask_for_pages;
	s->t.config.report_context = s;
}

/* The callback was called once, and has had all pages that were anybody's but the caller's. */
static void assert_served(const struct scene *s, size_t all)
{
	assert_int_equal(s->nr_calls, 1);
	qt_assert_ok(s->alloc_err);
	qt_assert_ok(s->free_err);
	assert_int_equal(s->nr_got, all);
	assert_int_equal(s->nr_freed, all);
}

/* Nothing is held, and each page can be had. */
static void assert_nothing_lost(const struct scene *s, size_t all)
{
	static uint32_t pfns[MOST_PAGES + 2];

	qt_assert_sound(s->q, 0);
	assert_int_equal(quire_alloc_bulk_pfn(s->q, 0, 0, all + 1, pfns), all);
	assert_int_equal(quire_free_bulk_pfn(s->q, all, pfns), all);
}

/* ---- Allocations that are refused with pages in hand ---- */

static void *alloc_one(void *argument)
{
	struct scene *s = argument;

	s->done = quire_alloc(s->q, s->gfp, 0) != NULL;
	return NULL;
}

static void *alloc_bulk(void *argument)
{
	static void *pages[MOST_PAGES];
	struct scene *s = argument;

	s->done = quire_alloc_bulk(s->q, s->gfp, 0, s->n, pages);
	return NULL;
}

static void *alloc_zeroed(void *argument)
{
	static uint32_t pfns[MOST_PAGES];
	struct scene *s = argument;

	s->done = quire_alloc_bulk_pfn(s->q, s->gfp | QUIRE_ZERO, 0, s->n, pfns);
	return NULL;
}

static void *fill(void *argument)
{
	static void *pages[MOST_PAGES];
	struct scene *s = argument;

	s->done = quire_fill(s->q, s->gfp, s->n, pages);
	return NULL;
}

/* Somebody sleeps at the lock, which we hold. */
static bool wait_until_wanted(struct qp_lock *lock)
{
	for (int i = 0; i < SECONDS * 1000 && atomic_load(&lock->word) != 2; i++)
		usleep(1000);
	return atomic_load(&lock->word) == 2;
}

/* In a thread that holds no lock: adding takes one that comes before the zone's. */
static void *add_unmapped(void *argument)
{
	struct quire_region_config config;
	struct scene *s = argument;

	quire_region_config_init(&config);
	config.base = UINT64_C(1) << 40;
	config.bytes = UINT64_C(1) << s->t.config.page_shift;
	config.zone = 1;
	s->add_err = quire_region_add(s->q, &config, NULL);
	return NULL;
}

/*
 * While the call waits for the zone, a region is added whose pages have no address: no pointer can
 * be made of them, which the call finds out when it has taken what it wanted.
 */
static void add_unmapped_amid(struct scene *s, void *(*call)(void *))
{
	struct qi_zone *home;
	pthread_t thread, adder;
	bool wanted;

	home = &s->q->space.zones[0];
	qi_zone_lock(&s->q->space, home);
	assert_int_equal(pthread_create(&thread, NULL, call, s), 0);
	wanted = wait_until_wanted(&home->lock);
	assert_int_equal(pthread_create(&adder, NULL, add_unmapped, s), 0);
	pthread_join(adder, NULL);
	qi_zone_unlock(&s->q->space, home);
	pthread_join(thread, NULL);
	assert_true(wanted);
	qt_assert_ok(s->add_err);
}

static void refuse_amid(const struct qt_param *param, void *(*call)(void *), quire_gfp gfp,
			size_t n)
{
	static struct scene s;

	begin(&s, param, n + 1);
	s.t.config.max_regions = 2;
	s.t.config.max_zones = 2;
	s.gfp = gfp;
	s.n = n;
	qt_create(&s.t);
	s.q = s.t.q;
	qt_add_mapped(&s.t, 0, n);
	add_unmapped_amid(&s, call);
	assert_int_equal(s.done, 0);
	assert_served(&s, n + 1);
	assert_int_equal(qt_stats(s.q).bad_calls, 1);
	qt_assert_report(&s.t.reports, QUIRE_REPORT_BAD_CALL, "no CPU mapping");
	assert_nothing_lost(&s, n + 1);
	qt_end(&s.t);
}

static void test_one_page_refused_when_taken(const struct qt_param *param)
{
	refuse_amid(param, alloc_one, 0, 1);
}

static void test_pages_refused_when_taken(const struct qt_param *param)
{
	refuse_amid(param, alloc_bulk, 0, 2);
	refuse_amid(param, alloc_bulk, 0, 64);
	refuse_amid(param, alloc_bulk, 0, 200);
	refuse_amid(param, alloc_zeroed, 0, 200);
	refuse_amid(param, fill, 0, 200);
}

static void test_pageblocks_refused_when_taken(const struct qt_param *param)
{
	refuse_amid(param, alloc_bulk, 0, 512);
	refuse_amid(param, alloc_bulk, 0, MOST_PAGES);
	refuse_amid(param, alloc_zeroed, 0, MOST_PAGES);
	refuse_amid(param, fill, 0, MOST_PAGES);
}

static void test_all_or_nothing_refused_when_taken(const struct qt_param *param)
{
	refuse_amid(param, alloc_bulk, QUIRE_ALL, 64);
	refuse_amid(param, alloc_bulk, QUIRE_ALL, 200);
	refuse_amid(param, alloc_zeroed, QUIRE_ALL, 200);
}

/* ---- Frees that refuse one of their slots ---- */

/* All pages there are, as they were allocated; in each form. */
struct array {
	void *pages[MOST_PAGES];
	uint32_t pfns[MOST_PAGES];
	uint64_t offsets[MOST_PAGES];
};

static size_t free_pages(const struct scene *s, const struct array *a)
{
	return quire_free_bulk(s->q, s->n, a->pages);
}

static size_t free_pages_round(const struct scene *s, const struct array *a)
{
	return quire_free_bulk_round(s->q, s->n, a->pages);
}

static size_t free_pfns(const struct scene *s, const struct array *a)
{
	return quire_free_bulk_pfn(s->q, s->n, a->pfns);
}

static size_t free_offsets(const struct scene *s, const struct array *a)
{
	return quire_free_bulk_offset(s->q, s->t.region[0], s->n, a->offsets);
}

static size_t free_offsets_round(const struct scene *s, const struct array *a)
{
	return quire_free_bulk_offset_round(s->q, s->t.region[0], s->n, a->offsets);
}

static void open_taken(struct scene *s, const struct qt_param *param, size_t n, struct array *a)
{
	begin(s, param, n);
	s->n = n;
	qt_create(&s->t);
	s->q = s->t.q;
	qt_add_mapped(&s->t, 0, n);
	assert_int_equal(quire_alloc_bulk_pfn(s->q, 0, 0, n, a->pfns), n);
}

static void fill_in(const struct scene *s, struct array *a)
{
	for (size_t i = 0; i < s->n; i++) {
		a->pages[i] = quire_pfn_to_page(s->q, a->pfns[i]);
		a->offsets[i] = quire_pfn_to_offset(s->q, a->pfns[i], NULL);
	}
}

/*
 * The callback could have all pages of the slots before the wrong one, and the rest were freed
 * after it. left: the page that is in no slot.
 */
static void assert_one_refused(struct scene *s, size_t freed, size_t slot, uint32_t left,
			       const char *text)
{
	assert_int_equal(freed, s->n - 1);
	assert_served(s, slot);
	assert_int_equal(qt_stats(s->q).bad_frees, 1);
	qt_assert_report(&s->t.reports, QUIRE_REPORT_BAD_FREE, text);
	qt_assert_sound(s->q, 1);
	qt_assert_ok(quire_free_pfn(s->q, left));
	assert_nothing_lost(s, s->n);
	qt_end(&s->t);
}

static void free_twice(const struct qt_param *param, size_t n, size_t slot,
		       size_t (*free_all)(const struct scene *s, const struct array *a))
{
	static struct scene s;
	static struct array a;
	uint32_t left;

	open_taken(&s, param, n, &a);
	left = a.pfns[slot];
	a.pfns[slot] = a.pfns[0];
	fill_in(&s, &a);
	assert_one_refused(&s, free_all(&s, &a), slot, left, "free already");
}

/* Without a check nobody knows what is held. */
static bool checked(const struct qt_param *param)
{
	return param->check != QUIRE_CHECK_OFF;
}

static void test_batch_with_a_page_twice(const struct qt_param *param)
{
	if (!checked(param))
		return;
	free_twice(param, 64, 63, free_pages);
	free_twice(param, 64, 63, free_pages_round);
	free_twice(param, 64, 63, free_pfns);
	free_twice(param, 64, 63, free_offsets);
	free_twice(param, 64, 63, free_offsets_round);
	free_twice(param, 64, 1, free_pages);
	free_twice(param, 2, 1, free_pfns);
	free_twice(param, 7, 6, free_offsets);
}

static void test_batches_with_a_page_twice(const struct qt_param *param)
{
	if (!checked(param))
		return;
	free_twice(param, 65, 64, free_pages);
	free_twice(param, 200, 191, free_pfns);
	free_twice(param, 200, 70, free_offsets);
	free_twice(param, MOST_PAGES, MOST_PAGES - 1, free_pages);
	free_twice(param, MOST_PAGES, 600, free_pfns);
}

/* A pfn of no region is known for one however little is checked. */
static void free_foreign(const struct qt_param *param, size_t n, size_t slot)
{
	static struct scene s;
	static struct array a;
	uint32_t left;

	open_taken(&s, param, n, &a);
	left = a.pfns[slot];
	a.pfns[slot] = QUIRE_NO_PFN - 5;
	assert_one_refused(&s, free_pfns(&s, &a), slot, left, "in no region");
}

static void test_batch_with_a_foreign_page(const struct qt_param *param)
{
	free_foreign(param, 64, 63);
	free_foreign(param, 64, 1);
	free_foreign(param, 200, 191);
	free_foreign(param, MOST_PAGES, MOST_PAGES - 1);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(one_page_refused_when_taken),	QT_TEST(pages_refused_when_taken),
		QT_TEST(pageblocks_refused_when_taken), QT_TEST(all_or_nothing_refused_when_taken),
		QT_TEST(batch_with_a_page_twice),	QT_TEST(batches_with_a_page_twice),
		QT_TEST(batch_with_a_foreign_page),
	};

	return QT_RUN(tests);
}
