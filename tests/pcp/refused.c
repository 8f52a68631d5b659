/* SPDX-License-Identifier: MIT */
/*
 * A system that refuses what sections need: membarrier or rseq when an instance is made, and a
 * seccomp filter that forbids membarrier, setting affinities, or rseq when it is at work already.
 * Each filter is put on a child of its own, and rseq is turned off for a program that this one
 * runs.
 */
#include "child.h"
#include "churn.h"
#include "cpu.h"
#include "port/port.h"
#include "port/linux/fault.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	FILL = 40,
	ERRNO = 77,
	ROUNDS = 1000,
	MOST_FORBIDDEN = 3,
};

static const char without_rseq_option[] = "--without-rseq";

/* From now on these calls return EPERM to this thread and those it makes. */
static bool forbid(size_t n, const int *calls)
{
	struct sock_filter code[2 + 2 * MOST_FORBIDDEN] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { .filter = code };
	size_t at = 1;

	for (size_t i = 0; i < n; i++) {
		code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							  (uint32_t)calls[i], 0, 1);
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							  SECCOMP_RET_ERRNO | EPERM);
	}
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = (unsigned short)at;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static bool membarrier_is_forbidden(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) == -1 && errno == EPERM;
}

/* ---- In a child, on its own copy ---- */

struct scene {
	struct qt t;
	struct stress s;
	uint64_t listed; /* pages in all lists when the child begins */
};

static uint64_t listed(const struct quire *q)
{
	struct quire_stats stats = { .size = sizeof(stats) };

	return quire_stats_get(q, &stats) == 0 ? stats.free_lists : UINT64_MAX;
}

static bool is_sound(const struct quire *q, uint64_t held)
{
	struct quire_stats s = { .size = sizeof(s) };

	return quire_stats_get(q, &s) == 0 && s.held == held &&
	       s.managed == s.held + s.free_zone + s.free_lists + s.free_depot + s.free_stash +
				    s.deferred;
}

/* Make a child on an instance whose lists have pages in them. */
static void run_child(int (*fn)(void *context))
{
	static struct scene scene;

	churn_open(&scene.t, &scene.s, &churn_params[0], QUIRE_CONFIG_INHERIT);
	for (unsigned int i = 0; i < qt_nr_cpus(); i++)
		assert_true(churn_fill(scene.t.q, i, FILL) > 0);
	scene.listed = listed(scene.t.q);
	qt_in_child(fn, &scene);
	churn_close(&scene.t, &scene.s);
}

static uint32_t pfns[CHURN_PAGES];

static bool has_mask(const cpu_set_t *mask)
{
	cpu_set_t now;

	return sched_getaffinity(0, sizeof(now), &now) == 0 && CPU_EQUAL(&now, mask);
}

/*
 * In a forked child the lists have been drained for it, so they are filled again before the calls
 * are forbidden.
 */
static bool fill_and_forbid(struct scene *scene, size_t n, const int *calls)
{
	for (unsigned int i = 0; i < qt_nr_cpus(); i++)
		if (churn_fill(scene->t.q, i, FILL) == 0)
			return false;
	scene->listed = listed(scene->t.q);
	return forbid(n, calls);
}

static int without_membarrier(void *context)
{
	struct scene *scene = context;
	const int calls[] = { SYS_membarrier };
	struct quire *q = scene->t.q;
	cpu_set_t mask;

	QT_STEP(1, fill_and_forbid(scene, 1, calls));
	QT_STEP(2, membarrier_is_forbidden());
	QT_STEP(3, sched_getaffinity(0, sizeof(mask), &mask) == 0);
	errno = ERRNO;
	QT_STEP(4, quire_drain(q, QUIRE_ALL_CPUS, 0) >= scene->listed);
	QT_STEP(5, errno == ERRNO);
	QT_STEP(6, has_mask(&mask));
	QT_STEP(7, listed(q) == 0 && is_sound(q, 0));
	for (unsigned int i = 0; i < qt_nr_cpus(); i++)
		QT_STEP(8, churn_fill(q, i, FILL) > 0);
	errno = ERRNO;
	QT_STEP(9, quire_alloc_bulk_pfn(q, 0, 0, CHURN_PAGES, pfns) == CHURN_PAGES);
	QT_STEP(10, errno == ERRNO);
	QT_STEP(11, has_mask(&mask));
	QT_STEP(12, quire_free_bulk_pfn(q, CHURN_PAGES, pfns) == CHURN_PAGES);
	QT_STEP(13, is_sound(q, 0));
	return 0;
}

static void test_membarrier_forbidden(const struct qt_param *param)
{
	(void)param;
	run_child(without_membarrier);
}

static bool goes_on(struct quire *q)
{
	for (int i = 0; i < ROUNDS; i++) {
		size_t n = quire_alloc_bulk_pfn(q, 0, 0, (size_t)(1 + i % 64), pfns);

		if (n != (size_t)(1 + i % 64) || quire_free_bulk_pfn(q, n, pfns) != n)
			return false;
	}
	return true;
}

/* Nobody else can be reached: everything works but for what lies in others' lists. */
static int without_any_fence(void *context)
{
	struct scene *scene = context;
	const int calls[] = { SYS_membarrier, SYS_sched_setaffinity };
	struct quire *q = scene->t.q;
	size_t n;

	QT_STEP(1, fill_and_forbid(scene, 2, calls));
	QT_STEP(2, membarrier_is_forbidden() && !qt_cpu_bind(0));
	errno = ERRNO;
	(void)quire_drain(q, QUIRE_ALL_CPUS, 0);
	QT_STEP(3, errno == ERRNO);
	QT_STEP(4, listed(q) == scene->listed && is_sound(q, 0));
	QT_STEP(5, goes_on(q));
	errno = ERRNO;
	n = quire_alloc_bulk_pfn(q, 0, 0, CHURN_PAGES, pfns);
	QT_STEP(6, errno == ERRNO);
	QT_STEP(7, listed(q) >= scene->listed && n + listed(q) == CHURN_PAGES);
	QT_STEP(8, is_sound(q, n));
	QT_STEP(9, quire_free_bulk_pfn(q, n, pfns) == n);
	QT_STEP(10, goes_on(q) && is_sound(q, 0));
	return 0;
}

static void test_every_fence_forbidden(const struct qt_param *param)
{
	(void)param;
	run_child(without_any_fence);
}

/*
 * A thread that may not ask whether it is watched takes it that it is not: its requests pass the
 * lists. (The C library ends a program in which it cannot register a new thread.)
 */
static void *go_on_unwatched(void *argument)
{
	const int calls[] = { SYS_rseq };
	struct quire *q = argument;
	struct quire_stats before = { .size = sizeof(before) }, after = { .size = sizeof(after) };
	bool good = forbid(1, calls);

	errno = ERRNO;
	good = good && quire_stats_get(q, &before) == 0 && goes_on(q);
	good = good && errno == ERRNO && !qp_section_enter() && quire_stats_get(q, &after) == 0;
	good = good && after.list_pops == before.list_pops;
	return good && after.list_pushes == before.list_pushes ? q : NULL;
}

static int without_rseq_in_a_thread(void *context)
{
	struct scene *scene = context;
	struct quire *q = scene->t.q;
	const int calls[] = { SYS_rseq };
	pthread_t thread;
	void *good = NULL;

	QT_STEP(1, fill_and_forbid(scene, 0, NULL));
	QT_STEP(2, pthread_create(&thread, NULL, go_on_unwatched, q) == 0);
	QT_STEP(3, pthread_join(thread, &good) == 0 && good == q);
	QT_STEP(4, listed(q) == scene->listed);
	QT_STEP(5, forbid(1, calls) && qp_section_enter() && goes_on(q));
	QT_STEP(6, quire_alloc_bulk_pfn(q, 0, 0, CHURN_PAGES, pfns) == CHURN_PAGES);
	QT_STEP(7, quire_free_bulk_pfn(q, CHURN_PAGES, pfns) == CHURN_PAGES);
	QT_STEP(8, is_sound(q, 0));
	return 0;
}

static void test_rseq_forbidden(const struct qt_param *param)
{
	(void)param;
	run_child(without_rseq_in_a_thread);
}

/* ---- When an instance is made ---- */

static bool falls_back(const char *why)
{
	struct quire_info info = { .size = sizeof(info) };
	struct quire_region_config region;
	struct quire_config config;
	struct quire *q = NULL;
	bool good;

	quire_config_init(&config);
	config.max_pages = CHURN_PAGES;
	if (quire_create(&config, &q) != 0 || quire_info_get(q, &info) != 0)
		return false;
	quire_region_config_init(&region);
	region.bytes = (uint64_t)CHURN_PAGES << 12;
	good = info.cache == QUIRE_CACHE_LOCKED && info.asked == QUIRE_CACHE_DEFAULT &&
	       strstr(info.reason, why) != NULL;
	return good && quire_region_add(q, &region, NULL) == 0 && goes_on(q) && is_sound(q, 0) &&
	       quire_destroy(q) == 0;
}

static bool is_refused(const char *why)
{
	static struct qt_reports reports;
	struct quire *q = (struct quire *)&reports;
	struct quire_config config;
	size_t bytes = ERRNO;

	qt_config(&config, &churn_params[0], &reports);
	if (quire_create(&config, &q) != -QUIRE_EOPNOTSUPP || q != (struct quire *)&reports)
		return false;
	if (quire_metadata_size(&config, &bytes) != -QUIRE_EOPNOTSUPP || bytes != ERRNO)
		return false;
	return atomic_load(&reports.nr[QUIRE_REPORT_BAD_CALL]) == 2 &&
	       reports.last.error == -QUIRE_EOPNOTSUPP && strstr(reports.text, "pcp") != NULL &&
	       strstr(reports.text, why) != NULL;
}

static int without_membarrier_from_the_start(void *context)
{
	const int calls[] = { SYS_membarrier };

	(void)context;
	QT_STEP(1, forbid(1, calls) && membarrier_is_forbidden());
	errno = ERRNO;
	QT_STEP(2, falls_back("membarrier"));
	QT_STEP(3, is_refused("membarrier"));
	QT_STEP(4, errno == ERRNO);
	return 0;
}

static void test_made_without_membarrier(const struct qt_param *param)
{
	(void)param;
	qt_in_child(without_membarrier_from_the_start, NULL);
}

static int refuse_to_register(const char *call)
{
	return strcmp(call, "membarrier-register") == 0;
}

static void test_made_while_registering_fails(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	(void)param;
	qp_fault_hook = refuse_to_register;
	assert_true(falls_back("membarrier"));
	assert_true(is_refused("membarrier"));
	qp_fault_hook = NULL;
	churn_open(&t, &s, &churn_params[0], 0);
	churn_close(&t, &s);
}

static int without_rseq(void)
{
	QT_STEP(1, !qp_rseq_area.registered);
	QT_STEP(2, falls_back("GLIBC_TUNABLES"));
	QT_STEP(3, is_refused("rseq"));
	return 0;
}

static int run_without_rseq(void *context)
{
	char *argv[] = { (char *)"/proc/self/exe", (char *)without_rseq_option, NULL };

	(void)context;
	setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
	execv(argv[0], argv);
	return 100;
}

static void test_rseq_turned_off(const struct qt_param *param)
{
	(void)param;
	qt_in_child(run_without_rseq, NULL);
}

int main(int argc, char **argv)
{
	static const struct qt_test tests[] = {
		QT_TEST(membarrier_forbidden),
		QT_TEST(every_fence_forbidden),
		QT_TEST(rseq_forbidden),
		QT_TEST(made_without_membarrier),
		QT_TEST(made_while_registering_fails),
		QT_TEST(rseq_turned_off),
	};

	if (argc > 1 && strcmp(argv[1], without_rseq_option) == 0)
		return without_rseq();
	return QT_RUN_ONCE(tests);
}
