/* SPDX-License-Identifier: MIT */
/*
 * Stalled actors: main holds a lock and does nothing, and what others then do must end. A helper
 * thread makes the calls; if it is not done in time, the test fails instead of hanging.
 */
#include "alloc/instance.h"
#include "test.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define NR_PAGES 4096u
#define NR_STASH 16u
#define PATIENCE_SECONDS 60

struct helper {
	struct quire *q;
	void (*run)(struct helper *h);
	uint32_t pfns[NR_PAGES];
	size_t n;
	unsigned int order;
	quire_gfp gfp;
	int err;
};

static void *help(void *argument)
{
	struct helper *h = argument;

	h->run(h);
	return NULL;
}

/* Run it in another thread to its end. */
static void run(struct helper *h)
{
	struct timespec end;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, help, h), 0);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE_SECONDS;
	if (pthread_timedjoin_np(thread, NULL, &end) != 0)
		fail_msg("a call waits for a lock that it must only try");
}

static void free_singly(struct helper *h)
{
	h->err = 0;
	for (size_t i = 0; i < h->n && h->err == 0; i++)
		h->err = quire_free_pfn(h->q, h->pfns[i]);
}

static void free_at_once(struct helper *h)
{
	h->err = quire_free_bulk_pfn(h->q, h->n, h->pfns) == h->n ? 0 : -1;
}

static void allocate(struct helper *h)
{
	uint32_t pfn = QUIRE_NO_PFN;

	h->n = 0;
	while ((h->err = quire_alloc_pfn_err(h->q, h->gfp, h->order, &pfn)) == 0)
		h->pfns[h->n++] = pfn;
}

static void open_instance(struct qt *t, struct helper *h, const struct qt_param *param)
{
	memset(h, 0, sizeof(*h));
	qt_begin(t, param);
	t->config.max_pages = NR_PAGES;
	t->config.nr_stash = NR_STASH;
	t->config.nr_depot = UINT32_MAX;
	t->config.nr_cpus =
		1; /* and most threads are on another CPU, or find its short list full */
	t->config.high = 4;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, NR_PAGES);
	h->q = t->q;
}

static struct qi_zone *zone_of(struct qt *t)
{
	return &t->q->space.zones[0];
}

static void stall(struct qt *t)
{
	qi_zone_lock(&t->q->space, zone_of(t));
}

static void go_on(struct qt *t)
{
	assert_true(qi_zone_valid_locked(&t->q->space, zone_of(t)));
	qi_zone_unlock(&t->q->space, zone_of(t));
}

/* ---- A free never waits ---- */

static void check_free_is_deferred(const struct qt_param *param, unsigned int order, bool bulk)
{
	static struct helper h;
	struct quire_stats s;
	uint64_t pages;
	struct qt t;

	open_instance(&t, &h, param);
	h.n = quire_alloc_bulk_pfn(t.q, 0, order, 1 + (300u >> order), h.pfns);
	pages = (uint64_t)h.n << order;
	assert_true(pages > 0);
	h.run = bulk ? free_at_once : free_singly;
	stall(&t);
	run(&h);
	assert_int_equal(h.err, 0);
	s = qt_stats(t.q);
	assert_int_equal(s.held, 0);
	assert_true(s.deferred > 0);
	assert_true(s.deferred + s.free_lists >= pages);
	assert_int_equal(s.deferred_pages, s.deferred);
	go_on(&t);
	s = qt_stats(t.q);
	assert_int_equal(s.deferred, 0);
	qt_assert_sound(t.q, 0);
	qt_assert_no_report(&t.reports);
	qt_end(&t);
}

static void test_single_frees_are_deferred(const struct qt_param *param)
{
	for (unsigned int order = 0; order <= 11; order++)
		check_free_is_deferred(param, order, false);
}

static void test_bulk_frees_are_deferred(const struct qt_param *param)
{
	for (unsigned int order = 0; order <= 11; order++)
		check_free_is_deferred(param, order, true);
}

static void test_deferred_pages_are_free_pages(const struct qt_param *param)
{
	static struct helper h;
	struct qt t;

	open_instance(&t, &h, param);
	h.n = quire_alloc_bulk_pfn(t.q, 0, 0, 100, h.pfns);
	h.run = free_singly;
	stall(&t);
	run(&h);
	if (param->check != QUIRE_CHECK_OFF)
		for (size_t i = 0; i < h.n; i++) {
			qt_assert_err(quire_free_pfn(t.q, h.pfns[i]), EALREADY);
			assert_int_equal(quire_order(t.q, h.pfns[i]), -QUIRE_EINVAL);
		}
	assert_int_equal(qt_stats(t.q).held, 0);
	go_on(&t);
	qt_assert_sound(t.q, 0);
	qt_end(&t);
}

/* The next holder takes them up, whoever it is: here it is an allocation that needs all of them. */
static void test_next_holder_takes_up(const struct qt_param *param)
{
	static struct helper h;
	struct qt t;

	open_instance(&t, &h, param);
	h.n = quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, h.pfns);
	assert_int_equal(h.n, NR_PAGES);
	h.run = free_at_once;
	stall(&t);
	run(&h);
	assert_int_equal(h.err, 0);
	qp_unlock(&zone_of(&t)->lock); /* as a holder that dies before it can look again */
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, NR_PAGES, h.pfns), NR_PAGES);
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_PAGES, h.pfns), NR_PAGES);
	qt_assert_sound(t.q, 0);
	qt_end(&t);
}

/* ---- Requests that may not wait ---- */

static void test_atomic_is_served_from_the_stash(const struct qt_param *param)
{
	static struct helper h;
	struct quire_stats s;
	struct qt t;

	open_instance(&t, &h, param);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 100, h.pfns), 100);
	assert_int_equal(quire_free_bulk_pfn(t.q, 100, h.pfns), 100);
	quire_drain(t.q, QUIRE_ALL_CPUS, 0);
	assert_int_equal(qt_stats(t.q).free_stash, NR_STASH);
	h.gfp = QUIRE_ATOMIC;
	h.run = allocate;
	stall(&t);
	run(&h);
	assert_int_equal(h.n, NR_STASH);
	qt_assert_err(h.err, EAGAIN); /* whether memory is left is not known */
	s = qt_stats(t.q);
	assert_int_equal(s.free_stash, 0);
	assert_int_equal(s.stash_taken, NR_STASH);
	assert_int_equal(s.held, NR_STASH);
	go_on(&t);
	assert_int_equal(qt_stats(t.q).free_stash, NR_STASH); /* topped up by the holder */
	assert_int_equal(quire_free_bulk_pfn(t.q, NR_STASH, h.pfns), NR_STASH);
	qt_end(&t);
}

static void test_nowait_has_no_stash_and_does_not_wait(const struct qt_param *param)
{
	static struct helper h;
	struct qt t;

	open_instance(&t, &h, param);
	h.gfp = QUIRE_NOWAIT;
	h.run = allocate;
	for (h.order = 0; h.order < 4; h.order++) {
		quire_drain(t.q, QUIRE_ALL_CPUS, 0);
		stall(&t);
		run(&h);
		assert_int_equal(h.n, 0);
		qt_assert_err_at(h.err, -QUIRE_EAGAIN, "NOWAIT, by order", __FILE__, (int)h.order);
		go_on(&t);
	}
	assert_true(qt_stats(t.q).zone_busy > 0);
	qt_end(&t);
}

/* The statistics, the page's order and a visit's beginning need no lock. */
static void look_around(struct helper *h)
{
	struct quire_stats s = { .size = sizeof(s) };
	char text[4096];

	h->err = quire_stats_get(h->q, &s);
	h->n = quire_stats_text(h->q, text, sizeof(text));
	if (quire_order(h->q, h->pfns[0]) != 2 || quire_held(h->q) != 4)
		h->err = -1;
}

static void test_looking_on_does_not_wait(const struct qt_param *param)
{
	static struct helper h;
	struct qt t;

	open_instance(&t, &h, param);
	h.pfns[0] = quire_alloc_pfn(t.q, 0, 2);
	h.run = look_around;
	stall(&t);
	run(&h);
	qt_assert_ok(h.err);
	go_on(&t);
	qt_assert_ok(quire_free_pfn(t.q, h.pfns[0]));
	qt_end(&t);
}

/* ---- A request that may wait does, and gets its page ---- */

struct waiter {
	struct quire *q;
	atomic_bool started, done;
	int err;
	uint32_t pfn;
};

static void *wait_for_lock(void *argument)
{
	struct waiter *w = argument;

	atomic_store(&w->started, true);
	w->err = quire_alloc_pfn_err(w->q, 0, 3, &w->pfn);
	atomic_store(&w->done, true);
	return NULL;
}

static void test_normal_requests_wait(const struct qt_param *param)
{
	static struct helper h;
	struct timespec moment = { 0, 20000000 };
	struct waiter w = { .pfn = QUIRE_NO_PFN };
	pthread_t thread;
	struct qt t;

	open_instance(&t, &h, param);
	w.q = t.q;
	stall(&t);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_lock, &w), 0);
	while (!atomic_load(&w.started))
		nanosleep(&moment, NULL);
	nanosleep(&moment, NULL);
	assert_false(atomic_load(&w.done));
	go_on(&t);
	pthread_join(thread, NULL);
	qt_assert_ok(w.err);
	qt_assert_ok(quire_free_pfn(t.q, w.pfn));
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(single_frees_are_deferred),
		QT_TEST(bulk_frees_are_deferred),
		QT_TEST(deferred_pages_are_free_pages),
		QT_TEST(next_holder_takes_up),
		QT_TEST(atomic_is_served_from_the_stash),
		QT_TEST(nowait_has_no_stash_and_does_not_wait),
		QT_TEST(looking_on_does_not_wait),
		QT_TEST(normal_requests_wait),
	};

	return QT_RUN(tests);
}
