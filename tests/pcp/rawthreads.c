/* SPDX-License-Identifier: MIT */
/*
 * Threads that the C library does not know, made by clone with thread-local memory of their own:
 * zeroed, a copy of their maker's (so that its cpu_id looks valid), or from the templates of the
 * program's modules. Nothing watches them, so they must not use sections, unless one registers an
 * area itself. They allocate, free and drain at full speed beside threads that do use sections.
 *
 * What cannot work is a block whose first word is not its own address: the compiler finds thread-
 * local variables by it, so all of them would be zeroes' or the maker's.
 */
#include "churn.h"
#include "cpu.h"
#include "port/port.h"
#include "rawthread.h"
#include "sanitizer.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	STEPS = 100000,
	STEPS_ALONE = 3000,
	NR_RAW = 4,
	NR_KNOWN = 4,
	WAVES = 25,
	AREA_BYTES = 32,
};

struct runner {
	struct rawthread raw;
	pthread_t known;
	struct churn churn;
	uint32_t steps;
	bool drains;
	bool registers; /* its area, itself */
	bool watched; /* out: it was taken for a thread that may use sections */
};

static bool register_area(void)
{
	char *area = (char *)__builtin_thread_pointer() + qp_rseq_area.offset;

	return syscall(SYS_rseq, area, AREA_BYTES, 0, QP_SIGNATURE) == 0;
}

static int run(void *argument)
{
	struct runner *r = argument;

	if (r->registers && !register_area())
		return 0;
	for (uint32_t i = 0; i < r->steps; i++) {
		churn_step(&r->churn);
		if (r->drains && i % 32 == 0)
			quire_drain(r->churn.s->q, QUIRE_ALL_CPUS, i % 64);
	}
	churn_end(&r->churn);
	r->watched = qp_section_enter();
	return 0;
}

static void *run_known(void *argument)
{
	run(argument);
	return NULL;
}

static void prepare(struct runner *r, struct stress *s, uint32_t who, uint32_t steps)
{
	memset(r, 0, sizeof(*r));
	churn_init(&r->churn, s, who);
	r->steps = steps;
	r->drains = who % 2 == 0;
}

/* No thread of the test handles signals, and those that nobody knows must not. */
static sigset_t block_signals(void)
{
	sigset_t all, before;

	sigfillset(&all);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
	return before;
}

static void unblock_signals(sigset_t before)
{
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static void start_raw(struct runner *r, enum rawthread_memory memory)
{
	sigset_t before = block_signals();

	assert_true(rawthread_start(&r->raw, memory, run, r));
	unblock_signals(before);
}

/* ---- Alone ---- */

/* Whether lists took part shows what it used. */
static void run_alone(struct qt *t, struct stress *s, enum rawthread_memory memory, bool registers)
{
	struct quire_stats before = qt_stats(t->q), after;
	struct runner r;

	prepare(&r, s, 1, STEPS_ALONE);
	r.drains = false;
	r.registers = registers;
	start_raw(&r, memory);
	rawthread_join(&r.raw);
	after = qt_stats(t->q);
	assert_int_equal(r.watched, registers);
	assert_int_equal(after.list_pops > before.list_pops, registers);
	assert_int_equal(after.list_pushes > before.list_pushes, registers);
}

static void test_unwatched_threads_pass_the_lists(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	assert_true(churn_fill(t.q, 0, 40) > 0); /* the copy is of a thread that uses sections */
	assert_true(qp_section_enter());
	run_alone(&t, &s, RAWTHREAD_ZEROED, false);
	run_alone(&t, &s, RAWTHREAD_COPIED, false);
	run_alone(&t, &s, RAWTHREAD_TEMPLATE, false);
	run_alone(&t, &s, RAWTHREAD_TEMPLATE, true);
	churn_close(&t, &s);
}

/* ---- Among others ---- */

static void run_among(enum rawthread_memory memory, bool registers)
{
	static struct runner raw[NR_RAW], known[NR_KNOWN];
	struct stress s;
	struct qt t;

	churn_open(&t, &s, &churn_params[memory % 3], 0);
	for (uint32_t i = 0; i < NR_KNOWN; i++) {
		prepare(&known[i], &s, i + 1, STEPS);
		assert_int_equal(pthread_create(&known[i].known, NULL, run_known, &known[i]), 0);
	}
	for (uint32_t i = 0; i < NR_RAW; i++) {
		prepare(&raw[i], &s, 101 + i, STEPS);
		raw[i].registers = registers;
		start_raw(&raw[i], memory);
	}
	for (uint32_t i = 0; i < NR_RAW; i++)
		rawthread_join(&raw[i].raw);
	for (uint32_t i = 0; i < NR_KNOWN; i++)
		pthread_join(known[i].known, NULL);
	for (uint32_t i = 0; i < NR_RAW; i++)
		assert_int_equal(raw[i].watched, registers);
	for (uint32_t i = 0; i < NR_KNOWN; i++)
		assert_true(known[i].watched);
	churn_close(&t, &s);
}

static void test_with_zeroed_memory(const struct qt_param *param)
{
	(void)param;
	run_among(RAWTHREAD_ZEROED, false);
}

static void test_with_a_copy(const struct qt_param *param)
{
	(void)param;
	run_among(RAWTHREAD_COPIED, false);
}

static void test_with_templates(const struct qt_param *param)
{
	(void)param;
	run_among(RAWTHREAD_TEMPLATE, false);
}

static void test_registered_by_themselves(const struct qt_param *param)
{
	(void)param;
	run_among(RAWTHREAD_TEMPLATE, true);
}

/* ---- Coming and going, each in the memory of one that has gone ---- */

static void test_one_after_the_other_in_the_same_memory(const struct qt_param *param)
{
	static struct runner runners[NR_RAW];
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	for (uint32_t wave = 0; wave < WAVES; wave++) {
		for (uint32_t i = 0; i < NR_RAW; i++) {
			struct rawthread gone = runners[i].raw;

			prepare(&runners[i], &s, i + 1, STEPS_ALONE);
			runners[i].raw = gone;
			runners[i].registers = wave % 3 == 2;
			start_raw(&runners[i], (enum rawthread_memory)(wave % 3));
		}
		for (uint32_t i = 0; i < NR_RAW; i++) {
			rawthread_join(&runners[i].raw);
			assert_int_equal(runners[i].watched, wave % 3 == 2);
		}
	}
	for (uint32_t i = 0; i < NR_RAW; i++)
		rawthread_free(&runners[i].raw);
	churn_close(&t, &s);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(unwatched_threads_pass_the_lists),
		QT_TEST(with_zeroed_memory),
		QT_TEST(with_a_copy),
		QT_TEST(with_templates),
		QT_TEST(registered_by_themselves),
		QT_TEST(one_after_the_other_in_the_same_memory),
	};

	if (QT_SLOWER > 1) {
		print_message("1..0 # SKIP sanitizers need the C library's threads\n");
		return 0;
	}
	return QT_RUN_ONCE(tests);
}
