/* SPDX-License-Identifier: MIT */
/*
 * No page is lost or handed out twice: six threads per CPU that move between CPUs, exchange pages,
 * and are interrupted by signal handlers that allocate and free, while another thread drains lists
 * all the time. Ends after a number of operations, not a time; at the end all memory is there, and
 * in whole blocks.
 */
#include "cpu.h"
#include "random.h"
#include "sanitizer.h"
#include "stress.h"
#include "test.h"
#include "ticker.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define THREADS_PER_CPU 6u
#define MAX_THREADS (6u * 64u)
#define OPS_PER_RUN (4000000u / QT_SLOWER)
#define MIN_HANDLERS (20000u / QT_SLOWER)
#define HANDLER_NS (100000u * QT_SLOWER) /* all threads together: 10 kHz */
#define NR_MAPPED 3000u
#define NR_UNMAPPED 2500u
#define MAX_HELD 200u

struct worker {
	struct run *run;
	pthread_t thread;
	uint32_t number; /* from 1 */
	struct qt_random random;
	uint32_t held[MAX_HELD];
	uint32_t nr_held;
	/* of the handler alone, until the thread has ended */
	struct stress_handler handler;
};

struct run {
	struct stress stress;
	struct worker workers[MAX_THREADS];
	uint32_t nr_workers;
	uint32_t ops; /* of each */
	atomic_uint handlers; /* runs of the signal handler */
	atomic_uint bound; /* times a thread changed its CPU */
	atomic_uint drains;
	atomic_uint wrong_stats;
	atomic_bool done;
};

static _Thread_local struct worker *self;

/* ---- In the handler: only calls that are safe there ---- */

static void handler(int signal)
{
	struct worker *w = self;

	(void)signal;
	if (!w)
		return;
	quire_handler_enter();
	stress_interrupt(&w->run->stress, w->number, &w->handler);
	quire_handler_exit();
	atomic_fetch_add_explicit(&w->run->handlers, 1, memory_order_relaxed);
}

/* ---- In the threads ---- */

static void hold(struct worker *w, uint32_t pfn, unsigned int order)
{
	stress_take(&w->run->stress, w->number, pfn, order);
	w->held[w->nr_held++] = pfn;
}

static quire_gfp random_effort(struct worker *w)
{
	static const quire_gfp efforts[] = { 0, 0, 0, QUIRE_NORETRY, QUIRE_ATOMIC, QUIRE_NOWAIT };

	return efforts[qt_random_below(&w->random, 6)];
}

static void allocate(struct worker *w)
{
	struct quire *q = w->run->stress.q;
	uint32_t pfns[64], n = 1 + qt_random_below(&w->random, 64),
			   dice = qt_random_below(&w->random, 20);
	unsigned int order = dice == 0 ? 1 + qt_random_below(&w->random, 9) : 0;
	quire_gfp gfp = random_effort(w);

	if (dice < 12) {
		uint32_t pfn = quire_alloc_pfn(q, gfp, order);

		if (pfn != QUIRE_NO_PFN)
			hold(w, pfn, order);
		return;
	}
	if (n > MAX_HELD - w->nr_held)
		n = MAX_HELD - w->nr_held;
	if (dice < 17) {
		n = (uint32_t)quire_alloc_bulk_pfn(q, gfp | (dice == 16 ? QUIRE_ALL : 0), 0, n,
						   pfns);
	} else {
		for (uint32_t i = 0; i < n; i++)
			pfns[i] = QUIRE_NO_PFN;
		quire_fill_pfn(q, gfp, n, pfns);
	}
	for (uint32_t i = 0; i < n; i++)
		if (pfns[i] != QUIRE_NO_PFN)
			hold(w, pfns[i], 0);
}

static void give_back(struct worker *w)
{
	struct stress *s = &w->run->stress;
	uint32_t n = 1 + qt_random_below(&w->random, 64), i;

	if (w->nr_held == 0)
		return;
	if (qt_random_one_in(&w->random, 2)) {
		i = qt_random_below(&w->random, w->nr_held);
		stress_free(s, w->held[i]);
		w->held[i] = w->held[--w->nr_held];
		return;
	}
	n = n < w->nr_held ? n : w->nr_held;
	w->nr_held -= n;
	stress_free_bulk(s, n, &w->held[w->nr_held]);
}

/* A held block becomes pages, if there is room to hold them. */
static void split(struct worker *w)
{
	struct stress *s = &w->run->stress;
	uint32_t i, pfn, n;

	if (w->nr_held == 0)
		return;
	i = qt_random_below(&w->random, w->nr_held);
	pfn = w->held[i];
	n = 1u << atomic_load_explicit(&s->order[pfn], memory_order_relaxed);
	if (w->nr_held + n > MAX_HELD)
		return;
	n = stress_split(s, pfn);
	while (--n > 0)
		w->held[w->nr_held++] = pfn + n;
}

static void exchange(struct worker *w)
{
	uint32_t mine = w->nr_held > 0 ? w->held[--w->nr_held] : QUIRE_NO_PFN;
	uint32_t theirs = stress_exchange(&w->run->stress, qt_random_below(&w->random, STRESS_RING),
					  mine);

	if (theirs != QUIRE_NO_PFN)
		w->held[w->nr_held++] = theirs;
}

static void operate(struct worker *w)
{
	uint32_t dice = qt_random_below(&w->random, 1000);

	if (dice < 2) {
		if (qt_cpu_bind(qt_random_below(&w->random, qt_nr_cpus())))
			atomic_fetch_add(&w->run->bound, 1);
	} else if (dice < 100) {
		exchange(w);
	} else if (dice < 110) {
		split(w);
	} else if (dice < 500 && w->nr_held < MAX_HELD) {
		allocate(w);
	} else {
		give_back(w);
	}
}

static void *work(void *argument)
{
	struct worker *w = argument;
	struct run *r = w->run;
	sigset_t set;
	timer_t timer;

	self = w;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	if (!qt_ticker_start(&timer, SIGRTMIN, (uint64_t)HANDLER_NS * r->nr_workers)) {
		atomic_fetch_add(&r->stress.nonsense, 1);
		return NULL;
	}
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	for (uint32_t i = 0; i < r->ops || atomic_load(&r->handlers) < MIN_HANDLERS; i++)
		operate(w);
	timer_delete(timer);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return NULL;
}

struct visit {
	struct run *run;
	uint32_t next;
};

static int visit(void *context, uint32_t pfn, unsigned int order)
{
	struct visit *v = context;

	if (pfn < v->next || pfn >= v->run->stress.nr_pfns || order > 9)
		atomic_fetch_add(&v->run->wrong_stats, 1);
	v->next = pfn + 1;
	return 0;
}

/*
 * What else may be done while others allocate: look at what is held, and take free pages out of
 * play.
 */
static void disturb(struct run *r, struct qt_random *random)
{
	struct stress *s = &r->stress;
	struct visit v = { .run = r };

	if (qt_random_one_in(random, 16) && quire_held_visit(s->q, visit, &v) != 0)
		atomic_fetch_add(&r->wrong_stats, 1);
	stress_reserve(s, UINT32_MAX, qt_random_below(random, s->nr_pfns),
		       1 + qt_random_below(random, 4));
}

/*
 * Drain, and look on. Under load the parts of the statistics need not add up, but none is beyond
 * all bounds.
 */
static void *drain(void *argument)
{
	struct run *r = argument;
	struct quire *q = r->stress.q;
	struct qt_random random = qt_random_seed(77);
	struct timespec pause = { 0, 100000 };

	while (!atomic_load(&r->done)) {
		struct quire_stats stats = { .size = sizeof(stats) };
		struct quire_cpu_stats cpu = { .size = sizeof(cpu) };
		size_t keep = qt_random_one_in(&random, 2) ? 0 : qt_random_below(&random, 64);
		int nr = qt_cpu(qt_random_below(&random, qt_nr_cpus()));

		quire_drain(q, qt_random_one_in(&random, 8) ? QUIRE_ALL_CPUS : nr, keep);
		if (quire_stats_get(q, &stats) != 0 || stats.held > stats.managed ||
		    quire_cpu_stats_get(q, nr, &cpu) != 0 || cpu.count > 2048)
			atomic_fetch_add(&r->wrong_stats, 1);
		atomic_fetch_add(&r->drains, 1);
		disturb(r, &random);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* ---- The test ---- */

static void free_what_is_left(struct run *r)
{
	for (uint32_t i = 0; i < r->nr_workers; i++) {
		struct worker *w = &r->workers[i];

		stress_free_bulk(&r->stress, w->nr_held, w->held);
		stress_free_bulk(&r->stress, w->handler.nr_held, w->handler.held);
	}
	for (uint32_t i = 0; i < STRESS_RING; i++) {
		uint32_t pfn = stress_exchange(&r->stress, i, QUIRE_NO_PFN);

		if (pfn != QUIRE_NO_PFN)
			stress_free(&r->stress, pfn);
	}
}

static uint64_t pages_out(const struct run *r)
{
	uint64_t n = 0;

	for (uint32_t pfn = 0; pfn < r->stress.nr_pfns; pfn++)
		n += atomic_load(&r->stress.owner[pfn]) != 0;
	return n;
}

static uint64_t whole_blocks(const struct qt *t)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < t->nr_regions; i++) {
		uint32_t first = (t->info[i].first_pfn + 511) / 512;

		n += (t->info[i].first_pfn + t->info[i].nr_pages) / 512 - first;
	}
	return n;
}

static void check_all_is_there(struct qt *t)
{
	static uint32_t pfns[NR_MAPPED + NR_UNMAPPED];
	const size_t all = NR_MAPPED + NR_UNMAPPED;
	struct quire_stats stats;

	qt_assert_sound(t->q, 0);
	assert_int_equal(quire_alloc_bulk_pfn(t->q, 0, 0, all, pfns), all);
	assert_int_equal(quire_alloc_pfn(t->q, 0, 0), QUIRE_NO_PFN);
	qt_assert_sound(t->q, all);
	assert_int_equal(quire_free_bulk_pfn(t->q, all, pfns), all);
	quire_drain(t->q, QUIRE_ALL_CPUS, 0);
	stats = qt_stats(t->q);
	assert_int_equal(stats.free_zone + stats.free_stash, all);
	assert_true(stats.free_pageblocks <= whole_blocks(t));
	assert_true(stats.free_pageblocks + stats.free_stash >= whole_blocks(t));
}

static void run_threads(struct run *r)
{
	pthread_t drainer;

	assert_int_equal(pthread_create(&drainer, NULL, drain, r), 0);
	for (uint32_t i = 0; i < r->nr_workers; i++) {
		struct worker *w = &r->workers[i];

		w->run = r;
		w->number = i + 1;
		w->random = qt_random_seed(i);
		w->handler.random = qt_random_seed(i + 1000);
		assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
	}
	for (uint32_t i = 0; i < r->nr_workers; i++)
		pthread_join(r->workers[i].thread, NULL);
	atomic_store(&r->done, true);
	pthread_join(drainer, NULL);
}

static void install_handler(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	assert_int_equal(sigaction(SIGRTMIN, &action, NULL), 0);
}

/* One region in one zone, or a mapped and an unmapped one in two. */
static void open_zones(struct qt *t, const struct qt_param *param, uint32_t nr_zones)
{
	uint32_t high;

	qt_begin(t, param);
	t->config.max_pages = NR_MAPPED + NR_UNMAPPED;
	t->config.max_zones = nr_zones;
	t->config.max_regions = nr_zones;
	t->config.nr_cpus = (uint32_t)qt_cpu(qt_nr_cpus() - 1) + 1;
	high = (NR_MAPPED + NR_UNMAPPED) / 8 / t->config.nr_cpus;
	t->config.high = high < 64 ? high : 64; /* short lists overflow and refill all the time */
	t->config.batch = 16;
	qt_create(t);
	if (nr_zones == 1) {
		qt_add_mapped(t, 0, NR_MAPPED + NR_UNMAPPED);
		return;
	}
	qt_add_mapped(t, 0, NR_MAPPED);
	qt_add_unmapped(t, 1, UINT64_C(1) << 40, NR_UNMAPPED);
}

static void run_zones(const struct qt_param *param, uint32_t nr_zones)
{
	static struct run r;
	static struct qt t;

	memset(&r, 0, sizeof(r));
	open_zones(&t, param, nr_zones);
	assert_true(stress_init(&r.stress, t.q));
	install_handler();
	r.nr_workers = THREADS_PER_CPU * qt_nr_cpus();
	r.ops = OPS_PER_RUN / r.nr_workers;
	run_threads(&r);
	print_message(
		"# %u threads, %u handlers, %u drains, %u ranges reserved, %u changes of CPU\n",
		r.nr_workers, atomic_load(&r.handlers), atomic_load(&r.drains),
		atomic_load(&r.stress.reserved), atomic_load(&r.bound));
	assert_int_equal(atomic_load(&r.stress.doubled), 0);
	assert_int_equal(atomic_load(&r.stress.damaged), 0);
	assert_int_equal(atomic_load(&r.stress.refused), 0);
	assert_int_equal(atomic_load(&r.stress.nonsense), 0);
	assert_int_equal(atomic_load(&r.wrong_stats), 0);
	assert_true(atomic_load(&r.handlers) >= MIN_HANDLERS);
	assert_true(atomic_load(&r.drains) > 0);
	/* Only reserving what others hold may have been refused. */
	assert_int_equal(atomic_load(&t.reports.nr[QUIRE_REPORT_BAD_FREE]), 0);
	assert_true(atomic_load(&r.stress.reserved) > 0);
	qt_assert_sound(t.q, pages_out(&r));
	free_what_is_left(&r);
	assert_int_equal(pages_out(&r), 0);
	assert_int_equal(atomic_load(&r.stress.refused), 0);
	check_all_is_there(&t);
	stress_end(&r.stress);
	qt_end(&t);
}

static void test_no_page_is_lost_or_doubled_in_one_zone(const struct qt_param *param)
{
	run_zones(param, 1);
}

static void test_no_page_is_lost_or_doubled_in_two_zones(const struct qt_param *param)
{
	run_zones(param, 2);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(no_page_is_lost_or_doubled_in_one_zone),
		QT_TEST(no_page_is_lost_or_doubled_in_two_zones),
	};

	return QT_RUN_CACHES(tests);
}
