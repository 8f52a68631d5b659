/* SPDX-License-Identifier: MIT */
/*
 * Drains of one CPU that meet: two wait for its drain lock, and what they find depends on the fence of
 * whoever had it first. One drain serves both if its fence was granted; one whose fence was refused
 * serves nobody, so the other makes its own, and gets every page.
 */
#include "alloc/instance.h"
#include "churn.h"
#include "cpu.h"
#include "port/linux/fault.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	FILL = 40,
	REQUESTS = 2,
	LOOKS = 20000, /* of 1 ms */
	ROUNDS = 10,
	OWNER = 1, /* the CPU, counted as by qt_cpu(), whose lists are drained */
};

/* ---- A fence that does as it is told ---- */

static struct {
	unsigned int refused; /* the number of the fence that is; 0: none */
	atomic_bool park; /* the first stays inside until this is false */
	atomic_bool parked;
	atomic_uint calls;
	atomic_uint by_first; /* who made the first; 0: not yet */
} fence;

/* Who this thread is, from 1 on. */
static _Thread_local unsigned int me;

static void nap(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

/* Nobody is inside a section of the lists meanwhile, so a fence that is granted need do nothing. */
static bool fence_as_told(unsigned int cpu)
{
	unsigned int call = atomic_fetch_add(&fence.calls, 1) + 1;

	(void)cpu;
	if (call == 1) {
		atomic_store(&fence.by_first, me);
		atomic_store(&fence.parked, true);
	}
	while (call == 1 && atomic_load(&fence.park))
		nap();
	return call != fence.refused;
}

static void tell(unsigned int refused, bool park)
{
	fence.refused = refused;
	atomic_store(&fence.park, park);
	atomic_store(&fence.parked, false);
	atomic_store(&fence.calls, 0);
	atomic_store(&fence.by_first, 0);
	qp_fence_hook = fence_as_told;
}

static void wait_until_parked(void)
{
	for (int looks = 0; !atomic_load(&fence.parked); nap())
		assert_true(++looks < LOOKS);
}

/* ---- Requests that wait ---- */

struct request {
	pthread_t thread;
	struct qt *t;
	unsigned int number;
	bool is_drain; /* or an allocation of one page */
	atomic_int tid;
	size_t drained;
	uint32_t pfn;
};

/* On another CPU: on its own one an allocation would just pop. */
static void *make_request(void *argument)
{
	struct request *r = argument;

	me = r->number;
	qt_cpu_bind(OWNER + 1);
	atomic_store(&r->tid, (int)syscall(SYS_gettid));
	if (r->is_drain)
		r->drained = quire_drain(r->t->q, qt_cpu(OWNER), 0);
	else
		r->pfn = quire_alloc_pfn(r->t->q, 0, 0);
	return NULL;
}

static void start(struct qt *t, struct request *r, unsigned int number, bool is_drain)
{
	r->t = t;
	r->number = number;
	r->is_drain = is_drain;
	r->drained = 0;
	r->pfn = QUIRE_NO_PFN;
	atomic_store(&r->tid, 0);
	assert_int_equal(pthread_create(&r->thread, NULL, make_request, r), 0);
}

static struct qp_lock *drain_lock(const struct qt *t)
{
	return &t->q->front.pcps[qt_cpu(OWNER)].drain_lock;
}

/* Whether a thread sleeps in the system for this lock: it stands behind whoever has it. */
static bool sleeps_for(int tid, const struct qp_lock *lock)
{
	unsigned long long where;
	char path[64];
	char line[256] = "";
	char *end;
	long call;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	fclose(file);
	call = strtol(line, &end, 10);
	where = end != line ? strtoull(end, NULL, 16) : 0;
	return call == SYS_futex && where == (uintptr_t)&lock->word;
}

static void start_both(struct qt *t, struct request *requests, bool first_drains,
		       bool second_drains)
{
	start(t, &requests[0], 1, first_drains);
	start(t, &requests[1], 2, second_drains);
	for (int i = 0; i < REQUESTS; i++) {
		int looks = 0;

		while (!sleeps_for(atomic_load(&requests[i].tid), drain_lock(t))) {
			assert_true(++looks < LOOKS);
			nap();
		}
	}
}

static void join_both(struct request *requests)
{
	for (int i = 0; i < REQUESTS; i++)
		pthread_join(requests[i].thread, NULL);
	qp_fence_hook = NULL;
}

/* Both stand behind the lock before either has it. */
static void meet(struct qt *t, struct request *requests, bool first_drains, bool second_drains)
{
	(void)qp_lock(drain_lock(t));
	start_both(t, requests, first_drains, second_drains);
	qp_unlock(drain_lock(t));
	join_both(requests);
}

/* ---- Two drains ---- */

/*
 * The first is inside its fence, both asked before it began, and the CPU pushes into its new list: what
 * is there by then is not what the second one asked for.
 */
static void test_the_second_drain_is_the_first_one_s(const struct qt_param *param)
{
	struct request requests[REQUESTS];
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t had = churn_fill(t.q, OWNER, FILL);
		uint64_t both;

		tell(0, true);
		(void)qp_lock(drain_lock(&t));
		start_both(&t, requests, true, true);
		qp_unlock(drain_lock(&t));
		wait_until_parked();
		both = churn_fill(t.q, OWNER, FILL);
		assert_true(both > had);
		atomic_store(&fence.park, false);
		join_both(requests);
		assert_int_equal(atomic_load(&fence.calls), 1);
		assert_int_equal(requests[0].drained + requests[1].drained, had);
		assert_true(requests[0].drained == 0 || requests[1].drained == 0);
		assert_int_equal(churn_listed(t.q, OWNER), both - had);
		qt_assert_sound(t.q, 0);
	}
	churn_close(&t, &s);
}

static uint64_t drains_of(const struct qt *t)
{
	struct quire_cpu_stats stats = { .size = sizeof(stats) };

	qt_assert_ok(quire_cpu_stats_get(t->q, qt_cpu(OWNER), &stats));
	return stats.drains;
}

/* The same without a fence: one of them takes the list away, and moves each page. */
static void test_two_drains_of_an_isolated_cpu(const struct qt_param *param)
{
	struct request requests[REQUESTS];
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], QUIRE_CONFIG_ISOLATED);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t had = churn_fill(t.q, OWNER, FILL);
		uint64_t drains = drains_of(&t);

		assert_true(had > 0);
		tell(1, false);
		meet(&t, requests, true, true);
		assert_int_equal(atomic_load(&fence.calls), 0);
		assert_int_equal(requests[0].drained + requests[1].drained, had);
		assert_true(requests[0].drained == 0 || requests[1].drained == 0);
		assert_int_equal(drains_of(&t), drains + 1);
		churn_assert_none_left(t.q, OWNER);
		qt_assert_sound(t.q, 0);
	}
	churn_close(&t, &s);
}

static void test_a_refused_fence_leaves_the_pages_to_the_second(const struct qt_param *param)
{
	struct request requests[REQUESTS];
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t had = churn_fill(t.q, OWNER, FILL);
		unsigned int first;

		tell(1, false);
		meet(&t, requests, true, true);
		churn_assert_none_left(t.q, OWNER);
		first = atomic_load(&fence.by_first) - 1;
		assert_int_equal(requests[first].drained, 0);
		assert_int_equal(requests[1 - first].drained, had);
		assert_int_equal(atomic_load(&fence.calls), 2);
		qt_assert_sound(t.q, 0);
	}
	churn_close(&t, &s);
}

/* ---- Behind a drain that is inside its fence ---- */

/*
 * While one drain is inside its fence, the CPU pushes into its new list, and two more come to wait.
 * What all three bring back is everything, whichever fence is refused; fences says how many it took.
 */
static void run_behind_a_fence(unsigned int refused, unsigned int fences)
{
	struct request requests[REQUESTS], first;
	uint64_t had, both;
	struct stress s;
	struct qt t;

	churn_open(&t, &s, &churn_params[0], 0);
	had = churn_fill(t.q, OWNER, FILL);
	tell(refused, true);
	start(&t, &first, 3, true);
	wait_until_parked();
	both = churn_fill(t.q, OWNER, FILL);
	assert_true(both > had);
	start_both(&t, requests, true, true);
	atomic_store(&fence.park, false);
	pthread_join(first.thread, NULL);
	join_both(requests);
	churn_assert_none_left(t.q, OWNER);
	assert_int_equal(first.drained, refused == 1 ? 0 : had);
	assert_int_equal(first.drained + requests[0].drained + requests[1].drained, both);
	assert_true(requests[0].drained == 0 || requests[1].drained == 0);
	assert_int_equal(atomic_load(&fence.calls), fences);
	qt_assert_sound(t.q, 0);
	churn_close(&t, &s);
}

static void test_behind_a_drain_inside_its_fence(const struct qt_param *param)
{
	(void)param;
	run_behind_a_fence(0, 2); /* the first's; the second's; the third has had its drain */
	run_behind_a_fence(1,
			   3); /* of the second, for the list that was left and for the new one */
	run_behind_a_fence(2, 3); /* the third makes up for the second */
}

/* ---- Requests for the last pages ---- */

/* Everything is held but for FILL pages in the one CPU's list. */
static void hold_all_but_a_list(struct qt *t, uint32_t *pfns)
{
	assert_int_equal(quire_alloc_bulk_pfn(t->q, 0, 0, CHURN_PAGES, pfns), CHURN_PAGES);
	assert_true(qt_cpu_bind(OWNER));
	for (uint32_t i = 0; i < FILL; i++)
		qt_assert_ok(quire_free_pfn(t->q, pfns[i]));
	qt_cpu_unbind();
	assert_int_equal(churn_listed(t->q, OWNER), FILL);
}

static uint32_t free_all_but_a_list(struct qt *t, const uint32_t *pfns, struct request *requests)
{
	uint32_t served = 0;

	assert_int_equal(quire_free_bulk_pfn(t->q, CHURN_PAGES - FILL, pfns + FILL),
			 CHURN_PAGES - FILL);
	for (int i = 0; i < REQUESTS; i++)
		if (requests[i].pfn != QUIRE_NO_PFN) {
			qt_assert_ok(quire_free_pfn(t->q, requests[i].pfn));
			served++;
		}
	return served;
}

/* Who had the refused fence may fail; the other one finds what was withheld. */
static void run_requests(bool second_drains)
{
	static uint32_t pfns[CHURN_PAGES];
	struct request requests[REQUESTS];
	struct stress s;
	struct qt t;

	churn_open(&t, &s, &churn_params[0], 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct request *other;

		hold_all_but_a_list(&t, pfns);
		tell(1, false);
		meet(&t, requests, false, second_drains);
		other = &requests[atomic_load(&fence.by_first) == 1 ? 1 : 0];
		if (other->is_drain)
			assert_int_equal(other->drained, FILL);
		else
			assert_int_not_equal(other->pfn, QUIRE_NO_PFN);
		churn_assert_none_left(t.q, OWNER);
		assert_true(free_all_but_a_list(&t, pfns, requests) > 0 || other->is_drain);
		qt_assert_sound(t.q, 0);
		quire_drain(t.q, QUIRE_ALL_CPUS, 0);
	}
	churn_close(&t, &s);
}

static void test_requests_for_what_was_withheld(const struct qt_param *param)
{
	(void)param;
	if (qt_nr_cpus() < 2) {
		print_message("# skipped: with one CPU a request pops what the list has\n");
		return;
	}
	run_requests(false);
	run_requests(true);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(the_second_drain_is_the_first_one_s),
		QT_TEST(two_drains_of_an_isolated_cpu),
		QT_TEST(a_refused_fence_leaves_the_pages_to_the_second),
		QT_TEST(behind_a_drain_inside_its_fence),
		QT_TEST(requests_for_what_was_withheld),
	};

	return QT_RUN_ONCE(tests);
}
