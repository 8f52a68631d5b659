/* SPDX-License-Identifier: MIT */
/*
 * Forks of a process whose CPUs are isolated, or their lists disabled: the child finds the same modes, empty
 * lists and every page, goes on in these modes, and leaves them. Some are made under load, when threads that
 * the child has not got were in the middle of something.
 */
#include "child.h"
#include "cpu.h"
#include "load.h"
#include "port/linux/fault.h"
#include "sanitizer.h"

#include <string.h>

#if defined(__SANITIZE_THREAD__)
/* In a forked child the parent's threads are gone, and ThreadSanitizer would have them joined there. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "report_thread_leaks=0";
}
#endif

enum {
	FORKS = 30 / QT_SLOWER + 2,
	IN_HAND = 256, /* pages that one thread and its handler may have on the way */
	FILL = 40,
};

static uint32_t pfns[CHURN_PAGES];

static int random_cpu(struct qt_random *random)
{
	if (qt_random_one_in(random, 4))
		return QUIRE_ALL_CPUS;
	return qt_cpu(qt_random_below(random, qt_nr_cpus()));
}

/* ---- In the child ---- */

struct scene {
	struct qt t;
	struct stress s;
	struct quire_cpu_stats modes[2]; /* of the first CPU and of the last */
	uint32_t nr_threads;
};

static atomic_uint fences;

/* Alone in the process, so nobody is inside any section. */
static bool count_fence(unsigned int cpu)
{
	(void)cpu;
	atomic_fetch_add(&fences, 1);
	return true;
}

static bool look(const struct quire *q, struct quire_cpu_stats *modes)
{
	modes[0].size = modes[1].size = sizeof(*modes);
	return quire_cpu_stats_get(q, qt_cpu(0), &modes[0]) == 0 &&
	       quire_cpu_stats_get(q, qt_cpu(qt_nr_cpus() - 1), &modes[1]) == 0;
}

static int check_modes(const struct scene *scene)
{
	struct quire_cpu_stats now[2];

	QT_STEP(1, look(scene->t.q, now));
	for (int i = 0; i < 2; i++) {
		QT_STEP(2, now[i].isolated == scene->modes[i].isolated);
		QT_STEP(3, now[i].disabled == scene->modes[i].disabled);
		QT_STEP(4, now[i].count == 0);
	}
	return 0;
}

/* Take all that is free: it is nobody's, and with what is held it is everything. */
static int check_each_page(struct scene *scene)
{
	struct quire *q = scene->t.q;
	size_t held = quire_held(q), stamped = 0, n;

	for (uint32_t pfn = 0; pfn < scene->s.nr_pfns; pfn++)
		stamped += atomic_load(&scene->s.owner[pfn]) != 0;
	QT_STEP(11, held >= stamped && held <= stamped + scene->nr_threads * IN_HAND);
	n = quire_alloc_bulk_pfn(q, 0, 0, CHURN_PAGES, pfns);
	QT_STEP(12, n + held == CHURN_PAGES);
	for (size_t i = 0; i < n; i++)
		stress_take(&scene->s, 1000, pfns[i], 0);
	QT_STEP(13, atomic_load(&scene->s.doubled) == 0);
	stress_free_bulk(&scene->s, n, pfns);
	QT_STEP(14, !churn_went_wrong(&scene->s) && atomic_load(&scene->t.reports.nr[0]) == 0);
	return 0;
}

/* Lists are used if they are not disabled, and drained with a fence if their CPU is not isolated. */
static int use_each_mode(struct scene *scene, uint32_t isolated, bool disabled, unsigned int i)
{
	struct quire *q = scene->t.q;
	uint64_t had = churn_fill(q, i, FILL);

	QT_STEP(21, (had > 0) == !disabled);
	atomic_store(&fences, 0);
	qp_fence_hook = count_fence;
	QT_STEP(22, quire_drain(q, qt_cpu(i), 0) == had && churn_listed(q, i) == 0);
	qp_fence_hook = NULL;
	QT_STEP(23, atomic_load(&fences) == (had > 0 && isolated == 0));
	return 0;
}

static int leave_each_mode(struct scene *scene, const struct quire_cpu_stats *mode, unsigned int i)
{
	struct quire *q = scene->t.q;
	uint32_t isolated = mode->isolated;

	for (uint32_t left = mode->disabled; left > 0; left--) {
		QT_STEP(31, use_each_mode(scene, isolated, true, i) == 0);
		QT_STEP(32, quire_lists_enable(q, qt_cpu(i)) == 0);
	}
	for (int turn = 0; turn < 2; turn++, isolated = !isolated) {
		QT_STEP(33, quire_cpu_isolate(q, qt_cpu(i), (int)isolated) == 0);
		QT_STEP(34, use_each_mode(scene, isolated, false, i) == 0);
	}
	return 0;
}

static int live_on(void *context)
{
	struct scene *scene = context;
	int failed = check_modes(scene);

	if (failed == 0)
		failed = check_each_page(scene);
	if (failed == 0)
		failed = leave_each_mode(scene, &scene->modes[0], 0);
	if (failed == 0 && qt_nr_cpus() > 1)
		failed = leave_each_mode(scene, &scene->modes[1], qt_nr_cpus() - 1);
	return failed != 0 ? failed : check_each_page(scene);
}

/* ---- In the parent ---- */

static void set_modes(struct scene *scene, struct qt_random *random)
{
	struct quire *q = scene->t.q;

	qt_assert_ok(quire_cpu_isolate(q, random_cpu(random), 1));
	qt_assert_ok(quire_cpu_isolate(q, random_cpu(random), 0));
	for (uint32_t n = qt_random_below(random, 3); n > 0; n--)
		qt_assert_ok(quire_lists_disable(q, random_cpu(random)));
	assert_true(look(q, scene->modes));
}

static void leave_modes(struct scene *scene)
{
	struct quire_cpu_stats stats = { .size = sizeof(stats) };

	for (unsigned int cpu = 0; quire_cpu_stats_get(scene->t.q, (int)cpu, &stats) == 0; cpu++)
		for (; stats.disabled > 0; stats.disabled--)
			qt_assert_ok(quire_lists_enable(scene->t.q, (int)cpu));
	qt_reports_clear(&scene->t.reports); /* of the CPU that does not exist */
}

static void run_forks(bool loaded)
{
	struct qt_random random = qt_random_seed(3);
	static struct scene scene;
	static struct load load;

	memset(&scene, 0, sizeof(scene));
	churn_open(&scene.t, &scene.s, &churn_params[0], QUIRE_CONFIG_INHERIT);
	if (loaded)
		load_begin(&load, &scene.s);
	scene.nr_threads = loaded ? load.nr_workers : 0;
	for (int i = 0; i < FORKS; i++) {
		set_modes(&scene, &random);
		for (unsigned int cpu = 0; cpu < qt_nr_cpus() && !loaded; cpu++)
			(void)churn_fill(scene.t.q, cpu, FILL);
		qt_in_child(live_on, &scene);
		leave_modes(&scene);
	}
	if (loaded)
		load_end(&load);
	churn_close(&scene.t, &scene.s);
}

static void test_children_go_on_in_the_same_modes(const struct qt_param *param)
{
	(void)param;
	run_forks(false);
}

static void test_forks_under_load(const struct qt_param *param)
{
	(void)param;
	run_forks(true);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(children_go_on_in_the_same_modes),
		QT_TEST(forks_under_load),
	};

	return QT_RUN_ONCE(tests);
}
