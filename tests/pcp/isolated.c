/* SPDX-License-Identifier: MIT */
/*
 * CPUs that drains must not interrupt: who asks for a fence, and who does not; what a drain of them moves,
 * keeps and shares with another; and each order of isolating and disabling, with the way back.
 */
#include "alloc/instance.h"
#include "cpu.h"
#include "load.h"
#include "port/linux/fault.h"
#include "sanitizer.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	FILL = 40,
	BUSY_DRAINS = 300 / QT_SLOWER + 20,
	WALKS = 2000,
	DEEPEST = 3,
	RACES = 2000 / QT_SLOWER,
	MOST_CPUS = 64,
};

/* ---- Fences, counted and made ---- */

static atomic_uint fences;

static bool count_and_fence(unsigned int cpu)
{
	atomic_fetch_add(&fences, 1);
	return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
		       MEMBARRIER_CMD_FLAG_CPU, cpu) == 0;
}

static void count_fences(bool do_count)
{
	atomic_store(&fences, 0);
	qp_fence_hook = do_count ? count_and_fence : NULL;
}

/* Fences since the last time. */
static unsigned int fenced(void)
{
	return atomic_exchange(&fences, 0);
}

static struct quire_cpu_stats cpu_stats(const struct quire *q, unsigned int i)
{
	struct quire_cpu_stats stats = { .size = sizeof(stats) };

	qt_assert_ok(quire_cpu_stats_get(q, qt_cpu(i), &stats));
	return stats;
}

static void isolate(struct quire *q, unsigned int i, bool on)
{
	qt_assert_ok(quire_cpu_isolate(q, qt_cpu(i), on));
	assert_int_equal(cpu_stats(q, i).isolated, on);
}

/* ---- Who asks for one ---- */

static uint64_t drained(struct quire *q, unsigned int i)
{
	uint64_t had = churn_fill(q, i, FILL);

	assert_true(had > 0);
	assert_int_equal(quire_drain(q, qt_cpu(i), 0), had);
	assert_int_equal(churn_listed(q, i), 0);
	return had;
}

static void test_one_fence_a_drain_and_none_if_isolated(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	(void)param;
	for (size_t check = 0; check < 3; check++) {
		churn_open(&t, &s, &churn_params[check], 0);
		count_fences(true);
		for (unsigned int i = 0; i < qt_nr_cpus(); i++) {
			for (int round = 0; round < 4; round++) {
				(void)drained(t.q, i);
				assert_int_equal(fenced(), 1);
				assert_int_equal(quire_drain(t.q, qt_cpu(i), 0), 0);
				assert_int_equal(fenced(), 0);
				isolate(t.q, i, true);
				assert_int_equal(fenced(), 1);
				isolate(t.q, i, true);
				(void)drained(t.q, i);
				isolate(t.q, i, false);
				isolate(t.q, i, false);
				assert_int_equal(fenced(), 0);
			}
		}
		count_fences(false);
		churn_close(&t, &s);
	}
}

/* What is in a list stays there when its CPU's mode changes. */
static void test_pages_stay_where_they_are(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	for (unsigned int i = 0; i < qt_nr_cpus(); i++) {
		uint64_t had = churn_fill(t.q, i, FILL);
		uint64_t pops;

		assert_true(had > 0);
		isolate(t.q, i, true);
		assert_int_equal(churn_listed(t.q, i), had);
		pops = cpu_stats(t.q, i).pops;
		assert_true(churn_fill(t.q, i, FILL) > 0);
		assert_true(cpu_stats(t.q, i).pops >= pops + FILL);
		had = churn_listed(t.q, i);
		isolate(t.q, i, false);
		assert_int_equal(churn_listed(t.q, i), had);
		assert_int_equal(quire_drain(t.q, qt_cpu(i), 0), had);
	}
	churn_close(&t, &s);
}

static void test_isolated_from_the_start(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], QUIRE_CONFIG_ISOLATED);
	count_fences(true);
	for (unsigned int i = 0; i < qt_nr_cpus(); i++) {
		assert_int_equal(cpu_stats(t.q, i).isolated, 1);
		(void)drained(t.q, i);
	}
	assert_int_equal(quire_drain(t.q, QUIRE_ALL_CPUS, 0), qt_stats(t.q).free_lists);
	assert_int_equal(fenced(), 0);
	qt_assert_ok(quire_cpu_isolate(t.q, QUIRE_ALL_CPUS, 0));
	assert_int_equal(fenced(), 0);
	for (unsigned int i = 0; i < qt_nr_cpus(); i++)
		(void)drained(t.q, i);
	assert_int_equal(fenced(), qt_nr_cpus());
	count_fences(false);
	churn_close(&t, &s);
}

/*
 * Its owner never stops meanwhile. A biased list may be found empty once it has been fenced. Returns how many
 * drains asked for other than what they needed.
 */
static unsigned int drain_busy(struct qt *t, const struct load *l, unsigned int i, bool isolated)
{
	uint64_t moved = 0;
	uint32_t drains = 0;
	unsigned int wrong = 0;

	isolate(t->q, i, isolated);
	load_wait(l, i);
	(void)fenced();
	for (uint32_t round = 0; round < BUSY_DRAINS; round++) {
		uint64_t n = quire_drain(t->q, qt_cpu(i), 0);
		unsigned int nr = fenced();

		wrong += isolated ? nr != 0 : nr > 1 || (n > 0 && nr == 0);
		moved += n;
		drains += n > 0;
		if (n == 0)
			load_wait(l, i);
	}
	print_message("# %u of %u drains of a busy CPU, %s, moved %llu pages\n", drains,
		      (unsigned int)BUSY_DRAINS, isolated ? "isolated" : "not isolated",
		      (unsigned long long)moved);
	return wrong + (drains == 0);
}

static void test_drains_of_busy_cpus(const struct qt_param *param)
{
	static struct load load;
	unsigned int wrong = 0;
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	count_fences(true);
	load_begin(&load, &s);
	for (unsigned int i = 0; i < qt_nr_cpus(); i++)
		for (int isolated = 0; isolated < 2; isolated++)
			wrong += drain_busy(&t, &load, i, isolated);
	load_end(&load);
	count_fences(false);
	assert_int_equal(wrong, 0);
	churn_close(&t, &s);
}

/* ---- What a drain keeps ---- */

/* A list with no more than that is left alone; a longer one is taken as a whole, full batches kept near. */
static void test_what_a_drain_keeps(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], QUIRE_CONFIG_ISOLATED);
	for (unsigned int i = 0; i < qt_nr_cpus(); i++) {
		uint64_t batch = cpu_stats(t.q, i).batch;

		for (uint64_t keep = 1; keep <= 3 * batch; keep += batch / 2) {
			uint64_t had = churn_fill(t.q, i, FILL);
			uint64_t near = keep / batch * batch;

			assert_true(had > 3 * batch / 2 && had < CHURN_PAGES);
			(void)quire_drain(t.q, QUIRE_ALL_CPUS, 0);
			had = churn_fill(t.q, i, FILL);
			assert_int_equal(quire_drain(t.q, qt_cpu(i), had), 0);
			assert_int_equal(churn_listed(t.q, i), had);
			if (keep >= had)
				continue;
			assert_int_equal(quire_drain(t.q, qt_cpu(i), keep), had);
			assert_int_equal(churn_listed(t.q, i), 0);
			assert_int_equal(qt_stats(t.q).free_depot, near);
			assert_int_equal(quire_drain(t.q, QUIRE_ALL_CPUS, 0), near);
			qt_assert_sound(t.q, 0);
		}
	}
	churn_close(&t, &s);
}

/* ---- Drains that meet ---- */

struct racer {
	pthread_t thread;
	struct quire *q;
	unsigned int cpu; /* whose lists */
	pthread_barrier_t *barrier;
	size_t moved; /* in the last round; read between two barriers */
};

static void *drain_in_rounds(void *argument)
{
	struct racer *r = argument;

	for (int round = 0; round < RACES; round++) {
		pthread_barrier_wait(r->barrier);
		r->moved = quire_drain(r->q, qt_cpu(r->cpu), 0);
		pthread_barrier_wait(r->barrier);
	}
	return NULL;
}

/* Between them they move each page once, whether they merge or follow each other. */
static void test_two_drains_move_each_page_once(const struct qt_param *param)
{
	const unsigned int cpu = qt_nr_cpus() - 1;
	struct racer racers[2];
	pthread_barrier_t barrier;
	unsigned int alone = 0;
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], QUIRE_CONFIG_ISOLATED);
	pthread_barrier_init(&barrier, NULL, 3);
	count_fences(true);
	for (int i = 0; i < 2; i++) {
		racers[i] = (struct racer){ .q = t.q, .cpu = cpu, .barrier = &barrier };
		assert_int_equal(pthread_create(&racers[i].thread, NULL, drain_in_rounds,
						&racers[i]),
				 0);
	}
	for (int round = 0; round < RACES; round++) {
		uint64_t had = churn_fill(t.q, cpu, FILL);

		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		assert_int_equal(racers[0].moved + racers[1].moved, had);
		assert_int_equal(churn_listed(t.q, cpu), 0);
		alone += racers[0].moved == 0 || racers[1].moved == 0;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(racers[i].thread, NULL);
	assert_int_equal(alone, RACES);
	assert_int_equal(fenced(), 0);
	count_fences(false);
	pthread_barrier_destroy(&barrier);
	churn_close(&t, &s);
}

/* ---- In any order ---- */

/* By number: CPUs that this process may not use have modes, too. */
struct model {
	bool isolated[MOST_CPUS];
	uint32_t disabled[MOST_CPUS];
};

static struct qp_list *shown(const struct qi_pcp *pcp, bool shared)
{
	return (struct qp_list *)atomic_load(shared ? &pcp->shared_lp : &pcp->lp);
}

/* Which of the two words names the live list, and what becomes of pages there. */
static void assert_as_model(const struct qt *t, const struct model *m)
{
	for (unsigned int cpu = 0; cpu < t->q->front.nr_cpus; cpu++) {
		const struct qi_pcp *pcp = &t->q->front.pcps[cpu];
		struct quire_cpu_stats stats = { .size = sizeof(stats) };
		bool open = m->disabled[cpu] == 0;

		qt_assert_ok(quire_cpu_stats_get(t->q, (int)cpu, &stats));
		assert_int_equal(stats.isolated, m->isolated[cpu]);
		assert_int_equal(stats.disabled, m->disabled[cpu]);
		assert_ptr_equal(shown(pcp, !m->isolated[cpu]), &qi_closed_list);
		assert_ptr_equal(shown(pcp, m->isolated[cpu]),
				 open ? qi_pcp_live(pcp) : &qi_closed_list);
		assert_true(open || stats.count == 0);
	}
}

/* The i-th is used if it is open, and drained with a fence if it is not isolated. */
static void use(struct qt *t, const struct model *m, unsigned int i)
{
	unsigned int cpu = (unsigned int)qt_cpu(i);
	uint64_t had = churn_fill(t->q, i, FILL);

	assert_int_equal(had > 0, m->disabled[cpu] == 0);
	(void)fenced();
	assert_int_equal(quire_drain(t->q, (int)cpu, 0), had);
	assert_int_equal(fenced(), had > 0 && !m->isolated[cpu]);
	(void)churn_fill(t->q, i, FILL);
}

static void take_a_step(struct qt *t, struct model *m, struct qt_random *random)
{
	bool all = qt_random_one_in(random, 4);
	unsigned int first = all ? 0 : qt_random_below(random, t->q->front.nr_cpus);
	unsigned int end = all ? t->q->front.nr_cpus : first + 1;
	int cpu = all ? QUIRE_ALL_CPUS : (int)first;
	bool on = qt_random_one_in(random, 2);
	bool deep = false, some_open = false;

	for (unsigned int i = first; i < end; i++) {
		deep = deep || m->disabled[i] == DEEPEST;
		some_open = some_open || m->disabled[i] == 0;
	}
	if (qt_random_one_in(random, 2)) {
		qt_assert_ok(quire_cpu_isolate(t->q, cpu, on ? 7 : 0));
		for (unsigned int i = first; i < end; i++)
			m->isolated[i] = on;
	} else if (on && !deep) {
		qt_assert_ok(quire_lists_disable(t->q, cpu));
		for (unsigned int i = first; i < end; i++)
			m->disabled[i]++;
	} else if (!on && some_open) {
		qt_assert_err(quire_lists_enable(t->q, cpu), EINVAL);
		qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, "disable");
	} else if (!on) {
		qt_assert_ok(quire_lists_enable(t->q, cpu));
		for (unsigned int i = first; i < end; i++)
			m->disabled[i]--;
	}
}

static void test_each_order_of_modes(const struct qt_param *param)
{
	struct qt_random random = qt_random_seed(5);
	struct model m = { .isolated = { false } };
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	assert_true(t.q->front.nr_cpus <= MOST_CPUS);
	count_fences(true);
	for (int walk = 0; walk < WALKS; walk++) {
		take_a_step(&t, &m, &random);
		assert_as_model(&t, &m);
		use(&t, &m, qt_random_below(&random, qt_nr_cpus()));
		assert_as_model(&t, &m);
	}
	for (unsigned int cpu = 0; cpu < t.q->front.nr_cpus; cpu++)
		for (; m.disabled[cpu] > 0; m.disabled[cpu]--)
			qt_assert_ok(quire_lists_enable(t.q, (int)cpu));
	assert_as_model(&t, &m);
	count_fences(false);
	churn_close(&t, &s);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(one_fence_a_drain_and_none_if_isolated),
		QT_TEST(pages_stay_where_they_are),
		QT_TEST(isolated_from_the_start),
		QT_TEST(drains_of_busy_cpus),
		QT_TEST(what_a_drain_keeps),
		QT_TEST(two_drains_move_each_page_once),
		QT_TEST(each_order_of_modes),
	};

	return QT_RUN_ONCE(tests);
}
