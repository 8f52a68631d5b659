/* SPDX-License-Identifier: MIT */
/*
 * The port's threads: how much stack they leave to a tick in a program with much thread-local memory,
 * which lies there too, and that nobody goes on from a hold in the middle of a tick.
 */
#include "aging.h"
#include "port/port.h"
#include "sanitizer.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum {
	TLS_BYTES = 72000,
	LEAST_BYTES = 32 * 1024, /* of stack for a tick */
	TICKS = 20,
	YIELDS = 200,
};

static _Thread_local volatile char much[TLS_BYTES];

/* ---- Stack ---- */

/* What is left of the calling thread's stack; 0: it is not known. */
static size_t stack_left(void)
{
	pthread_attr_t attr;
	size_t bytes = 0;
	void *bottom;
	size_t size;

	if (pthread_getattr_np(pthread_self(), &attr) != 0)
		return 0;
	if (pthread_attr_getstack(&attr, &bottom, &size) == 0)
		bytes = (size_t)((uintptr_t)__builtin_frame_address(0) - (uintptr_t)bottom);
	pthread_attr_destroy(&attr);
	return bytes;
}

struct measure {
	size_t left;
	atomic_bool done;
};

static void measure(void *context)
{
	struct measure *measure = context;

	if (atomic_load(&measure->done))
		return;
	much[TLS_BYTES - 1] = 1;
	measure->left = stack_left();
	atomic_store(&measure->done, true);
}

static void test_stack_beside_thread_local_memory(const struct qt_param *param)
{
	struct measure measured = { .left = 0 };
	struct qp_ticker ticker;

	(void)param;
	qp_ticker_forget(&ticker);
	assert_true(qp_ticker_start(&ticker, "measured", 1, measure, &measured));
	while (!atomic_load(&measured.done))
		sched_yield();
	qp_ticker_stop(&ticker);
	assert_true(measured.left >= LEAST_BYTES);
}

static void test_passes_beside_thread_local_memory(const struct qt_param *param)
{
	struct qt t;

	much[0] = 1;
	for (size_t cache = 0; cache < qt_nr_caches; cache++) {
		struct qt_param each = { .cache = &qt_caches[cache], .check = param->check };

		aging_open(&t, &each, 0);
		qt_assert_ok(quire_age_start(t.q, 1));
		assert_true(aging_use(t.q));
		assert_true(aging_becomes_empty(t.q));
		qt_assert_ok(quire_age_stop(t.q));
		qt_end(&t);
	}
}

/* ---- Holds ---- */

struct slow {
	atomic_bool inside;
	atomic_bool wanted; /* somebody is about to hold ticks off */
	atomic_uint nr;
};

/* From when it is wanted it goes on for a while, in which who holds would be too early. */
static void tick_slowly(void *context)
{
	struct slow *slow = context;

	atomic_store(&slow->inside, true);
	atomic_fetch_add(&slow->nr, 1);
	while (!atomic_load(&slow->wanted))
		sched_yield();
	for (int i = 0; i < YIELDS; i++)
		sched_yield();
	atomic_store(&slow->inside, false);
}

static void test_hold_waits_for_the_tick(const struct qt_param *param)
{
	struct qp_ticker ticker;
	struct slow slow = { .nr = 0 };
	unsigned int inside = 0;

	(void)param;
	qp_ticker_forget(&ticker);
	assert_true(qp_ticker_start(&ticker, "slow", 1, tick_slowly, &slow));
	for (int i = 0; i < TICKS; i++) {
		unsigned int nr;

		while (!atomic_load(&slow.inside))
			sched_yield();
		atomic_store(&slow.wanted, true);
		qp_ticker_hold(&ticker);
		inside += atomic_load(&slow.inside);
		nr = atomic_load(&slow.nr);
		qp_ticker_hold(&ticker);
		qp_ticker_let_go(&ticker);
		inside += atomic_load(&slow.nr) != nr;
		atomic_store(&slow.wanted, false);
		qp_ticker_let_go(&ticker);
	}
	atomic_store(&slow.wanted, true);
	qp_ticker_stop(&ticker);
	assert_int_equal(inside, 0);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(stack_beside_thread_local_memory),
		QT_TEST(passes_beside_thread_local_memory),
		QT_TEST(hold_waits_for_the_tick),
	};

	return QT_RUN_ONCE(tests);
}
