/* SPDX-License-Identifier: MIT */
/*
 * How much stack calls need below their caller, by the marks they leave on one that was painted:
 * little for those that a signal handler may make, on a stack of a few KiB. Whatever state they
 * find the instance in: lists that are empty or full, a thread that is new, a zone that is locked.
 */
#include "alloc/instance.h"
#include "cpu.h"
#include "port/linux/fault.h"
#include "test.h"

#include <pthread.h>
#include <string.h>

/* What doc/semantics.md says, and room for what other compilers make of it. */
enum {
	MOST_SINGLE = 2048,
	MOST_BULK = 4096,
	MOST_WAITING = 8192,
};

enum {
	NR_PAGES = 16384,
	SINGLES = 3000, /* in a row: more than any list takes */
	FEW = 300, /* in a row: more than the stash has */
	BULK = 4000,
	PAINTED = MOST_WAITING + 4096,
	OWN = 256, /* of the function that paints; what is less than that is not told apart */
};

static const uint64_t paint = UINT64_C(0xa5a5a5a55a5a5a5a);

struct scene {
	struct qt t;
	struct quire *q;
	quire_gfp gfp;
	unsigned int form; /* page, pfn, offset */
	size_t n; /* of a bulk call, and of the array */
	size_t at; /* slot of a single call */
	void *pages[NR_PAGES];
	uint32_t pfns[NR_PAGES];
	uint64_t offsets[NR_PAGES];
	size_t depth; /* most bytes that a call needed */
	void (*work)(struct scene *s);
};

typedef void call_fn(struct scene *s);

/* Bytes below this function's frame that the call wrote to. */
static __attribute__((noinline)) size_t depth_of(struct scene *s, call_fn *call)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)15;
	volatile uint64_t *mark = (volatile uint64_t *)(here - PAINTED);

	for (; (uintptr_t)mark < here - OWN; mark++)
		*mark = paint;
	call(s);
	for (mark = (volatile uint64_t *)(here - PAINTED); (uintptr_t)mark < here - OWN; mark++)
		if (*mark != paint)
			break;
	return here - (uintptr_t)mark;
}

static void measure(struct scene *s, call_fn *call)
{
	size_t depth = depth_of(s, call);

	if (depth > s->depth)
		s->depth = depth;
}

static void *run(void *argument)
{
	struct scene *s = argument;

	s->work(s);
	return NULL;
}

/* In a thread of its own, which has never made a call before. */
static void in_thread(struct scene *s, void (*work)(struct scene *s))
{
	pthread_t thread;

	s->work = work;
	assert_int_equal(pthread_create(&thread, NULL, run, s), 0);
	pthread_join(thread, NULL);
}

/* ---- Calls, which do nothing themselves ---- */

static void alloc_single(struct scene *s)
{
	if (s->form == 0)
		s->pages[s->at] = quire_alloc(s->q, s->gfp, 0);
	else if (s->form == 1)
		s->pfns[s->at] = quire_alloc_pfn(s->q, s->gfp, 0);
	else
		s->offsets[s->at] = quire_alloc_offset(s->q, s->t.region[0], s->gfp, 0);
}

static void free_single(struct scene *s)
{
	if (s->form == 0)
		(void)quire_free(s->q, s->pages[s->at]);
	else if (s->form == 1)
		(void)quire_free_pfn(s->q, s->pfns[s->at]);
	else
		(void)quire_free_offset(s->q, s->t.region[0], s->offsets[s->at]);
}

static void alloc_bulk(struct scene *s)
{
	if (s->form == 0)
		s->n = quire_alloc_bulk(s->q, s->gfp, 0, s->n, s->pages);
	else if (s->form == 1)
		s->n = quire_alloc_bulk_pfn(s->q, s->gfp, 0, s->n, s->pfns);
	else
		s->n = quire_alloc_bulk_offset(s->q, s->t.region[0], s->gfp, 0, s->n, s->offsets);
}

static void free_bulk(struct scene *s)
{
	if (s->form == 0)
		(void)quire_free_bulk(s->q, s->n, s->pages);
	else if (s->form == 1)
		(void)quire_free_bulk_pfn(s->q, s->n, s->pfns);
	else
		(void)quire_free_bulk_offset(s->q, s->t.region[0], s->n, s->offsets);
}

static void drain(struct scene *s)
{
	quire_drain(s->q, QUIRE_ALL_CPUS, 0);
}

static void age(struct scene *s)
{
	quire_age(s->q);
}

static void limit(struct scene *s)
{
	(void)quire_lists_limit(s->q, (uint32_t)s->n, 0);
}

/* ---- Threads ---- */

static void alloc_singles(struct scene *s)
{
	for (s->at = 0; s->at < s->n; s->at++)
		measure(s, alloc_single);
}

/* Every 7th slot, all in the end: pages that do not lie beside each other. */
static void free_singles(struct scene *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->at = i * 7 % s->n;
		measure(s, free_single);
	}
}

static void free_singles_in_order(struct scene *s)
{
	for (s->at = 0; s->at < s->n; s->at++)
		measure(s, free_single);
}

static void alloc_and_free_bulk(struct scene *s)
{
	for (int i = 0; i < 3; i++) {
		measure(s, alloc_bulk);
		measure(s, free_bulk);
	}
}

static void free_few(struct scene *s)
{
	for (s->at = 0; s->at < FEW; s->at++)
		free_single(s);
}

/* Each measured call finds pages in this CPU's list that it is to move, or must have. */
static void fence_thrice(struct scene *s)
{
	for (int i = 0; i < 3; i++) {
		s->gfp = 0;
		s->n = FEW;
		alloc_bulk(s);
		free_few(s);
		if (i == 0) {
			measure(s, drain);
			continue;
		}
		s->gfp = i == 1 ? 0 : QUIRE_ALL;
		s->n = NR_PAGES;
		measure(s, alloc_bulk);
		measure(s, free_bulk);
	}
	drain(s);
}

/* Each finds full lists; the last pass also has to ask all threads where they may run. */
static void serve_lists(struct scene *s)
{
	for (int i = 0; i < 3; i++) {
		s->n = SINGLES;
		alloc_bulk(s);
		for (s->at = 0; s->at < SINGLES; s->at++)
			free_single(s);
		if (i == 2)
			qt_cpu_bind(1);
		measure(s, age);
		measure(s, age);
		for (s->n = qt_info(s->q).high; i == 0 && s->n > 0; s->n /= 2)
			measure(s, limit);
		measure(s, limit);
	}
}

/* ---- What they find ---- */

static void open_scene(struct scene *s, const struct qt_param *param)
{
	qt_open_mapped(&s->t, param, NR_PAGES);
	s->q = s->t.q;
	s->depth = 0;
	assert_true(qt_cpu_bind(0));
}

static void close_scene(struct scene *s, const char *what, size_t most)
{
	qt_cpu_unbind();
	print_message("# %s: %zu bytes\n", what, s->depth);
	assert_true(s->depth > 0);
	if (s->depth > most)
		fail_msg("%zu bytes of stack; at most %zu are wanted", s->depth, most);
	qt_end(&s->t);
}

static struct scene scene;

static const quire_gfp hasty[] = { QUIRE_ATOMIC, QUIRE_NOWAIT, QUIRE_ATOMIC | QUIRE_ZERO };

/* From an empty list on, and back until it overflows and beyond. */
static void test_single_calls(const struct qt_param *param)
{
	struct scene *s = &scene;

	open_scene(s, param);
	for (size_t i = 0; i < 3 * sizeof(hasty) / sizeof(hasty[0]); i++) {
		s->form = (unsigned int)i % 3;
		s->gfp = hasty[i / 3];
		s->n = SINGLES;
		drain(s);
		in_thread(s, alloc_singles);
		assert_int_equal(quire_held(s->q), SINGLES);
		in_thread(s, i % 2 ? free_singles : free_singles_in_order);
		qt_assert_sound(s->q, 0);
	}
	if (param->cache->cache != QUIRE_CACHE_NONE)
		assert_true(qt_stats(s->q).overflows > 0);
	/* noirq: who may not wait passes by the lists */
	if (param->cache->cache != QUIRE_CACHE_NONE && param->cache->flags == 0)
		assert_true(qt_stats(s->q).refills > 0);
	qt_assert_no_report(&s->t.reports);
	close_scene(s, "single calls that may not wait", MOST_SINGLE);
}

/* With empty lists allocations come from the stash, or fail; with full ones frees are deferred. */
static void test_single_calls_beside_a_locked_zone(const struct qt_param *param)
{
	struct scene *s = &scene;
	struct qi_zone *zone;

	open_scene(s, param);
	zone = &s->q->space.zones[0];
	for (s->form = 0; s->form < 3; s->form++) {
		drain(s);
		s->gfp = QUIRE_ATOMIC;
		s->n = FEW;
		qi_zone_lock(&s->q->space, zone);
		in_thread(s, alloc_singles);
		qi_zone_unlock(&s->q->space, zone);
		in_thread(s, free_singles);
		s->gfp = 0;
		s->n = SINGLES;
		alloc_bulk(s);
		assert_int_equal(s->n, SINGLES);
		qi_zone_lock(&s->q->space, zone);
		in_thread(s, free_singles);
		qi_zone_unlock(&s->q->space, zone);
		qt_assert_sound(s->q, 0);
	}
	assert_true(qt_stats(s->q).stash_taken > 0);
	assert_true(qt_stats(s->q).deferred_pages > 0);
	close_scene(s, "single calls beside a locked zone", MOST_SINGLE);
}

static void test_bulk_calls(const struct qt_param *param)
{
	static const size_t sizes[] = { 2, 20, 64, 150, BULK };
	struct scene *s = &scene;

	open_scene(s, param);
	for (size_t i = 0; i < 3 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		s->form = (unsigned int)i % 3;
		s->gfp = hasty[i % 2];
		s->n = sizes[i / 3];
		drain(s);
		in_thread(s, alloc_and_free_bulk);
		assert_int_equal(s->n, sizes[i / 3]);
		qt_assert_sound(s->q, 0);
	}
	qt_assert_no_report(&s->t.reports);
	close_scene(s, "bulk calls that may not wait", MOST_BULK);
}

static void test_calls_that_may_wait(const struct qt_param *param)
{
	static const quire_gfp patient[] = { 0, QUIRE_NORETRY, QUIRE_ZERO };
	struct scene *s = &scene;

	open_scene(s, param);
	for (size_t i = 0; i < 3 * sizeof(patient) / sizeof(patient[0]); i++) {
		s->form = (unsigned int)i % 3;
		s->gfp = patient[i / 3];
		s->n = BULK;
		drain(s);
		in_thread(s, alloc_and_free_bulk);
		s->n = SINGLES;
		in_thread(s, alloc_singles);
		in_thread(s, free_singles);
		qt_assert_sound(s->q, 0);
	}
	qt_assert_no_report(&s->t.reports);
	close_scene(s, "calls that may wait, without a fence", MOST_WAITING);
}

static void test_calls_about_lists(const struct qt_param *param)
{
	struct scene *s = &scene;

	open_scene(s, param);
	s->form = 1;
	s->gfp = 0;
	in_thread(s, serve_lists);
	qt_assert_no_report(&s->t.reports);
	assert_int_equal(qt_stats(s->q).free_lists, 0);
	close_scene(s, "passes over idle lists, and limits", MOST_WAITING);
}

static int refuse_membarrier(const char *call)
{
	return strcmp(call, "membarrier") == 0;
}

/* By membarrier, and where the system refuses that. */
static void test_calls_that_fence(const struct qt_param *param)
{
	struct scene *s = &scene;

	open_scene(s, param);
	s->form = 1;
	s->gfp = 0;
	for (int visits = 0; visits < 2; visits++) {
		qp_fault_hook = visits ? refuse_membarrier : NULL;
		in_thread(s, fence_thrice);
		qp_fault_hook = NULL;
		qt_assert_sound(s->q, 0);
	}
	if (param->cache->cache != QUIRE_CACHE_NONE)
		assert_true(qt_stats(s->q).drained_pages > 0);
	close_scene(s, "calls that fence a CPU", MOST_WAITING);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(single_calls),	    QT_TEST(single_calls_beside_a_locked_zone),
		QT_TEST(bulk_calls),	    QT_TEST(calls_that_may_wait),
		QT_TEST(calls_about_lists), QT_TEST(calls_that_fence),
	};

	return QT_RUN_CACHES(tests);
}
