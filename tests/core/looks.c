/* SPDX-License-Identifier: MIT */
/*
 * Looks for a free page, place after place, while others move pages: a page that went where the look had
 * been already, or that is in somebody's hand, is not called exhaustion, nor is it called busy.
 */
#include "alloc/request.h"
#include "cpu.h"
#include "test.h"

#include <pthread.h>
#include <time.h>

enum {
	NR_PAGES = 1024,
	NR_LATER = 8, /* pages of a region that is added later */
};

static const uint64_t later_base = UINT64_C(1) << 45;

static void open_instance(struct qt *t, const struct qt_param *param, uint32_t high)
{
	qt_begin(t, param);
	t->config.max_pages = NR_PAGES + NR_LATER;
	t->config.max_regions = 2;
	t->config.max_zones = 1;
	t->config.nr_cpus = 1;
	t->config.high = high;
	t->config.nr_stash = UINT32_MAX;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, NR_PAGES);
}

/* ---- What a watch counts ---- */

static void test_nothing_happened(const struct qt_param *param)
{
	struct qi_watch watch = { .most = 100 };
	struct qt t;

	open_instance(&t, param, 64);
	qi_watch_begin(t.q, &watch);
	assert_false(qi_watch_again(t.q, &watch));
	qt_end(&t);
}

static void test_a_batch_came_into_the_depot(const struct qt_param *param)
{
	struct qi_watch watch = { .most = 100 };
	uint32_t pfns[QI_SCRATCH];
	struct qi_front *front;
	struct qt t;

	open_instance(&t, param, 64);
	front = &t.q->front;
	if (front->depot->max > 0) { /* else there is none: the cache has no lists */
		assert_int_equal(qi_front_take(front, true, front->depot->batch, pfns),
				 front->depot->batch);
		qi_watch_begin(t.q, &watch);
		assert_true(qi_depot_put(front->depot, front->depot->batch, pfns));
		assert_true(qi_watch_again(t.q, &watch));
	}
	qt_end(&t);
}

static void test_a_region_was_added(const struct qt_param *param)
{
	struct qi_watch watch = { .most = 100 };
	struct qt t;

	open_instance(&t, param, 64);
	qi_watch_begin(t.q, &watch);
	qt_add_unmapped(&t, 0, later_base, NR_LATER);
	assert_true(qi_watch_again(t.q, &watch));
	qt_end(&t);
}

/* ---- The same from outside: the looker stands at a list while pages go where it has been ---- */

struct looker {
	struct quire *q;
	int err;
	uint32_t pfn;
};

static void *look(void *argument)
{
	struct looker *l = argument;

	/* Where the list is not its own, so that it has to wait for it. */
	if (qt_nr_cpus() > 1)
		(void)qt_cpu_bind(1);
	l->err = quire_alloc_pfn_err(l->q, 0, 0, &l->pfn);
	return NULL;
}

/* Time enough to come to the list; if it was not, the look finds what it should anyway. */
static void moment(void)
{
	static const struct timespec pause = { .tv_nsec = 20000000 };

	nanosleep(&pause, NULL);
}

/* Has the lists while the test goes on, which takes other locks meanwhile: so a thread of its own. */
struct holder {
	struct quire *q;
	pthread_barrier_t barrier;
};

static void *hold(void *argument)
{
	struct holder *holder = argument;

	qi_front_hold(&holder->q->front);
	pthread_barrier_wait(&holder->barrier);
	pthread_barrier_wait(&holder->barrier);
	qi_front_let_go(&holder->q->front);
	return NULL;
}

static pthread_t begin_hold(struct holder *holder, struct quire *q)
{
	pthread_t thread;

	holder->q = q;
	assert_int_equal(pthread_barrier_init(&holder->barrier, NULL, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, hold, holder), 0);
	pthread_barrier_wait(&holder->barrier);
	return thread;
}

static void end_hold(struct holder *holder, pthread_t thread)
{
	pthread_barrier_wait(&holder->barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&holder->barrier);
}

/*
 * One page is free, in the only list, and the looker waits for that list. Meanwhile another page becomes
 * free behind its back, and only then is the first one taken.
 */
static void check_look(const struct qt_param *param, void (*bring)(struct qt *t, uint32_t pfn))
{
	static uint32_t pfns[NR_PAGES];
	struct looker l = { .pfn = QUIRE_NO_PFN };
	uint32_t popped;
	struct holder holder;
	struct qp_list *list;
	pthread_t thread, holding;
	struct qt t;

	open_instance(&t, param, 1);
	l.q = t.q;
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, pfns), NR_PAGES);
	if (t.q->front.high > 0 && (param->cache->cache != QUIRE_CACHE_PCP || qt_nr_cpus() > 1)) {
		list = qi_pcp_live(&t.q->front.pcps[0]);
		holding = begin_hold(&holder, t.q);
		qi_state_set(t.q->space.state, pfns[0], QI_STATE_FREE);
		assert_true(qi_list_push_one_locked(list, pfns[0]));
		assert_int_equal(pthread_create(&thread, NULL, look, &l), 0);
		moment();
		bring(&t, pfns[1]);
		assert_int_equal(qi_list_pop_locked(list, 0, 1, &popped), 1);
		assert_int_equal(popped, pfns[0]);
		qi_state_set(t.q->space.state, pfns[0], QI_STATE_HELD);
		end_hold(&holder, holding);
		pthread_join(thread, NULL);
		qt_assert_ok(l.err);
		if (l.pfn != pfns[1])
			qt_assert_ok(quire_free_pfn(t.q, l.pfn));
	}
	for (uint32_t i = 0; i < NR_PAGES; i++)
		if (quire_order(t.q, pfns[i]) == 0)
			qt_assert_ok(quire_free_pfn(t.q, pfns[i]));
	qt_end(&t);
}

/* The list is in use, so the page goes to the depot. */
static void free_one(struct qt *t, uint32_t pfn)
{
	qt_assert_ok(quire_free_pfn(t->q, pfn));
	assert_int_equal(qt_stats(t->q).free_depot, 1);
}

static void add_some(struct qt *t, uint32_t pfn)
{
	(void)pfn;
	qt_add_unmapped(t, 0, later_base, NR_LATER);
}

static void test_a_page_freed_behind_the_look_is_found(const struct qt_param *param)
{
	check_look(param, free_one);
}

static void test_a_region_added_behind_the_look_is_found(const struct qt_param *param)
{
	check_look(param, add_some);
}

/* ---- Pages in somebody's hand ---- */

static void check_errors(struct quire *q, int err)
{
	static const quire_gfp may_not_wait[] = { QUIRE_ATOMIC, QUIRE_NOWAIT };
	uint32_t pfn = 7;

	for (size_t i = 0; i < 2; i++)
		for (unsigned int order = 0; order < 4; order++)
			qt_assert_err_at(quire_alloc_pfn_err(q, may_not_wait[i], order, &pfn), err,
					 "an allocation that may not wait", __FILE__, __LINE__);
	assert_int_equal(pfn, 7);
}

/* All but one page are held, and that one is on its way: whether memory is left is not known. */
static void test_in_transit_is_not_exhausted(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES];
	struct qi_zone *zone;
	struct qt t;

	open_instance(&t, param, 64);
	zone = &t.q->space.zones[0];
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, pfns), NR_PAGES);
	check_errors(t.q, -QUIRE_ENOMEM);
	qi_transit_begin(zone);
	check_errors(t.q, -QUIRE_EAGAIN);
	qi_transit_end(zone, false);
	check_errors(t.q, -QUIRE_ENOMEM);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, pfns), NR_PAGES);
	qt_end(&t);
}

static void test_in_transit_is_not_busy(const struct qt_param *param)
{
	struct qi_zone *zone;
	uint32_t moving, held;
	struct qt t;

	open_instance(&t, param, 64);
	zone = &t.q->space.zones[0];
	held = quire_alloc_pfn(t.q, 0, 0);
	qi_transit_begin(zone);
	assert_int_equal(qi_front_take(&t.q->front, true, 1, &moving), 1);
	qt_assert_err(quire_reserve(t.q, moving, 1), EAGAIN);
	qi_front_give(&t.q->front, 1, &moving);
	qi_transit_end(zone, true);
	qt_assert_ok(quire_reserve(t.q, moving, 1));
	/* What is held or reserved is busy. */
	qt_assert_err(quire_reserve(t.q, moving, 1), EBUSY);
	qt_assert_err(quire_reserve(t.q, held, 1), EBUSY);
	qt_assert_ok(quire_unreserve(t.q, moving, 1));
	qt_assert_ok(quire_free_pfn(t.q, held));
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(nothing_happened),
		QT_TEST(a_batch_came_into_the_depot),
		QT_TEST(a_region_was_added),
		QT_TEST(a_page_freed_behind_the_look_is_found),
		QT_TEST(a_region_added_behind_the_look_is_found),
		QT_TEST(in_transit_is_not_exhausted),
		QT_TEST(in_transit_is_not_busy),
	};

	return QT_RUN_CACHES(tests);
}
