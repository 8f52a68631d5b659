/* SPDX-License-Identifier: MIT */
/*
 * A fork while another thread stands in the middle of reserving, unreserving or splitting: an inheriting
 * child gets every page exactly once, reserved, held or free, though that thread does not exist there.
 */
#include "alloc/instance.h"
#include "child.h"
#include "stall.h"
#include "test.h"

#include <pthread.h>

enum {
	NR_PAGES = 32768,
	ORDER = 13,
	RANGE = 1 << ORDER, /* two memory pages of states: one of them lies wholly inside */
};

#if defined(__SANITIZE_THREAD__)
/* In the child the thread is gone, and ThreadSanitizer would have it joined there. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "report_thread_leaks=0";
}
#endif

/* Where in the range the thread stands, in pages from its start. */
static const uint32_t places[] = { 0, RANGE / 2, RANGE - 1 };

struct scene {
	struct quire *q;
	uint32_t pfn; /* of the range */
	int (*call)(struct scene *s);
	int err;
};

static int reserve(struct scene *s)
{
	return quire_reserve(s->q, s->pfn, RANGE);
}

static int unreserve(struct scene *s)
{
	return quire_unreserve(s->q, s->pfn, RANGE);
}

static int split(struct scene *s)
{
	return quire_split_pfn(s->q, s->pfn);
}

static void *make_call(void *argument)
{
	struct scene *s = argument;

	s->err = s->call(s);
	return NULL;
}

/* Fork while a thread that makes the call stands at the state of the range's page number place. */
static void fork_amid(struct scene *s, uint32_t place, int (*in_child)(void *context))
{
	pthread_t thread;
	pid_t child;

	qt_stall_arm((void *)(uintptr_t)&s->q->space.state[s->pfn + place], true);
	assert_int_equal(pthread_create(&thread, NULL, make_call, s), 0);
	assert_true(qt_stall_wait());
	child = qt_child_begin(in_child, s);
	qt_stall_end();
	pthread_join(thread, NULL);
	qt_assert_ok(s->err);
	qt_child_end(child);
}

static void open_scene(struct qt *t, const struct qt_param *param, struct scene *s)
{
	qt_begin(t, param);
	t->config.flags |= QUIRE_CONFIG_INHERIT;
	t->config.max_pages = NR_PAGES;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, NR_PAGES);
	s->q = t->q;
	s->pfn = t->info[0].first_pfn + RANGE;
}

/* All pages can be had, each of them once, and the instance can be ended. */
static int everything_is_free(struct quire *q)
{
	static uint32_t pfns[NR_PAGES + 1];
	static bool seen[NR_PAGES];

	QT_STEP(20, quire_held(q) == 0);
	QT_STEP(21, quire_alloc_bulk_pfn(q, 0, 0, NR_PAGES + 1, pfns) == NR_PAGES);
	for (uint32_t i = 0; i < NR_PAGES; i++) {
		QT_STEP(22, pfns[i] < NR_PAGES && !seen[pfns[i]]);
		seen[pfns[i]] = true;
	}
	QT_STEP(23, quire_free_bulk_pfn(q, NR_PAGES, pfns) == NR_PAGES);
	QT_STEP(24, quire_reserve(q, 0, NR_PAGES) == 0);
	QT_STEP(25, quire_unreserve(q, 0, NR_PAGES) == 0);
	QT_STEP(26, quire_destroy(q) == 0);
	return 0;
}

/* ---- Reserving ---- */

static int count_and_unreserve(void *context)
{
	struct scene *s = context;
	struct quire_stats stats = { .size = sizeof(stats) };
	uint32_t reserved = 0;

	for (uint32_t pfn = 0; pfn < NR_PAGES; pfn++)
		reserved += qi_state_get(s->q->space.state, pfn) == QI_STATE_RESERVED;
	QT_STEP(1, quire_stats_get(s->q, &stats) == 0);
	QT_STEP(2, stats.reserved == reserved);
	QT_STEP(3, stats.held == 0);
	for (uint32_t pfn = 0; pfn < NR_PAGES; pfn++)
		if (qi_state_get(s->q->space.state, pfn) == QI_STATE_RESERVED)
			QT_STEP(4, quire_unreserve(s->q, pfn, 1) == 0);
	QT_STEP(5, quire_stats_get(s->q, &stats) == 0 && stats.reserved == 0);
	return everything_is_free(s->q);
}

static void test_reserving_thread(const struct qt_param *param)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct scene s = { .call = reserve };
		struct qt t;

		open_scene(&t, param, &s);
		fork_amid(&s, places[i], count_and_unreserve);
		assert_int_equal(qt_stats(t.q).reserved, RANGE);
		qt_end(&t);
	}
}

static void test_unreserving_thread(const struct qt_param *param)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct scene s = { .call = unreserve };
		struct qt t;

		open_scene(&t, param, &s);
		qt_assert_ok(quire_reserve(t.q, s.pfn, RANGE));
		fork_amid(&s, places[i], count_and_unreserve);
		assert_int_equal(qt_stats(t.q).reserved, 0);
		qt_end(&t);
	}
}

/* ---- Splitting ---- */

/* The block is held, as one or as pages. */
static int free_what_was_split(void *context)
{
	struct scene *s = context;

	QT_STEP(1, quire_held(s->q) == RANGE);
	if (quire_order(s->q, s->pfn) == ORDER)
		QT_STEP(2, quire_free_pfn(s->q, s->pfn) == 0);
	else
		for (uint32_t i = 0; i < RANGE; i++)
			QT_STEP(3, quire_free_pfn(s->q, s->pfn + i) == 0);
	return everything_is_free(s->q);
}

static void test_splitting_thread(const struct qt_param *param)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct scene s = { .call = split };
		struct qt t;

		open_scene(&t, param, &s);
		s.pfn = quire_alloc_pfn(t.q, 0, ORDER);
		assert_int_not_equal(s.pfn, QUIRE_NO_PFN);
		fork_amid(&s, places[i], free_what_was_split);
		qt_assert_sound(t.q, RANGE);
		for (uint32_t j = 0; j < RANGE; j++)
			qt_assert_ok(quire_free_pfn(t.q, s.pfn + j));
		qt_end(&t);
	}
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(reserving_thread),
		QT_TEST(unreserving_thread),
		QT_TEST(splitting_thread),
	};

	return QT_RUN(tests);
}
