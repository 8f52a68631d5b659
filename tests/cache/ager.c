/* SPDX-License-Identifier: MIT */
/*
 * The library's own thread: started, stopped, held off and left behind. What it is to do is waited
 * for, not timed.
 */
#include "aging.h"
#include "child.h"
#include "cpu.h"
#include "port/linux/fault.h"
#include "sanitizer.h"
#include "tasks.h"
#include "test.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum {
	STARTS = 1000,
	FORKS = 60,
	SLEEPS = 20, /* of the thread: several ticks have come due, or been made */
};

/* The number of the thread, once it has its name. */
static int ager(void)
{
	return tasks_wait_for(AGER);
}

/* ---- Starting and stopping ---- */

static void test_thread_empties_idle_lists(const struct qt_param *param)
{
	struct qt t;

	aging_open(&t, param, 0);
	qt_assert_ok(quire_age_start(t.q, 1));
	for (int round = 0; round < 3; round++) {
		assert_true(aging_use(t.q));
		assert_true(aging_becomes_empty(t.q));
	}
	qt_assert_ok(quire_age_stop(t.q));
	assert_true(aging_use(t.q));
	assert_int_equal(aging_pages_near(t.q) > 0, aging_has_lists(&t));
	qt_end(&t);
}

static void test_wrong_starts_are_refused(const struct qt_param *param)
{
	struct qt t;

	aging_open(&t, param, 0);
	qt_assert_err(quire_age_start(t.q, 0), EINVAL);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "idle_ms is 0", "1 to 3600000");
	qt_reports_clear(&t.reports);
	qt_assert_err(quire_age_start(t.q, AGING_NEVER_MS + 1), EINVAL);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "idle_ms is 3600001", "1 to 3600000");
	assert_int_equal(tasks_find(AGER), 0);
	qt_assert_ok(quire_age_stop(t.q));
	qt_assert_ok(quire_age_start(t.q, AGING_NEVER_MS));
	qt_reports_clear(&t.reports);
	qt_assert_err(quire_age_start(t.q, 7), EBUSY);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "3600000", "7", "quire_age_stop");
	qt_assert_ok(quire_age_stop(t.q));
	qt_assert_ok(quire_age_stop(t.q));
	qt_end(&t);
}

static int no_thread(const char *call)
{
	return strcmp(call, "thread") == 0;
}

static void test_no_thread_to_be_had(const struct qt_param *param)
{
	struct qt t;

	aging_open(&t, param, 0);
	qp_fault_hook = no_thread;
	qt_assert_err(quire_age_start(t.q, 5), ENOMEM);
	qp_fault_hook = NULL;
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "5 ms");
	qt_assert_ok(quire_age_stop(t.q));
	qt_assert_ok(quire_age_start(t.q, 1));
	assert_true(aging_use(t.q));
	assert_true(aging_becomes_empty(t.q));
	qt_assert_ok(quire_age_stop(t.q));
	qt_end(&t);
}

static void test_starts_and_stops_without_end(const struct qt_param *param)
{
	struct qt t;

	aging_open(&t, param, 0);
	for (unsigned int i = 0; i < STARTS / QT_SLOWER; i++) {
		qt_assert_ok(quire_age_start(t.q, i % 2 == 0 ? 1 : AGING_NEVER_MS));
		assert_true(aging_use(t.q));
		qt_assert_ok(quire_age_stop(t.q));
	}
	assert_int_equal(tasks_find(AGER), 0);
	qt_end(&t);
}

struct rivals {
	struct quire *q;
	atomic_uint wrong;
};

static void *start_and_stop(void *argument)
{
	struct rivals *rivals = argument;

	for (unsigned int i = 0; i < STARTS / 4 / QT_SLOWER; i++) {
		int error = quire_age_start(rivals->q, 1);

		if ((error != 0 && error != -QUIRE_EBUSY) || quire_age_stop(rivals->q) != 0)
			atomic_fetch_add(&rivals->wrong, 1);
	}
	return NULL;
}

static void test_rivals_have_one_thread(const struct qt_param *param)
{
	struct rivals rivals = { .wrong = 0 };
	pthread_t threads[3];
	struct qt t;

	aging_open(&t, param, 0);
	rivals.q = t.q;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, start_and_stop, &rivals), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&rivals.wrong), 0);
	assert_int_equal(tasks_find(AGER), 0);
	qt_end(&t);
}

/* ---- What kind of thread it is ---- */

static uint64_t blocked_signals(int task)
{
	return tasks_status(task, "SigBlk: %llx");
}

static void test_thread_blocks_all_signals(const struct qt_param *param)
{
	const uint64_t others = UINT64_C(1) << (9 - 1) | UINT64_C(1) << (19 - 1); /* KILL, STOP */
	uint64_t own = blocked_signals(getpid());
	uint64_t blocked;
	struct qt t;

	aging_open(&t, param, 0);
	qt_assert_ok(quire_age_start(t.q, AGING_NEVER_MS));
	blocked = blocked_signals(ager());
	assert_int_equal((blocked | others) & 0x7fffffff, 0x7fffffff);
	assert_true(blocked_signals(getpid()) == own);
	qt_assert_ok(quire_age_stop(t.q));
	qt_end(&t);
}

/* Where only the library's thread may run, the process may not. */
static void test_thread_is_not_the_processes(const struct qt_param *param)
{
	struct qt t;

	if (qt_nr_cpus() < 2)
		return;
	aging_open(&t, param, 0);
	tasks_bind(1, 0);
	assert_true(aging_use(t.q));
	qt_assert_ok(quire_age_start(t.q, AGING_NEVER_MS));
	tasks_bind(0, ager());
	assert_int_equal(quire_age(t.q) > 0, aging_has_lists(&t));
	tasks_unbind();
	qt_assert_ok(quire_age_stop(t.q));
	qt_end(&t);
}

/* ---- The end of an instance ---- */

static void test_destroy_ends_the_thread(const struct qt_param *param)
{
	struct qt t;

	for (unsigned int i = 0; i < STARTS / 10 / QT_SLOWER; i++) {
		aging_open(&t, param, 0);
		qt_assert_ok(quire_age_start(t.q, i % 2 == 0 ? 1 : AGING_NEVER_MS));
		assert_true(aging_use(t.q));
		qt_assert_ok(quire_destroy(t.q));
		assert_int_equal(tasks_find(AGER), 0);
	}
}

static void test_refused_destroy_leaves_the_thread(const struct qt_param *param)
{
	uint32_t pfn;
	struct qt t;

	aging_open(&t, param, 0);
	pfn = quire_alloc_pfn(t.q, 0, 0);
	qt_assert_ok(quire_age_start(t.q, 1));
	for (int i = 0; i < 50; i++) {
		assert_true(aging_use(t.q));
		qt_assert_err(quire_destroy(t.q), EBUSY);
		/* exactly: what a pass has in hand does not count */
		qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "1 pages are held");
		qt_reports_clear(&t.reports);
	}
	qt_assert_err(quire_age_start(t.q, 1), EBUSY);
	assert_true(aging_becomes_empty(t.q));
	qt_assert_ok(quire_free_pfn(t.q, pfn));
	qt_assert_ok(quire_destroy(t.q));
	assert_int_equal(tasks_find(AGER), 0);
}

/* ---- Held off ---- */

struct visitor {
	struct quire *q;
	bool nested; /* makes a visit of its own first */
	bool restarts; /* stops the thread, and starts it again */
	bool came_due;
	bool ok;
	struct quire_stats before;
	struct quire_stats after;
};

static int stop_at_once(void *context, uint32_t pfn, unsigned int order)
{
	(void)context;
	(void)pfn;
	(void)order;
	return 2;
}

/* What is put into lists here is idle from then on, and would go with the second tick. */
static int visit_and_wait(void *context, uint32_t pfn, unsigned int order)
{
	struct visitor *visitor = context;

	(void)pfn;
	(void)order;
	visitor->ok = !visitor->nested || quire_held_visit(visitor->q, stop_at_once, NULL) == 2;
	if (visitor->restarts)
		visitor->ok = visitor->ok && quire_age_stop(visitor->q) == 0 &&
			      quire_age_start(visitor->q, 1) == 0;
	visitor->ok = visitor->ok && aging_use(visitor->q);
	visitor->before = qt_stats(visitor->q);
	visitor->came_due = tasks_sleeps_on(ager(), SLEEPS);
	visitor->after = qt_stats(visitor->q);
	return 1;
}

static void visit(const struct qt_param *param, uint32_t check, bool nested, bool restarts)
{
	struct visitor visitor = { .nested = nested, .restarts = restarts };
	const struct qt_param checked = { .cache = param->cache, .check = check };
	uint32_t pfn;
	struct qt t;

	aging_open(&t, &checked, 0);
	visitor.q = t.q;
	pfn = quire_alloc_pfn(t.q, 0, 0);
	qt_assert_ok(quire_age_start(t.q, 1));
	assert_int_equal(quire_held_visit(t.q, visit_and_wait, &visitor), 1);
	assert_true(visitor.ok);
	assert_true(visitor.came_due);
	assert_int_equal(visitor.before.free_lists > 0, aging_has_lists(&t));
	assert_int_equal(visitor.after.drains, visitor.before.drains);
	assert_int_equal(visitor.after.drained_pages, visitor.before.drained_pages);
	assert_int_equal(visitor.after.free_lists, visitor.before.free_lists);
	/* and goes on then */
	assert_true(aging_becomes_empty(t.q));
	qt_assert_ok(quire_age_stop(t.q));
	qt_assert_ok(quire_free_pfn(t.q, pfn));
	qt_end(&t);
}

static void test_no_pass_during_a_visit(const struct qt_param *param)
{
	visit(param, QUIRE_CHECK_OFF, false, false);
	visit(param, QUIRE_CHECK_ON, false, false);
}

static void test_no_pass_after_a_visit_in_a_visit(const struct qt_param *param)
{
	visit(param, QUIRE_CHECK_OFF, true, false);
	visit(param, QUIRE_CHECK_ON, true, false);
}

static void test_restarted_during_a_visit(const struct qt_param *param)
{
	visit(param, QUIRE_CHECK_OFF, false, true);
	visit(param, QUIRE_CHECK_OFF, true, true);
}

/* ---- Fork ---- */

static int child_ends_at_once(void *context)
{
	QT_STEP(1, quire_destroy(context) == 0);
	return 0;
}

static int child_leaves_it(void *context)
{
	struct quire *q = context;

	QT_STEP(1, quire_age_start(q, 1) == -QUIRE_EOWNERDEAD);
	QT_STEP(2, quire_age_stop(q) == -QUIRE_EOWNERDEAD);
	QT_STEP(3, quire_age(q) == 0);
	QT_STEP(4, quire_lists_limit(q, 0, 0) == -QUIRE_EOWNERDEAD);
	QT_STEP(5, quire_destroy(q) == 0);
	return 0;
}

static void test_child_of_a_dead_instance_leaves_it(const struct qt_param *param)
{
	struct qt t;

	aging_open(&t, param, 0);
	qt_assert_ok(quire_age_start(t.q, 1));
	qt_in_child(child_leaves_it, t.q);
	assert_true(aging_use(t.q));
	assert_true(aging_becomes_empty(t.q));
	qt_assert_ok(quire_age_stop(t.q));
	qt_end(&t);
}

/* Whatever the thread is at when its process forks. */
static int child_has_all_pages(void *context)
{
	static uint32_t pfns[AGING_PAGES];
	struct quire *q = context;

	QT_STEP(1, quire_alloc_bulk_pfn(q, 0, 0, AGING_PAGES, pfns) == AGING_PAGES);
	QT_STEP(2, quire_free_bulk_pfn(q, AGING_PAGES, pfns) == AGING_PAGES);
	return child_ends_at_once(context);
}

static void test_forks_during_passes(const struct qt_param *param)
{
	struct qt t;

	aging_open(&t, param, QUIRE_CONFIG_INHERIT);
	qt_assert_ok(quire_age_start(t.q, 1));
	for (unsigned int i = 0; i < FORKS / QT_SLOWER + 5; i++) {
		assert_true(aging_use(t.q));
		qt_in_child(child_has_all_pages, t.q);
	}
	qt_assert_ok(quire_age_stop(t.q));
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(thread_empties_idle_lists),
		QT_TEST(wrong_starts_are_refused),
		QT_TEST(no_thread_to_be_had),
		QT_TEST(starts_and_stops_without_end),
		QT_TEST(rivals_have_one_thread),
		QT_TEST(thread_blocks_all_signals),
		QT_TEST(thread_is_not_the_processes),
		QT_TEST(destroy_ends_the_thread),
		QT_TEST(refused_destroy_leaves_the_thread),
		QT_TEST(no_pass_during_a_visit),
		QT_TEST(no_pass_after_a_visit_in_a_visit),
		QT_TEST(restarted_during_a_visit),
		QT_TEST(child_of_a_dead_instance_leaves_it),
		QT_TEST(forks_during_passes),
	};

	return QT_RUN_CACHES(tests);
}
