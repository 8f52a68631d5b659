/* SPDX-License-Identifier: MIT */
/*
 * A forked child that inherits an instance has not inherited its thread, and may start one of its
 * own. Sanitizers allow no threads there: tests/cache/ager.c has what they can run.
 */
#include "aging.h"
#include "child.h"
#include "tasks.h"

static int child_starts_anew(void *context)
{
	struct quire *q = context;

	QT_STEP(1, tasks_find(AGER) == 0);
	QT_STEP(2, quire_age_stop(q) == 0);
	QT_STEP(3, quire_age_start(q, 1) == 0);
	QT_STEP(4, aging_use(q) && aging_becomes_empty(q));
	QT_STEP(5, quire_age_stop(q) == 0);
	QT_STEP(6, quire_age_start(q, AGING_NEVER_MS) == 0);
	QT_STEP(7, quire_destroy(q) == 0);
	QT_STEP(8, tasks_find(AGER) == 0);
	return 0;
}

static int child_ends_at_once(void *context)
{
	QT_STEP(1, quire_destroy(context) == 0);
	return 0;
}

static void test_child_that_inherits_has_no_thread(const struct qt_param *param)
{
	struct qt t;

	aging_open(&t, param, QUIRE_CONFIG_INHERIT);
	qt_assert_ok(quire_age_start(t.q, 1));
	qt_in_child(child_starts_anew, t.q);
	qt_in_child(child_ends_at_once, t.q);
	assert_true(aging_use(t.q));
	assert_true(aging_becomes_empty(t.q));
	qt_assert_ok(quire_age_stop(t.q));
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(child_that_inherits_has_no_thread),
	};

	return QT_RUN_CACHES(tests);
}
