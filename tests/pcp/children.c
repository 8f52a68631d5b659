/* SPDX-License-Identifier: MIT */
/*
 * A forked child that inherits goes on with sections and drains of its own, though the parent's
 * other threads were in the middle of theirs, a list was left unfenced, or the child cannot fence
 * at all. Each page is there once: held by whom the stamps say, in the hands of a thread that is
 * gone, or free.
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
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
/*
 * In the child the parent's threads are gone, and ThreadSanitizer would have them joined there; nor
 * does it know of threads that such a child starts.
 */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "report_thread_leaks=0";
}
#define THREADS_IN_CHILDREN 0
#else
#define THREADS_IN_CHILDREN 1
#endif

enum {
	THREADS = 4,
	FORKS = 60 / QT_SLOWER + 2,
	STEPS = 2000 / QT_SLOWER,
	IN_HAND = 64, /* pages that a call may have on the way */
	FILL = 40,
};

struct scene {
	struct qt t;
	struct stress s;
	atomic_bool done;
	atomic_uint running; /* threads that have begun */
	uint32_t first_who; /* of the threads to be started next */
	uint32_t steps; /* of each; 0: until done */
};

struct churner {
	pthread_t thread;
	struct scene *scene;
	struct churn churn;
};

static void *churn_along(void *argument)
{
	struct churner *c = argument;
	struct scene *scene = c->scene;

	atomic_fetch_add(&scene->running, 1);
	for (uint32_t i = 0; scene->steps > 0 ? i < scene->steps : !atomic_load(&scene->done);
	     i++) {
		churn_step(&c->churn);
		if (i % 64 == 0)
			quire_drain(scene->t.q, QUIRE_ALL_CPUS, 0);
		if (i % 256 == 0)
			qt_cpu_bind(i / 256 + c->churn.who);
	}
	churn_end(&c->churn);
	return NULL;
}

static bool start(struct scene *scene, struct churner *churners)
{
	for (uint32_t i = 0; i < THREADS; i++) {
		churners[i].scene = scene;
		churn_init(&churners[i].churn, &scene->s, scene->first_who + i);
		if (pthread_create(&churners[i].thread, NULL, churn_along, &churners[i]) != 0)
			return false;
	}
	return true;
}

static void join(struct churner *churners)
{
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(churners[i].thread, NULL);
}

/* ---- In the child ---- */

static uint32_t pfns[CHURN_PAGES];

static uint32_t nr_stamped(const struct stress *s)
{
	uint32_t n = 0;

	for (uint32_t pfn = 0; pfn < s->nr_pfns; pfn++)
		n += atomic_load(&s->owner[pfn]) != 0;
	return n;
}

static bool nothing_went_wrong(const struct scene *scene)
{
	return !churn_went_wrong(&scene->s) && atomic_load(&scene->t.reports.nr[0]) == 0;
}

static bool counts_add_up(const struct quire *q, uint64_t held)
{
	struct quire_stats s = { .size = sizeof(s) };

	return quire_stats_get(q, &s) == 0 && s.held == held &&
	       s.managed == s.held + s.free_zone + s.free_lists + s.free_depot + s.free_stash +
				    s.deferred;
}

/* Take all that is free: nobody's stamp is on it, and with what is held it is everything. */
static int check_each_page(struct scene *scene)
{
	struct quire *q = scene->t.q;
	size_t held = quire_held(q);
	size_t stamped = nr_stamped(&scene->s);
	size_t n;

	QT_STEP(1, counts_add_up(q, held));
	QT_STEP(2, held >= stamped && held <= stamped + THREADS * IN_HAND);
	n = quire_alloc_bulk_pfn(q, 0, 0, CHURN_PAGES, pfns);
	QT_STEP(3, n + held == CHURN_PAGES);
	for (size_t i = 0; i < n; i++)
		stress_take(&scene->s, 1000, pfns[i], 0);
	QT_STEP(4, atomic_load(&scene->s.doubled) == 0);
	stress_free_bulk(&scene->s, n, pfns);
	QT_STEP(5, nothing_went_wrong(scene) && counts_add_up(q, held));
	return 0;
}

/* Then threads of the child's own, by sections. */
static int go_on(struct scene *scene)
{
	static struct churner churners[THREADS];
	struct quire_stats before = { .size = sizeof(before) }, after = { .size = sizeof(after) };
	struct quire *q = scene->t.q;
	size_t held = quire_held(q);

	QT_STEP(10, quire_stats_get(q, &before) == 0);
	scene->first_who = 101;
	scene->steps = STEPS;
	for (uint32_t i = 0; i < STRESS_RING; i++)
		(void)stress_exchange(&scene->s, i, QUIRE_NO_PFN);
	QT_STEP(11, start(scene, churners));
	join(churners);
	for (uint32_t i = 0; i < STRESS_RING; i++) {
		uint32_t pfn = stress_exchange(&scene->s, i, QUIRE_NO_PFN);

		if (pfn != QUIRE_NO_PFN)
			stress_free(&scene->s, pfn);
	}
	QT_STEP(12, nothing_went_wrong(scene) && counts_add_up(q, held));
	QT_STEP(13, quire_stats_get(q, &after) == 0 && after.list_pops > before.list_pops);
	QT_STEP(14, qp_section_enter());
	return 0;
}

static int live_on(void *context)
{
	struct scene *scene = context;
	int failed = check_each_page(scene);

	if (failed == 0 && THREADS_IN_CHILDREN)
		failed = go_on(scene);
	if (failed == 0)
		failed = check_each_page(scene);
	return failed;
}

static int have_a_child_too(void *context)
{
	QT_STEP(20, live_on(context) == 0);
	qt_in_child(live_on, context);
	return live_on(context);
}

/* ---- In the parent ---- */

/* A thread that is being started holds locks of the C library, or of a sanitizer. */
static void wait_for_threads(struct scene *scene)
{
	while (atomic_load(&scene->running) < THREADS)
		sched_yield();
}

static void run_forks(const struct qt_param *param)
{
	static struct churner churners[THREADS];
	static struct scene scene;

	memset(&scene, 0, sizeof(scene));
	churn_open(&scene.t, &scene.s, param, QUIRE_CONFIG_INHERIT);
	scene.first_who = 1;
	assert_true(start(&scene, churners));
	wait_for_threads(&scene);
	for (int i = 0; i < FORKS; i++)
		qt_in_child(i % 8 == 0 ? have_a_child_too : live_on, &scene);
	atomic_store(&scene.done, true);
	join(churners);
	churn_close(&scene.t, &scene.s);
}

static void test_forks_while_others_are_in_the_middle(const struct qt_param *param)
{
	(void)param;
	run_forks(&churn_params[0]);
}

static void test_forks_with_strict_checks(const struct qt_param *param)
{
	(void)param;
	run_forks(&churn_params[2]);
}

static int refuse(const char *call)
{
	return strcmp(call, "membarrier") == 0 || strcmp(call, "affinity") == 0;
}

static void fill_all(struct scene *scene)
{
	for (unsigned int i = 0; i < qt_nr_cpus(); i++)
		assert_true(churn_fill(scene->t.q, i, FILL) > 0);
}

static int fence_again(void *context)
{
	qp_fault_hook = NULL;
	return live_on(context);
}

/* Fences fail before the fork, in the child while it is made, or both. */
static void run_unfenced(bool before, bool meanwhile)
{
	static struct scene scene;

	for (int i = 0; i < 3; i++) {
		memset(&scene, 0, sizeof(scene));
		churn_open(&scene.t, &scene.s, &churn_params[i], QUIRE_CONFIG_INHERIT);
		fill_all(&scene);
		qp_fault_hook = before ? refuse : NULL;
		if (before)
			assert_int_equal(quire_drain(scene.t.q, QUIRE_ALL_CPUS, 0), 0);
		fill_all(&scene);
		qp_fault_hook = meanwhile ? refuse : NULL;
		qt_in_child(fence_again, &scene);
		qp_fault_hook = NULL;
		churn_close(&scene.t, &scene.s);
	}
}

static void test_lists_left_unfenced(const struct qt_param *param)
{
	(void)param;
	run_unfenced(true, false);
}

static void test_a_child_that_cannot_fence(const struct qt_param *param)
{
	(void)param;
	run_unfenced(false, true);
}

static void test_both(const struct qt_param *param)
{
	(void)param;
	run_unfenced(true, true);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(forks_while_others_are_in_the_middle),
		QT_TEST(forks_with_strict_checks),
		QT_TEST(lists_left_unfenced),
		QT_TEST(a_child_that_cannot_fence),
		QT_TEST(both),
	};

	return QT_RUN_ONCE(tests);
}
