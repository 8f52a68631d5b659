/* SPDX-License-Identifier: MIT */
/*
 * Interruptions at numbered points inside every section: six threads per CPU that change CPUs, are
 * signalled a thousand times a second and lose their lists to drains of all CPUs in a loop, while
 * at one point after the other they wait, or trap into a handler that yields, sleeps, sends
 * signals, or allocates and frees itself. Some fences fail by membarrier, and are made by a visit
 * or not at all. No page is lost or handed out twice. A trap comes with a signal frame, so the
 * kernel aborts the section each time.
 */
#include "churn.h"
#include "cpu.h"
#include "port/linux/inject.h"
#include "sanitizer.h"
#include "ticker.h"
#include "traps.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS_PER_CPU 6u
#define MAX_THREADS (THREADS_PER_CPU * 64u)
#define OPS (180000u / QT_SLOWER) /* of all threads, for each point and kind */
#define MIN_TRAPS 100u /* of each section, for each point and kind */
#define MOST_OPS (20u * OPS)
#define TICK_NS 1000000u
#define MOST_TURNS 20000u
#define STUBBORN 100u /* traps in a row, more than a section is tried */

enum kind {
	DELAY,
	YIELD,
	SLEEP,
	SIGNAL,
	ALLOCATE,
	NR_KINDS,
};

struct worker {
	pthread_t thread;
	atomic_int tid; /* 0: not there yet */
	struct churn churn;
	struct stress_handler in_signal; /* of the handler of SIGRTMIN alone */
	struct stress_handler in_trap; /* of the handler of SIGTRAP alone */
	uint32_t number;
	volatile sig_atomic_t trapped; /* the handler of SIGTRAP is at work */
	volatile sig_atomic_t again; /* traps to come in a row */
};

static struct {
	struct stress stress;
	enum kind kind;
	int point; /* 1 to 4 */
	const struct qt_param *param;
	uint32_t nr_workers;
	struct worker workers[MAX_THREADS];
	atomic_uint traps[TRAPS_NR_SECTIONS];
	atomic_uint strays; /* traps that no section was aborted by, or of another point */
	atomic_uint nested;
	atomic_uint signals;
	atomic_uint ops;
	atomic_uint drains;
	atomic_bool done;
} run;

static _Thread_local struct worker *self;

/* ---- At a point ---- */

static void set_point(int32_t value)
{
	__atomic_store_n(&qp_inject[run.point], value, __ATOMIC_RELAXED);
}

static void nap(void)
{
	const struct timespec pause = { .tv_nsec = 20000 };

	nanosleep(&pause, NULL);
}

/* To itself, and to somebody who may be inside a section as well. */
static void send_signals(struct worker *w)
{
	uint32_t other = qt_random_below(&w->in_trap.random, run.nr_workers);
	int tid = atomic_load(&run.workers[other].tid);

	syscall(SYS_tgkill, getpid(), atomic_load(&w->tid), SIGRTMIN);
	if (tid != 0)
		syscall(SYS_tgkill, getpid(), tid, SIGRTMIN);
}

static void act(struct worker *w)
{
	switch (run.kind) {
	case YIELD:
		sched_yield();
		break;
	case SLEEP:
		nap();
		break;
	case SIGNAL:
		send_signals(w);
		break;
	case ALLOCATE:
		stress_interrupt(&run.stress, w->number, &w->in_trap);
		break;
	default:
		break;
	}
}

/* Disarms the point, or the section would trap for as long as it is tried. */
static void on_trap(int signal, siginfo_t *info, void *context)
{
	struct worker *w = self;
	int saved = errno;
	struct trap trap;

	(void)signal;
	(void)info;
	if (!traps_find(context, &trap) || trap.point != run.point)
		atomic_fetch_add(&run.strays, 1);
	else
		atomic_fetch_add(&run.traps[trap.section], 1);
	set_point(w != NULL && w->again > 0 ? -run.point : 0);
	if (w != NULL && w->again > 0)
		w->again = w->again - 1;
	if (w != NULL && !w->trapped) {
		w->trapped = 1;
		act(w);
		w->trapped = 0;
	} else {
		atomic_fetch_add(&run.nested, 1);
	}
	errno = saved;
}

static void on_signal(int signal)
{
	struct worker *w = self;

	(void)signal;
	if (w == NULL)
		return;
	stress_interrupt(&run.stress, w->number, &w->in_signal);
	atomic_fetch_add_explicit(&run.signals, 1, memory_order_relaxed);
}

static void install(int signal, struct sigaction action)
{
	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(signal, &action, NULL), 0);
}

/* A trap while SIGTRAP is blocked would end the process. */
static void install_handlers(void)
{
	install(SIGTRAP,
		(struct sigaction){ .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER });
	install(SIGRTMIN, (struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_RESTART });
}

/* ---- The threads ---- */

static void arm(struct worker *w)
{
	struct qt_random *random = &w->churn.random;

	if (!qt_random_one_in(random, 8))
		return;
	if (run.kind == DELAY) {
		set_point((int32_t)qt_random_below(random, MOST_TURNS));
		return;
	}
	w->again = qt_random_one_in(random, 256) ? STUBBORN : 0;
	set_point(-run.point);
}

/* Whether requests run that section; strict frees are looked at one by one. */
static bool runs(enum traps_section section)
{
	return traps_run(section) &&
	       (section != TRAPS_PUSH_WIDE || run.param->check != QUIRE_CHECK_STRICT);
}

static bool enough(void)
{
	uint32_t ops = atomic_load_explicit(&run.ops, memory_order_relaxed);

	if (churn_went_wrong(&run.stress))
		return true;
	if (ops < OPS)
		return false;
	for (enum traps_section i = 0; i < TRAPS_NR_SECTIONS && run.kind != DELAY; i++)
		if (runs(i) &&
		    atomic_load_explicit(&run.traps[i], memory_order_relaxed) < MIN_TRAPS)
			return ops >= MOST_OPS;
	return true;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	timer_t timer;

	self = w;
	atomic_store(&w->tid, (int)syscall(SYS_gettid));
	if (!qt_ticker_start(&timer, SIGRTMIN, TICK_NS)) {
		atomic_fetch_add(&run.stress.nonsense, 1);
		return NULL;
	}
	for (uint32_t i = 0; !enough(); i++) {
		if (i % 512 == 0)
			qt_cpu_bind(qt_random_below(&w->churn.random, qt_nr_cpus()));
		arm(w);
		churn_step(&w->churn);
		w->again = 0;
		atomic_fetch_add_explicit(&run.ops, 1, memory_order_relaxed);
	}
	timer_delete(timer);
	return NULL;
}

static void *drain(void *argument)
{
	(void)argument;
	while (!atomic_load(&run.done)) {
		quire_drain(run.stress.q, QUIRE_ALL_CPUS, 0);
		atomic_fetch_add(&run.drains, 1);
		nap();
	}
	return NULL;
}

static void start_workers(void)
{
	for (uint32_t i = 0; i < run.nr_workers; i++) {
		struct worker *w = &run.workers[i];

		w->number = i + 1;
		w->in_signal.random = qt_random_seed(i + 1000);
		w->in_trap.random = qt_random_seed(i + 2000);
		churn_init(&w->churn, &run.stress, w->number);
	}
	for (uint32_t i = 0; i < run.nr_workers; i++)
		assert_int_equal(pthread_create(&run.workers[i].thread, NULL, work,
						&run.workers[i]),
				 0);
}

static void run_threads(void)
{
	pthread_t drainer;

	churn_fail_fences(true);
	assert_int_equal(pthread_create(&drainer, NULL, drain, NULL), 0);
	start_workers();
	for (uint32_t i = 0; i < run.nr_workers; i++)
		pthread_join(run.workers[i].thread, NULL);
	set_point(0);
	atomic_store(&run.done, true);
	pthread_join(drainer, NULL);
	churn_fail_fences(false);
	for (uint32_t i = 0; i < run.nr_workers; i++) {
		struct worker *w = &run.workers[i];

		churn_end(&w->churn);
		stress_free_bulk(&run.stress, w->in_signal.nr_held, w->in_signal.held);
		stress_free_bulk(&run.stress, w->in_trap.nr_held, w->in_trap.held);
	}
}

/* ---- The tests ---- */

static void check_traps(const struct quire_stats *stats)
{
	static const char *const kinds[] = { "delay", "yield", "sleep", "signal", "allocate" };

	print_message("# %s at point %d, check %s: %llu aborts counted;", kinds[run.kind],
		      run.point, quire_check_name(run.param->check),
		      (unsigned long long)stats->aborts);
	for (enum traps_section i = 0; i < TRAPS_NR_SECTIONS && run.kind != DELAY; i++)
		print_message(" %s %u,", traps_names[i], atomic_load(&run.traps[i]));
	print_message(" %u nested; %u signals, %u drains\n", atomic_load(&run.nested),
		      atomic_load(&run.signals), atomic_load(&run.drains));
	assert_int_equal(atomic_load(&run.strays), 0);
	assert_true(stats->aborts > 0);
	for (enum traps_section i = 0; i < TRAPS_NR_SECTIONS && run.kind != DELAY; i++)
		assert_true(!runs(i) || atomic_load(&run.traps[i]) >= MIN_TRAPS);
	assert_true(atomic_load(&run.signals) > 0 && atomic_load(&run.drains) > 0);
}

/* By kind, too, so that each section is stopped at each point whatever a check leaves out. */
static const struct qt_param *param_of(enum kind kind, int point)
{
	return &churn_params[((int)kind + point) % 3];
}

static void run_point(enum kind kind, int point)
{
	struct quire_stats stats;
	static struct qt t;

	memset(&run, 0, sizeof(run));
	run.kind = kind;
	run.point = point;
	run.param = param_of(kind, point);
	run.nr_workers = THREADS_PER_CPU * qt_nr_cpus();
	churn_open(&t, &run.stress, run.param, 0);
	run_threads();
	stats = qt_stats(t.q);
	check_traps(&stats);
	churn_close(&t, &run.stress);
}

static void run_kind(enum kind kind)
{
	install_handlers();
	for (int point = 1; point < QP_NR_POINTS; point++)
		run_point(kind, point);
}

static void test_delays(const struct qt_param *param)
{
	(void)param;
	run_kind(DELAY);
}

static void test_yields(const struct qt_param *param)
{
	(void)param;
	run_kind(YIELD);
}

static void test_sleeps(const struct qt_param *param)
{
	(void)param;
	run_kind(SLEEP);
}

static void test_signals(const struct qt_param *param)
{
	(void)param;
	run_kind(SIGNAL);
}

static void test_allocations(const struct qt_param *param)
{
	(void)param;
	run_kind(ALLOCATE);
}

static void test_every_section_is_known(const struct qt_param *param)
{
	(void)param;
	assert_true(traps_learn());
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(every_section_is_known),
		QT_TEST(delays),
		QT_TEST(yields),
		QT_TEST(sleeps),
		QT_TEST(signals),
		QT_TEST(allocations),
	};

	if (QUIRE_BUILD_TSAN_ != 0) {
		print_message("1..0 # SKIP ThreadSanitizer puts handlers off\n");
		return 0;
	}
	return QT_RUN_ONCE(tests);
}
