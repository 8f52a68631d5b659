/* SPDX-License-Identifier: MIT */
/*
 * An owner that is frozen in the middle of whatever it was doing: drains of its CPU end, and what can be
 * taken then, what it holds and what its one call has on the way are all the pages there are. Frozen by a
 * signal, by a tracer, by a tracer while the kernel does not watch its sections, so that it goes on behind
 * the drains as if nothing had been; and with its whole process, by SIGSTOP.
 *
 *	frozen [--stopped]	be the process that is stopped, until standard input ends
 */
#include "freezer.h"
#include "cpu.h"
#include "load.h"
#include "sanitizer.h"

#include "alloc/instance.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	OWNER = 1, /* who, in stamps */
	OTHERS = 1000,
	MOST_HELD = 128,
	MOST = 40, /* pages of one call */
	PAUSE = 200, /* turns of a loop between calls */
	STOPS = 800 / QT_SLOWER,
	FEW = STOPS / 20, /* of each kind, at least */
	MOST_STOPS = 100 * STOPS,
	SIGSTOPS = 100 / QT_SLOWER + 10,
	DRAINS_BETWEEN = 8,
};

static const char stopped_option[] = "--stopped";
static uint32_t pfns[CHURN_PAGES];

/* ---- The owner of CPU 0 ---- */

struct owner {
	pthread_t thread;
	struct stress *s;
	bool unwatched;
	atomic_bool wrong; /* it could not be unwatched */
	atomic_bool done;
	atomic_uint doing; /* pages of the call that it makes; 0: it is between calls */
	atomic_uint calls;
	struct frozen frozen;
	uint32_t held[MOST_HELD];
	uint32_t nr_held;
};

static void take(struct owner *o, uint32_t n)
{
	uint32_t *slots = &o->held[o->nr_held];

	if (n == 1) {
		slots[0] = quire_alloc_pfn(o->s->q, 0, 0);
		n = slots[0] != QUIRE_NO_PFN;
	} else {
		n = (uint32_t)quire_alloc_bulk_pfn(o->s->q, 0, 0, n, slots);
	}
	for (uint32_t i = 0; i < n; i++)
		stress_take(o->s, OWNER, slots[i], 0);
	o->nr_held += n;
}

static void give(struct owner *o, uint32_t n)
{
	o->nr_held -= n;
	if (n == 1)
		stress_free(o->s, o->held[o->nr_held]);
	else
		stress_free_bulk(o->s, n, &o->held[o->nr_held]);
}

static void call(struct owner *o, struct qt_random *random)
{
	uint32_t n = qt_random_one_in(random, 2) ? 1 : 2 + qt_random_below(random, MOST - 1);
	bool takes = o->nr_held + n <= MOST_HELD && (o->nr_held < n || qt_random_one_in(random, 2));

	atomic_store(&o->doing, n);
	if (takes)
		take(o, n);
	else
		give(o, n < o->nr_held ? n : o->nr_held);
	atomic_store(&o->doing, 0);
	atomic_fetch_add(&o->calls, 1);
}

static void *own(void *argument)
{
	struct qt_random random = qt_random_seed(1);
	struct owner *o = argument;

	qt_cpu_bind(0);
	freezer_greet(&o->frozen);
	if (o->unwatched && !freezer_unwatch((uint32_t)qt_cpu(0))) {
		atomic_store(&o->wrong, true);
		return NULL;
	}
	while (!atomic_load(&o->done)) {
		if (!churn_went_wrong(o->s))
			call(o, &random);
		for (volatile int i = 0; i < PAUSE; i++)
			;
	}
	if (o->nr_held > 0)
		give(o, o->nr_held);
	return NULL;
}

static void wait_for_call(const struct owner *o)
{
	unsigned int before = atomic_load(&o->calls);

	while (atomic_load(&o->calls) == before && !atomic_load(&o->wrong))
		sched_yield();
}

/* ---- While it is frozen ---- */

struct tally {
	unsigned int between; /* calls: every page is in its place */
	unsigned int inside; /* a call */
	unsigned int in_section;
	unsigned int waiting; /* with a lock, or pages in transit: others would wait */
};

static bool held(struct qp_lock *lock)
{
	return atomic_load(&lock->word) != 0;
}

static bool would_be_waited_for(const struct qt *t)
{
	struct qi_front *front = &t->q->front;

	return held(&front->home->lock) || held(&front->depot->put.lock) ||
	       held(&front->depot->get.lock) || (uint32_t)atomic_load(&front->home->transit) != 0;
}

static uint32_t nr_stamped(const struct stress *s)
{
	uint32_t n = 0;

	for (uint32_t pfn = 0; pfn < s->nr_pfns; pfn++)
		n += atomic_load(&s->owner[pfn]) != 0;
	return n;
}

/* All that can be taken; and back, so that it is in the zone. */
static void account(struct qt *t, struct stress *s, uint32_t doing)
{
	uint32_t stamped = nr_stamped(s);
	size_t n = quire_alloc_bulk_pfn(t->q, 0, 0, CHURN_PAGES, pfns);

	assert_true(n + stamped <= CHURN_PAGES);
	assert_true(CHURN_PAGES - n - stamped <= doing);
	for (size_t i = 0; i < n; i++)
		stress_take(s, OTHERS, pfns[i], 0);
	assert_false(churn_went_wrong(s));
	stress_free_bulk(s, n, pfns);
}

/* Twice, with pages of this CPU's in a list meanwhile. */
static void drain_and_account(struct qt *t, struct stress *s, uint32_t doing)
{
	uint64_t had = qt_stats(t->q).free_lists;

	assert_true(quire_drain(t->q, QUIRE_ALL_CPUS, 0) >= had);
	assert_int_equal(qt_stats(t->q).free_lists, 0);
	account(t, s, doing);
	(void)quire_drain(t->q, QUIRE_ALL_CPUS, 0);
	assert_int_equal(qt_stats(t->q).free_lists, 0);
	account(t, s, doing);
	(void)quire_drain(t->q, QUIRE_ALL_CPUS, 0);
}

static void stop_once(struct qt *t, struct stress *s, struct owner *o, struct tally *tally)
{
	uint32_t doing;

	assert_true(freezer_freeze(&o->frozen));
	doing = atomic_load(&o->doing);
	if (would_be_waited_for(t)) {
		tally->waiting++;
	} else {
		tally->in_section += freezer_in_section(&o->frozen);
		tally->between += doing == 0;
		tally->inside += doing > 0;
		drain_and_account(t, s, doing);
	}
	freezer_thaw(&o->frozen);
}

static bool begin(struct qt *t, struct stress *s, struct owner *o, bool isolated)
{
	bool met;

	o->s = s;
	churn_open(t, s, &churn_params[0], isolated ? QUIRE_CONFIG_ISOLATED : 0);
	assert_int_equal(pthread_create(&o->thread, NULL, own, o), 0);
	met = freezer_meet(&o->frozen);
	if (met)
		wait_for_call(o);
	return met && !atomic_load(&o->wrong);
}

static void end(struct qt *t, struct stress *s, struct owner *o)
{
	atomic_store(&o->done, true);
	pthread_join(o->thread, NULL);
	freezer_part(&o->frozen);
	churn_close(t, s);
}

/* A thread that is stopped inside ThreadSanitizer's runtime would be waited for by every other. */
static bool may_be_anywhere(void)
{
	if (QT_SLOWER < 20)
		return true;
	print_message("# not run: ThreadSanitizer has locks of its own\n");
	return false;
}

static bool seen_enough(const struct tally *tally, bool in_sections)
{
	return tally->between + tally->inside >= STOPS && tally->between >= FEW &&
	       tally->inside >= FEW && (!in_sections || tally->in_section >= FEW);
}

/* Until it was stopped often enough between calls and inside them; in_sections: in these, too. */
static void run(enum freezer_kind kind, bool isolated, bool unwatched, bool in_sections)
{
	struct tally tally = { 0 };
	static struct owner o;
	unsigned int stops = 0;
	struct stress s;
	struct qt t;

	memset(&o, 0, sizeof(o));
	o.unwatched = unwatched;
	freezer_begin(&o.frozen, kind);
	if (!begin(&t, &s, &o, isolated)) {
		print_message(
			"# not run: the system refuses to trace a thread, or not to watch it\n");
		end(&t, &s, &o);
		return;
	}
	qt_cpu_bind(qt_nr_cpus() - 1);
	for (; stops < MOST_STOPS && !seen_enough(&tally, in_sections); stops++) {
		stop_once(&t, &s, &o, &tally);
		wait_for_call(&o);
	}
	qt_cpu_unbind();
	print_message(
		"# %u stops: %u between calls, %u inside one, %u of these in a section; %u at "
		"which others would wait\n",
		stops, tally.between, tally.inside, tally.in_section, tally.waiting);
	end(&t, &s, &o);
	assert_true(seen_enough(&tally, in_sections));
}

static void test_by_a_signal(const struct qt_param *param)
{
	(void)param;
	run(FREEZER_SIGNAL, false, false, false);
}

static void test_by_a_signal_isolated(const struct qt_param *param)
{
	(void)param;
	run(FREEZER_SIGNAL, true, false, false);
}

static void test_by_a_tracer(const struct qt_param *param)
{
	(void)param;
	if (may_be_anywhere())
		run(FREEZER_TRACER, false, false, true);
}

static void test_by_a_tracer_isolated(const struct qt_param *param)
{
	(void)param;
	if (may_be_anywhere())
		run(FREEZER_TRACER, true, false, true);
}

/* Nothing aborts its sections: each goes on to its commit behind the drains, which must fail. */
static void test_unwatched_isolated(const struct qt_param *param)
{
	(void)param;
	if (qt_nr_cpus() < 2) {
		print_message("# not run: there is no other CPU to drain from\n");
		return;
	}
	if (may_be_anywhere())
		run(FREEZER_TRACER, true, true, true);
}

/* ---- The whole process ---- */

static bool told_to_end(void)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&fd, 1, 0) != 0;
}

/* Drains under load, and says so to whoever stops it, on standard output. */
static void test_be_stopped(const struct qt_param *param)
{
	static struct load load;
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	load_begin(&load, &s);
	for (unsigned int round = 0; !told_to_end(); round++) {
		if (round % DRAINS_BETWEEN == 0)
			assert_int_equal(write(STDOUT_FILENO, "d", 1), 1);
		if (round % 16 == 0)
			qt_assert_ok(quire_cpu_isolate(t.q, QUIRE_ALL_CPUS, round / 16 % 2 == 0));
		(void)quire_drain(t.q, QUIRE_ALL_CPUS, round % 32);
	}
	load_end(&load);
	churn_close(&t, &s);
}

/* Its output is not a part of ours. */
static void be_started(const int *to, const int *from)
{
	char *argv[] = { (char *)"/proc/self/exe", (char *)stopped_option, NULL };

	dup2(to[0], STDIN_FILENO);
	dup2(from[1], STDOUT_FILENO);
	for (int i = 0; i < 2; i++) {
		close(to[i]);
		close(from[i]);
	}
	alarm(100);
	execv(argv[0], argv);
	_exit(100);
}

/* It says something, now or later; false: it has ended. */
static bool hear(int from)
{
	char bytes[4096];

	return read(from, bytes, sizeof(bytes)) > 0;
}

static void stop_and_go(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(waitpid(pid, &status, WCONTINUED), pid);
	assert_true(WIFCONTINUED(status));
}

static void test_the_whole_process(const struct qt_param *param)
{
	struct qt_random random = qt_random_seed(7);
	int to[2], from[2], status;
	pid_t pid;

	(void)param;
	assert_true(pipe(to) == 0 && pipe(from) == 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		be_started(to, from);
	close(to[0]);
	close(from[1]);
	for (int i = 0; i < SIGSTOPS; i++) {
		struct timespec moment = { .tv_nsec = qt_random_below(&random, 2000000) };

		assert_true(hear(from[0]));
		nanosleep(&moment, NULL);
		stop_and_go(pid);
	}
	close(to[1]);
	while (hear(from[0]))
		;
	close(from[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
	static const struct qt_test stopped[] = { QT_TEST(be_stopped) };
	static const struct qt_test tests[] = {
		QT_TEST(by_a_signal),	     QT_TEST(by_a_signal_isolated),
		QT_TEST(by_a_tracer),	     QT_TEST(by_a_tracer_isolated),
		QT_TEST(unwatched_isolated), QT_TEST(the_whole_process),
	};

	if (argc > 1 && strcmp(argv[1], stopped_option) == 0)
		return QT_RUN_ONCE(stopped);
	return QT_RUN_ONCE(tests);
}
