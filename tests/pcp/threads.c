/* SPDX-License-Identifier: MIT */
/*
 * Threads of every origin: a thousand that come and go, some whose affinity excludes the CPUs that
 * they drain, and one that is unregistered from rseq half way. (Those that the C library does not
 * know are in rawthreads.c.)
 */
#include "child.h"
#include "churn.h"
#include "cpu.h"
#include "port/linux/fault.h"
#include "port/port.h"
#include "sanitizer.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	NR_THREADS = 1000 / QT_SLOWER,
	WAVE = 25,
	STEPS_OF_EACH = 100,
	FILL = 40,
	DRAINS = 2000 / QT_SLOWER,
	VISITS = 100, /* each goes to the busy CPU and comes back: milliseconds */
	AREA_BYTES = 32,
	UNREGISTER = 1,
};

struct churner {
	pthread_t thread;
	struct churn churn;
	unsigned int bound; /* to this CPU, */
	atomic_bool *done; /* until then; NULL: for a number of steps */
};

static void *churn_along(void *argument)
{
	struct churner *c = argument;

	if (c->done)
		qt_cpu_bind(c->bound);
	for (uint32_t i = 0; c->done ? !atomic_load(c->done) : i < STEPS_OF_EACH; i++)
		churn_step(&c->churn);
	churn_end(&c->churn);
	return NULL;
}

/* ---- Coming and going ---- */

struct drainer {
	pthread_t thread;
	struct quire *q;
	atomic_bool done;
	uint32_t drains;
};

static void *drain_along(void *argument)
{
	struct drainer *d = argument;

	for (; !atomic_load(&d->done); d->drains++)
		quire_drain(d->q, QUIRE_ALL_CPUS, d->drains % 2);
	return NULL;
}

static void run_wave(struct stress *s, uint32_t first)
{
	static struct churner churners[WAVE];

	for (uint32_t i = 0; i < WAVE; i++) {
		churn_init(&churners[i].churn, s, first + i);
		assert_int_equal(pthread_create(&churners[i].thread, NULL, churn_along,
						&churners[i]),
				 0);
	}
	for (uint32_t i = 0; i < WAVE; i++)
		pthread_join(churners[i].thread, NULL);
}

static void test_a_thousand_come_and_go(const struct qt_param *param)
{
	struct drainer d = { .drains = 0 };
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	d.q = t.q;
	assert_int_equal(pthread_create(&d.thread, NULL, drain_along, &d), 0);
	for (uint32_t n = 0; n < NR_THREADS; n += WAVE)
		run_wave(&s, n + 1);
	atomic_store(&d.done, true);
	pthread_join(d.thread, NULL);
	assert_true(d.drains > 0);
	churn_close(&t, &s);
}

/* ---- Affinities that exclude the CPU that is drained ---- */

static void bind_main(unsigned int i, cpu_set_t *mask)
{
	assert_true(qt_cpu_bind(i));
	assert_int_equal(sched_getaffinity(0, sizeof(*mask), mask), 0);
}

static void assert_still_bound(const cpu_set_t *mask)
{
	cpu_set_t now;

	assert_int_equal(sched_getaffinity(0, sizeof(now), &now), 0);
	assert_true(CPU_EQUAL(&now, mask));
}

static int refuse_membarrier(const char *call)
{
	return strcmp(call, "membarrier") == 0;
}

static void take_everything(struct quire *q)
{
	static uint32_t pfns[CHURN_PAGES];

	assert_int_equal(quire_alloc_bulk_pfn(q, 0, 0, CHURN_PAGES, pfns), CHURN_PAGES);
	assert_int_equal(quire_free_bulk_pfn(q, CHURN_PAGES, pfns), CHURN_PAGES);
}

static void reach_from(struct quire *q, unsigned int here, unsigned int there)
{
	uint64_t had = churn_fill(q, there, FILL);
	cpu_set_t mask;

	assert_true(had > 0);
	bind_main(here, &mask);
	assert_int_equal(quire_drain(q, qt_cpu(there), 0), had);
	assert_int_equal(churn_listed(q, there), 0);
	assert_still_bound(&mask);
	assert_true(churn_fill(q, there, FILL) > 0);
	bind_main(here, &mask);
	take_everything(q);
	assert_still_bound(&mask);
	qt_cpu_unbind();
}

static void test_drains_from_elsewhere(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	(void)param;
	if (qt_nr_cpus() < 2)
		skip();
	for (int visits = 0; visits < 2; visits++) {
		churn_open(&t, &s, &churn_params[0], 0);
		qp_fault_hook = visits ? refuse_membarrier : NULL;
		reach_from(t.q, 0, 1);
		reach_from(t.q, 1, 0);
		qp_fault_hook = NULL;
		churn_close(&t, &s);
	}
}

/* Its owners never stop meanwhile. */
static void drain_busy(bool visits)
{
	static struct churner churners[2];
	atomic_bool done = false;
	uint32_t most = visits ? VISITS : DRAINS;
	uint64_t moved = 0;
	struct stress s;
	cpu_set_t mask;
	struct qt t;

	churn_open(&t, &s, &churn_params[1], 0);
	bind_main(0, &mask);
	qp_fault_hook = visits ? refuse_membarrier : NULL;
	for (uint32_t i = 0; i < 2; i++) {
		churn_init(&churners[i].churn, &s, i + 1);
		churners[i].bound = 1;
		churners[i].done = &done;
		assert_int_equal(pthread_create(&churners[i].thread, NULL, churn_along,
						&churners[i]),
				 0);
	}
	for (uint32_t drains = 0; drains < most;) {
		uint64_t n = quire_drain(t.q, qt_cpu(1), 0);

		drains += n > 0;
		moved += n;
	}
	assert_still_bound(&mask);
	atomic_store(&done, true);
	for (uint32_t i = 0; i < 2; i++)
		pthread_join(churners[i].thread, NULL);
	qp_fault_hook = NULL;
	qt_cpu_unbind();
	print_message("# %u drains of a busy CPU %s: %llu pages\n", most,
		      visits ? "by visits" : "by membarrier", (unsigned long long)moved);
	churn_close(&t, &s);
}

static void test_drains_of_a_busy_cpu(const struct qt_param *param)
{
	(void)param;
	if (qt_nr_cpus() < 2)
		skip();
	drain_busy(false);
	drain_busy(true);
}

/* ---- A process on one CPU of several ---- */

static int live_on_one_cpu(void *context)
{
	struct qt *t = context;
	static uint32_t pfns[CHURN_PAGES];
	struct quire_stats stats = { .size = sizeof(stats) };

	QT_STEP(1, qt_cpu_bind(1));
	for (int i = 0; i < 1000; i++) {
		uint32_t pfn = quire_alloc_pfn(t->q, 0, 0);

		QT_STEP(2, pfn != QUIRE_NO_PFN && quire_free_pfn(t->q, pfn) == 0);
	}
	QT_STEP(3, churn_listed(t->q, 0) == 0 && churn_listed(t->q, 1) > 0);
	QT_STEP(4, quire_drain(t->q, qt_cpu(0), 0) == 0 && quire_drain(t->q, qt_cpu(1), 0) > 0);
	QT_STEP(5, quire_alloc_bulk_pfn(t->q, 0, 0, CHURN_PAGES, pfns) == CHURN_PAGES);
	QT_STEP(6, quire_free_bulk_pfn(t->q, CHURN_PAGES, pfns) == CHURN_PAGES);
	QT_STEP(7, quire_stats_get(t->q, &stats) == 0 && stats.held == 0);
	return 0;
}

static void test_a_process_on_one_cpu(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	(void)param;
	if (qt_nr_cpus() < 2)
		skip();
	churn_open(&t, &s, &churn_params[0], QUIRE_CONFIG_INHERIT);
	qt_in_child(live_on_one_cpu, &t);
	churn_close(&t, &s);
}

/* ---- A CPU that has no list ---- */

static void churn_on(struct churn *c, unsigned int cpu)
{
	assert_true(qt_cpu_bind(cpu));
	for (uint32_t i = 0; i < 1000; i++)
		churn_step(c);
	qt_cpu_unbind();
}

static void assert_lists_moved(const struct quire *q, const struct quire_stats *before, bool moved)
{
	struct quire_stats now = qt_stats(q);

	assert_int_equal(now.list_pops > before->list_pops, moved);
	assert_int_equal(now.list_pushes > before->list_pushes, moved);
}

static void test_a_cpu_without_a_list(const struct qt_param *param)
{
	struct quire_stats before;
	struct churn churn;
	struct stress s;
	struct qt t;

	(void)param;
	if (qt_nr_cpus() < 2)
		skip();
	churn_open_cpus(&t, &s, &churn_params[0], 0, (uint32_t)qt_cpu(0) + 1);
	churn_init(&churn, &s, 1);
	before = qt_stats(t.q);
	churn_on(&churn, 1);
	assert_lists_moved(t.q, &before, false);
	churn_on(&churn, 0);
	assert_lists_moved(t.q, &before, true);
	churn_end(&churn);
	churn_close(&t, &s);
}

/* ---- Unregistered half way ---- */

struct unwatched {
	struct stress *s;
	const char *wrong; /* what went wrong, or NULL */
};

static bool ask_rseq(int flags)
{
	char *area = (char *)__builtin_thread_pointer() + qp_rseq_area.offset;

	return syscall(SYS_rseq, area, AREA_BYTES, flags, QP_SIGNATURE) == 0;
}

/* Whether lists took part in a few hundred calls; drains between them. */
static bool lists_take_part(struct churn *c)
{
	struct quire_stats before = { .size = sizeof(before) }, after = { .size = sizeof(after) };
	struct quire *q = c->s->q;

	quire_stats_get(q, &before);
	for (int i = 0; i < 300; i++)
		churn_step(c);
	quire_stats_get(q, &after);
	quire_drain(q, QUIRE_ALL_CPUS, 0);
	return after.list_pops > before.list_pops || after.list_pushes > before.list_pushes;
}

static void *unregister_half_way(void *argument)
{
	struct unwatched *u = argument;
	struct churn churn;

	churn_init(&churn, u->s, 1);
	if (!lists_take_part(&churn))
		u->wrong = "no list was used at first";
	if (!ask_rseq(UNREGISTER))
		u->wrong = "the area could not be unregistered";
	else if (lists_take_part(&churn) || lists_take_part(&churn))
		u->wrong = "a list was used while nobody watched";
	else if (!ask_rseq(0))
		u->wrong = "the area could not be registered again";
	else if (!lists_take_part(&churn))
		u->wrong = "no list was used in the end";
	churn_end(&churn);
	return NULL;
}

static void test_unregistered_half_way(const struct qt_param *param)
{
	struct unwatched u = { .wrong = NULL };
	pthread_t thread;
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	u.s = &s;
	assert_int_equal(pthread_create(&thread, NULL, unregister_half_way, &u), 0);
	pthread_join(thread, NULL);
	if (u.wrong)
		fail_msg("%s", u.wrong);
	churn_close(&t, &s);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(a_thousand_come_and_go), QT_TEST(drains_from_elsewhere),
		QT_TEST(drains_of_a_busy_cpu),	 QT_TEST(a_process_on_one_cpu),
		QT_TEST(a_cpu_without_a_list),	 QT_TEST(unregistered_half_way),
	};

	return QT_RUN_ONCE(tests);
}
