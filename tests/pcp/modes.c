/* SPDX-License-Identifier: MIT */
/*
 * Modes of CPUs changed while they are used: isolated and back a thousand times, disabled and enabled,
 * against each other and against drains of one and of all, threads that come and go, and instances that
 * do. Each page is stamped by whoever has it; at the end all of them are there.
 */
#include "cpu.h"
#include "load.h"
#include "port/linux/fault.h"
#include "sanitizer.h"

#include <sched.h>
#include <string.h>

enum {
	TIMES = 1000,
	WAIT = 8, /* rounds, of which one waits until each mode has been used */
	SWITCHES = 1000 / QT_SLOWER + 150,
	WAVES = 6 / QT_SLOWER + 2,
	SWITCHES_OF_WAVE = 15, /* of the main thread; its rivals make more */
	WAVE = 8,
	STEPS_OF_EACH = 100,
	LIVES = 300 / QT_SLOWER,
	LIVING = 3, /* instances at once */
	LIFE_PAGES = 2048,
};

static uint32_t pfns[CHURN_PAGES];

static int random_cpu(struct qt_random *random)
{
	if (qt_random_one_in(random, 4))
		return QUIRE_ALL_CPUS;
	return qt_cpu(qt_random_below(random, qt_nr_cpus()));
}

static size_t random_keep(struct qt_random *random)
{
	return qt_random_one_in(random, 2) ? 0 : qt_random_below(random, 64);
}

/* ---- A thousand times ---- */

/* Some rounds go on when pages have moved in each mode; others change modes as fast as they can. */
static void run_a_thousand(const struct qt_param *param)
{
	static struct load load;
	struct stress s;
	struct qt t;

	churn_open(&t, &s, param, 0);
	load_begin(&load, &s);
	for (unsigned int round = 0; round < TIMES; round++) {
		unsigned int i = round % qt_nr_cpus();
		int cpu = round % 4 == 0 ? QUIRE_ALL_CPUS : qt_cpu(i);

		for (int on = 1; on >= 0; on--) {
			qt_assert_ok(quire_cpu_isolate(t.q, cpu, on));
			if (round % (WAIT * QT_SLOWER) == 0)
				load_wait(&load, i);
			if (round % 2 == 0)
				(void)quire_drain(t.q, cpu, round % 32);
		}
	}
	load_end(&load);
	churn_close(&t, &s);
}

static void test_isolated_and_back_a_thousand_times(const struct qt_param *param)
{
	(void)param;
	run_a_thousand(&churn_params[0]);
}

static void test_isolated_and_back_without_checks(const struct qt_param *param)
{
	(void)param;
	run_a_thousand(&churn_params[1]);
}

/* ---- Everything at once ---- */

struct rival {
	pthread_t thread;
	struct quire *q;
	struct qt_random random;
	atomic_bool *done;
	void (*act)(struct rival *r);
	uint32_t actions;
	uint32_t refused; /* calls that were, and should not have been */
};

static void isolate_some(struct rival *r)
{
	r->refused += quire_cpu_isolate(r->q, random_cpu(&r->random),
					(int)qt_random_below(&r->random, 2)) != 0;
}

/* Nested, and never more enables than disables. */
static void disable_some(struct rival *r)
{
	int outer = random_cpu(&r->random), inner = random_cpu(&r->random);

	r->refused += quire_lists_disable(r->q, outer) != 0;
	if (qt_random_one_in(&r->random, 4)) {
		r->refused += quire_lists_disable(r->q, inner) != 0;
		(void)quire_drain(r->q, QUIRE_ALL_CPUS, 0);
		r->refused += quire_lists_enable(r->q, inner) != 0;
	}
	r->refused += quire_lists_enable(r->q, outer) != 0;
	sched_yield();
}

static void drain_one(struct rival *r)
{
	(void)quire_drain(r->q, qt_cpu(qt_random_below(&r->random, qt_nr_cpus())),
			  random_keep(&r->random));
}

static void drain_all(struct rival *r)
{
	(void)quire_drain(r->q, QUIRE_ALL_CPUS, random_keep(&r->random));
	if (qt_random_one_in(&r->random, 16))
		sched_yield();
}

/* More than is free, so that every list is looked through. */
static void claim_all(struct rival *r)
{
	size_t n = quire_alloc_bulk_pfn(r->q, 0, 0, CHURN_PAGES, pfns);

	r->refused += quire_free_bulk_pfn(r->q, n, pfns) != n;
	for (int i = 0; i < 16; i++)
		sched_yield();
}

static void *act_along(void *argument)
{
	struct rival *r = argument;

	for (; !atomic_load(r->done); r->actions++)
		r->act(r);
	return NULL;
}

static void run_wave(struct stress *s, uint32_t first);

/* Two of a kind: they race with each other as well. Ends after a number of switches and of waves. */
static void run_rivals(const struct qt_param *param, uint32_t flags)
{
	static void (*const acts[])(struct rival *) = { isolate_some, isolate_some, disable_some,
							disable_some, drain_one,    drain_all,
							claim_all };
	enum { NR = sizeof(acts) / sizeof(acts[0]) };
	static struct load load;
	static struct rival rivals[NR];
	atomic_bool done = false;
	struct rival switching;
	struct stress s;
	struct qt t;

	churn_open(&t, &s, param, flags);
	load_begin(&load, &s);
	for (uint32_t i = 0; i < NR; i++) {
		rivals[i] = (struct rival){ .q = t.q, .act = acts[i], .done = &done };
		rivals[i].random = qt_random_seed(i);
		assert_int_equal(pthread_create(&rivals[i].thread, NULL, act_along, &rivals[i]), 0);
	}
	switching = (struct rival){ .q = t.q, .random = qt_random_seed(99) };
	for (uint32_t i = 0; i < WAVES; i++) {
		run_wave(&s, 100 + i * WAVE);
		for (uint32_t j = 0; j < SWITCHES_OF_WAVE; j++)
			(j % 2 == 0 ? isolate_some : disable_some)(&switching);
	}
	atomic_store(&done, true);
	for (uint32_t i = 0; i < NR; i++) {
		pthread_join(rivals[i].thread, NULL);
		assert_true(rivals[i].actions > 0);
		assert_int_equal(rivals[i].refused, 0);
	}
	assert_int_equal(switching.refused, 0);
	load_end(&load);
	qt_assert_err(quire_lists_enable(t.q, QUIRE_ALL_CPUS), EINVAL); /* none is left disabled */
	qt_reports_clear(&t.reports);
	churn_close(&t, &s);
}

static void test_rivals(const struct qt_param *param)
{
	(void)param;
	run_rivals(&churn_params[0], 0);
}

static void test_rivals_without_checks(const struct qt_param *param)
{
	(void)param;
	run_rivals(&churn_params[1], QUIRE_CONFIG_ISOLATED);
}

static int fail_some(const char *call)
{
	static _Atomic uint32_t calls;
	uint32_t dice = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) *
			UINT32_C(0x9e3779b1);

	/* A visit to a busy CPU takes milliseconds, so it is always refused. */
	return strcmp(call, "affinity") == 0 ||
	       (strcmp(call, "membarrier") == 0 && dice >> 29 == 0);
}

/* Isolated, or as it was: whichever, the list is the right one for its sections. */
static void test_fences_refused_under_load(const struct qt_param *param)
{
	static struct load load;
	unsigned int nr[2][2] = { { 0 } }; /* calls of both kinds, refused or not */
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	qp_fault_hook = fail_some;
	load_begin(&load, &s);
	for (uint32_t round = 0; round < SWITCHES; round++) {
		int cpu = round % 4 == 0 ? QUIRE_ALL_CPUS : qt_cpu(round);
		int isolated = round % 2 == 0 ? quire_cpu_isolate(t.q, cpu, 1) : 0;
		int disabled = quire_lists_disable(t.q, cpu);

		if (round % WAIT == 0 && disabled != 0)
			load_wait(&load, round % qt_nr_cpus());
		(void)quire_drain(t.q, cpu, 0);
		assert_true(isolated == 0 || isolated == -QUIRE_EOPNOTSUPP);
		assert_true(disabled == 0 || disabled == -QUIRE_EOPNOTSUPP);
		nr[0][isolated == 0]++;
		nr[1][disabled == 0]++;
		if (round % 4 < 2)
			qt_assert_ok(quire_cpu_isolate(t.q, QUIRE_ALL_CPUS, 0));
		if (disabled == 0)
			qt_assert_ok(quire_lists_enable(t.q, cpu));
		if (round % WAIT == 1)
			load_wait(&load, round % qt_nr_cpus());
		(void)quire_drain(t.q, QUIRE_ALL_CPUS, 0);
		qt_assert_ok(quire_cpu_isolate(t.q, QUIRE_ALL_CPUS, 0));
	}
	load_end(&load);
	qp_fault_hook = NULL;
	assert_true(nr[0][0] > 0 && nr[0][1] > 0 && nr[1][0] > 0 && nr[1][1] > 0);
	qt_reports_clear(&t.reports);
	churn_close(&t, &s);
}

/* ---- Threads that come and go ---- */

struct comer {
	pthread_t thread;
	struct churn churn;
};

/* It ends with pages in the lists of the CPUs that it was on. */
static void *come_and_go(void *argument)
{
	struct comer *c = argument;

	for (uint32_t i = 0; i < STEPS_OF_EACH; i++)
		churn_step(&c->churn);
	churn_end(&c->churn);
	return NULL;
}

static void run_wave(struct stress *s, uint32_t first)
{
	static struct comer comers[WAVE];

	for (uint32_t i = 0; i < WAVE; i++) {
		churn_init(&comers[i].churn, s, first + i);
		assert_int_equal(pthread_create(&comers[i].thread, NULL, come_and_go, &comers[i]),
				 0);
	}
	for (uint32_t i = 0; i < WAVE; i++)
		pthread_join(comers[i].thread, NULL);
}

/* ---- Instances that come and go ---- */

/* One that drains whichever instance it is given, until its user is about to destroy it. */
struct life {
	pthread_t user, drainer;
	uint32_t number;
	struct quire *_Atomic given; /* NULL: none */
	atomic_bool enough;
	atomic_bool done;
	uint32_t drains;
	const char *wrong; /* what went wrong, or NULL */
};

static void *drain_what_is_given(void *argument)
{
	struct life *l = argument;
	struct qt_random random = qt_random_seed(l->number + 500);

	while (!atomic_load(&l->done)) {
		struct quire *q = atomic_load(&l->given);

		if (q == NULL) {
			sched_yield();
			continue;
		}
		do {
			(void)quire_drain(q, random_cpu(&random), random_keep(&random));
			(void)quire_cpu_isolate(q, random_cpu(&random),
						(int)qt_random_below(&random, 2));
			l->drains++;
		} while (!atomic_load(&l->enough));
		(void)quire_drain(q, QUIRE_ALL_CPUS, 0);
		atomic_store(&l->enough, false);
		atomic_store(&l->given, NULL);
	}
	return NULL;
}

static bool work_on(struct quire *q, struct qt_random *random)
{
	uint32_t held[64];

	for (uint32_t round = 0; round < 8; round++) {
		size_t want = 1 + qt_random_below(random, 64);
		size_t n;

		qt_cpu_bind(round);
		n = quire_alloc_bulk_pfn(q, 0, 0, want, held);
		if (n != want)
			return false;
		for (size_t i = 0; i < n / 2; i++)
			if (quire_free_pfn(q, held[i]) != 0)
				return false;
		if (quire_free_bulk_pfn(q, n - n / 2, held + n / 2) != n - n / 2)
			return false;
	}
	return true;
}

static struct quire *be_born(uint32_t flags)
{
	struct quire_region_config region;
	struct quire_config config;
	struct quire *q;

	quire_config_init(&config);
	config.max_pages = LIFE_PAGES;
	config.max_regions = config.max_zones = 1;
	config.require = QUIRE_CACHE_PCP;
	config.flags = flags;
	config.aids &= QUIRE_AID_TSAN;
	if (quire_create(&config, &q) != 0)
		return NULL;
	quire_region_config_init(&region);
	region.bytes = (uint64_t)LIFE_PAGES << 12;
	return quire_region_add(q, &region, NULL) == 0 ? q : NULL;
}

static const char *live_once(struct life *l, struct qt_random *random)
{
	bool disable = qt_random_one_in(random, 2);
	int cpu = random_cpu(random);
	struct quire *q = be_born(qt_random_one_in(random, 2) ? QUIRE_CONFIG_ISOLATED : 0);
	struct quire_stats stats = { .size = sizeof(stats) };

	if (q == NULL)
		return "an instance could not be made";
	atomic_store(&l->given, q);
	if (!work_on(q, random))
		return "a request failed";
	if (disable && (quire_lists_disable(q, cpu) != 0 || !work_on(q, random)))
		return "lists could not be disabled, or a request failed then";
	if (disable && qt_random_one_in(random, 2) && quire_lists_enable(q, cpu) != 0)
		return "lists could not be enabled";
	atomic_store(&l->enough, true);
	while (atomic_load(&l->given) != NULL)
		sched_yield();
	if (quire_stats_get(q, &stats) != 0 || stats.held != 0 || stats.free_lists != 0)
		return "pages are not where they should be";
	return quire_destroy(q) == 0 ? NULL : "the instance could not be destroyed";
}

static void *live_again_and_again(void *argument)
{
	struct life *l = argument;
	struct qt_random random = qt_random_seed(l->number);

	for (uint32_t i = 0; i < LIVES && l->wrong == NULL; i++)
		l->wrong = live_once(l, &random);
	atomic_store(&l->enough, true); /* after a failure the drainer may still be at it */
	atomic_store(&l->done, true);
	return NULL;
}

static void test_instances_come_and_go(const struct qt_param *param)
{
	static struct life lives[LIVING];
	uint32_t drains = 0;

	(void)param;
	memset(lives, 0, sizeof(lives));
	for (uint32_t i = 0; i < LIVING; i++) {
		lives[i].number = i + 1;
		assert_int_equal(pthread_create(&lives[i].user, NULL, live_again_and_again,
						&lives[i]),
				 0);
		assert_int_equal(pthread_create(&lives[i].drainer, NULL, drain_what_is_given,
						&lives[i]),
				 0);
	}
	for (uint32_t i = 0; i < LIVING; i++) {
		pthread_join(lives[i].user, NULL);
		pthread_join(lives[i].drainer, NULL);
		drains += lives[i].drains;
	}
	for (uint32_t i = 0; i < LIVING; i++)
		if (lives[i].wrong)
			fail_msg("%s", lives[i].wrong);
	assert_true(drains >= LIVING * LIVES);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(isolated_and_back_a_thousand_times),
		QT_TEST(isolated_and_back_without_checks),
		QT_TEST(rivals),
		QT_TEST(rivals_without_checks),
		QT_TEST(fences_refused_under_load),
		QT_TEST(instances_come_and_go),
	};

	return QT_RUN_ONCE(tests);
}
