/* SPDX-License-Identifier: MIT */
/*
 * Forks that come where the library's thread must be out of the way: when a pass would have pages in
 * hand, and in the middle of a visit, which holds passes off. Threads are started here while another
 * forks, and in children: sanitizers do not bear it.
 */
#include "aging.h"
#include "alloc/instance.h"
#include "child.h"
#include "tasks.h"

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	NAP_NS = 200000,
	SECONDS = 90, /* after which a child is taken to hang */
	SLEEPS = 20, /* of the thread: several ticks have come due */
	BATCHES = 4,
};

/* Without states: what is not found counts as held. */
static void open_unchecked(struct qt *t, const struct qt_param *param)
{
	const struct qt_param unchecked = { .cache = param->cache, .check = QUIRE_CHECK_OFF };

	aging_open(t, &unchecked, QUIRE_CONFIG_INHERIT);
	t->param = param;
}

/* ---- While a pass would have pages in hand ---- */

static int child_misses_nothing(struct quire *q)
{
	static uint32_t pfns[AGING_PAGES];

	QT_STEP(1, quire_held(q) == 0);
	QT_STEP(2, quire_alloc_bulk_pfn(q, 0, 0, AGING_PAGES, pfns) == AGING_PAGES);
	QT_STEP(3, quire_free_bulk_pfn(q, AGING_PAGES, pfns) == AGING_PAGES);
	QT_STEP(4, quire_destroy(q) == 0);
	return 0;
}

struct forker {
	struct quire *q;
	pid_t child;
};

static void *fork_once(void *context)
{
	struct forker *forker = context;

	forker->child = fork();
	if (forker->child == 0) {
		alarm(SECONDS);
		_exit(child_misses_nothing(forker->q));
	}
	return NULL;
}

/* Full batches, and lists that have nothing. */
static void fill_depot(struct quire *q)
{
	static uint32_t pfns[BATCHES * QI_SCRATCH];
	struct qi_depot *depot = q->front.depot;
	uint32_t batch = qi_depot_batch(depot);

	assert_int_equal(quire_alloc_bulk_pfn(q, 0, 0, (size_t)BATCHES * batch, pfns),
			 BATCHES * batch);
	(void)quire_drain(q, QUIRE_ALL_CPUS, 0);
	for (uint32_t i = 0; i < BATCHES; i++)
		assert_true(qi_depot_put(depot, batch, pfns + i * batch));
}

static void nap(void)
{
	static const struct timespec time = { .tv_nsec = NAP_NS };

	nanosleep(&time, NULL);
}

static void pass(void *context)
{
	(void)quire_age(context);
}

/*
 * Until ticks have come due; or until a pass has taken a batch, which none should, and waits for the
 * zone.
 */
static void wait_for_ticks(const struct quire *q)
{
	uint32_t before = qi_depot_count(q->front.depot);
	int task = tasks_wait_for(AGER);
	uint64_t end = tasks_sleeps(task) + SLEEPS;

	while (qi_depot_count(q->front.depot) == before && tasks_sleeps(task) < end)
		nap();
}

/*
 * The fork has the zone already and waits for one end of the depot, when the thread is started: a
 * pass could get a batch out of the other one, and not rid of it.
 */
static void test_no_pass_begins_during_a_fork(const struct qt_param *param)
{
	struct forker forker = { .child = -1 };
	pthread_t thread;
	struct qt t;

	if (param->cache->cache == QUIRE_CACHE_NONE) /* no depot */
		return;
	open_unchecked(&t, param);
	forker.q = t.q;
	fill_depot(t.q);
	(void)qp_lock(&t.q->front.depot->put.lock);
	assert_int_equal(pthread_create(&thread, NULL, fork_once, &forker), 0);
	while (atomic_load(&t.q->front.home->lock.word) == 0)
		nap();
	assert_true(qp_ticker_start(&t.q->ticker, AGER, 1, pass, t.q));
	wait_for_ticks(t.q);
	qp_unlock(&t.q->front.depot->put.lock);
	pthread_join(thread, NULL);
	assert_true(forker.child > 0);
	qt_child_end(forker.child);
	assert_true(aging_becomes_empty(t.q));
	qt_assert_ok(quire_age_stop(t.q));
	qt_end(&t);
}

/* ---- In a visit ---- */

struct visitor {
	struct quire *q;
	pid_t child;
	int failed; /* in the child: what was wrong in the visit */
};

static int ages(struct quire *q)
{
	QT_STEP(1, quire_age_start(q, 1) == 0);
	QT_STEP(2, aging_use(q) && aging_becomes_empty(q));
	return 0;
}

/* The child has no thread that would have to be held off. */
static int fork_in_visit(void *context, uint32_t pfn, unsigned int order)
{
	struct visitor *visitor = context;

	(void)pfn;
	(void)order;
	visitor->child = fork();
	if (visitor->child == 0) {
		alarm(SECONDS);
		visitor->failed = ages(visitor->q);
	}
	return 1;
}

/* The end of the visit, which the child is in as well, undoes nothing that is not done here. */
static int child_ages_after(const struct visitor *visitor, uint32_t pfn)
{
	struct quire *q = visitor->q;

	if (visitor->failed != 0)
		return visitor->failed;
	QT_STEP(3, aging_use(q) && aging_becomes_empty(q));
	QT_STEP(4, quire_age_stop(q) == 0);
	QT_STEP(5, quire_age_start(q, 1) == 0);
	QT_STEP(6, aging_use(q) && aging_becomes_empty(q));
	QT_STEP(7, quire_free_pfn(q, pfn) == 0);
	QT_STEP(8, quire_destroy(q) == 0);
	return 0;
}

static void test_child_of_a_visit_ages(const struct qt_param *param)
{
	struct visitor visitor = { .child = -1 };
	uint32_t pfn;
	struct qt t;

	open_unchecked(&t, param);
	visitor.q = t.q;
	pfn = quire_alloc_pfn(t.q, 0, 0);
	qt_assert_ok(quire_age_start(t.q, 1));
	assert_int_equal(quire_held_visit(t.q, fork_in_visit, &visitor), 1);
	if (visitor.child == 0)
		_exit(child_ages_after(&visitor, pfn));
	assert_true(visitor.child > 0);
	qt_child_end(visitor.child);
	/* and the parent's thread goes on */
	assert_true(aging_use(t.q));
	assert_true(aging_becomes_empty(t.q));
	qt_assert_ok(quire_age_stop(t.q));
	qt_assert_ok(quire_free_pfn(t.q, pfn));
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(no_pass_begins_during_a_fork),
		QT_TEST(child_of_a_visit_ages),
	};

	return QT_RUN_CACHES(tests);
}
