/* SPDX-License-Identifier: MIT */
/*
 * Fences that the system refuses: the Nth, the one right after a swap, all of them. The visit to
 * the CPU stands in for membarrier; where that fails too, what was swapped out stays in the lists'
 * count until a later drain has had its fence. Nothing is lost, whatever fails; neither errno nor a
 * thread's affinity is changed.
 */
#include "alloc/instance.h"
#include "churn.h"
#include "cpu.h"
#include "port/linux/fault.h"
#include "sanitizer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

enum {
	FILL = 40,
	ERRNO = 77,
	MOST_FENCES = 100,
	THREADS = 6,
	STEPS = 100000 / QT_SLOWER,
};

static struct {
	unsigned int nth; /* membarrier that fails; 0: none */
	bool all; /* and all after it */
	bool visits; /* visits fail too */
	unsigned int membarriers;
	unsigned int failed;
} fault;

static int fail_nth(const char *call)
{
	errno = EPERM; /* as the system would have it */
	if (strcmp(call, "affinity") == 0)
		return fault.visits;
	if (strcmp(call, "membarrier") != 0)
		return 0;
	fault.membarriers++;
	if (fault.nth == 0 || fault.membarriers < fault.nth ||
	    (fault.membarriers > fault.nth && !fault.all))
		return 0;
	fault.failed++;
	return 1;
}

static void arm(unsigned int nth, bool all, bool visits)
{
	memset(&fault, 0, sizeof(fault));
	fault.nth = nth;
	fault.all = all;
	fault.visits = visits;
	qp_fault_hook = fail_nth;
}

static void disarm(void)
{
	qp_fault_hook = NULL;
}

/* ---- What no call may change ---- */

struct before {
	cpu_set_t mask;
};

static struct before look_before(void)
{
	struct before b;

	assert_int_equal(sched_getaffinity(0, sizeof(b.mask), &b.mask), 0);
	errno = ERRNO;
	return b;
}

static void assert_as_before(const struct before *b)
{
	int now = errno;
	cpu_set_t mask;

	assert_int_equal(now, ERRNO);
	assert_int_equal(sched_getaffinity(0, sizeof(mask), &mask), 0);
	assert_true(CPU_EQUAL(&mask, &b->mask));
}

static uint64_t listed(const struct qt *t)
{
	return qt_stats(t->q).free_lists;
}

static void fill_all(struct qt *t)
{
	for (unsigned int i = 0; i < qt_nr_cpus(); i++)
		assert_true(churn_fill(t->q, i, FILL) > 0);
}

static uint64_t shelved(const struct qt *t)
{
	return qt_stats(t->q).free_depot;
}

/* A drain says what it moved, and what it did not move is still there. keep > 0: to the depot. */
static uint64_t drain(struct qt *t, int cpu, size_t keep)
{
	uint64_t had = listed(t) + (keep == 0 ? shelved(t) : 0);
	struct before before = look_before();
	uint64_t moved = quire_drain(t->q, cpu, keep);

	assert_as_before(&before);
	qt_assert_sound(t->q, 0);
	assert_int_equal(listed(t) + (keep == 0 ? shelved(t) : 0), had - moved);
	return moved;
}

/* ---- The Nth ---- */

/* Everything that fences, from lists with pages in them; how many pages a failed fence withheld. */
static uint64_t take_everything(struct qt *t)
{
	static uint32_t pfns[CHURN_PAGES];
	struct before before = look_before();
	size_t n = quire_alloc_bulk_pfn(t->q, 0, 0, CHURN_PAGES, pfns);
	uint64_t withheld = listed(t);

	assert_as_before(&before);
	assert_int_equal(n + withheld, CHURN_PAGES);
	qt_assert_sound(t->q, n);
	assert_int_equal(quire_free_bulk_pfn(t->q, n, pfns), n);
	qt_assert_sound(t->q, 0);
	return withheld;
}

static uint64_t take_all_or_none(struct qt *t)
{
	static uint32_t pfns[CHURN_PAGES];
	struct before before = look_before();
	size_t n = quire_alloc_bulk_pfn(t->q, QUIRE_ALL, 0, CHURN_PAGES, pfns);
	uint64_t withheld = n == 0 ? listed(t) : 0;

	assert_as_before(&before);
	assert_true(n == CHURN_PAGES || (n == 0 && withheld > 0));
	assert_int_equal(quire_free_bulk_pfn(t->q, n, pfns), n);
	qt_assert_sound(t->q, 0);
	return withheld;
}

/* Whole pageblocks: there only when every list has been emptied. */
static uint64_t take_blocks(struct qt *t)
{
	uint32_t first = (t->info[0].first_pfn + 511) / 512;
	uint32_t whole = (t->info[0].first_pfn + t->info[0].nr_pages) / 512 - first;
	struct before before = look_before();
	uint32_t blocks[CHURN_PAGES / 512];
	size_t n = quire_alloc_bulk_pfn(t->q, 0, 9, whole, blocks);
	uint64_t withheld = n < whole ? listed(t) : 0;

	assert_as_before(&before);
	assert_true(n == whole || withheld > 0);
	assert_int_equal(quire_free_bulk_pfn(t->q, n, blocks), n);
	return withheld;
}

/* Pages that any of it withheld, at the moment that it did. */
static uint64_t go_through_all(struct qt *t)
{
	uint64_t withheld = 0;

	for (unsigned int i = 0; i < qt_nr_cpus(); i++) {
		uint64_t had = churn_fill(t->q, i, FILL);

		assert_true(had > 0);
		withheld += had - drain(t, qt_cpu(i), 0);
	}
	fill_all(t);
	drain(t, QUIRE_ALL_CPUS, 0);
	withheld += listed(t);
	fill_all(t);
	drain(t, QUIRE_ALL_CPUS, 8);
	fill_all(t);
	withheld += take_everything(t);
	fill_all(t);
	withheld += take_all_or_none(t);
	fill_all(t);
	withheld += take_blocks(t);
	drain(t, QUIRE_ALL_CPUS, 0);
	return withheld + listed(t);
}

static uint64_t run_nth(unsigned int nth, bool visits_fail)
{
	struct stress s;
	struct qt t;
	uint64_t withheld;

	churn_open(&t, &s, &churn_params[nth % 3], 0);
	arm(nth, false, visits_fail);
	withheld = go_through_all(&t);
	disarm();
	drain(&t, QUIRE_ALL_CPUS, 0);
	assert_int_equal(listed(&t), 0);
	churn_close(&t, &s);
	return withheld;
}

static void run_every(bool visits_fail)
{
	unsigned int nth = 0;
	uint64_t withheld = 0;

	do
		withheld += run_nth(++nth, visits_fail);
	while (fault.failed > 0 && nth < MOST_FENCES);
	assert_int_equal(withheld > 0, visits_fail);
	assert_int_equal(fault.failed, 0);
	/* each CPU has been fenced by each of the drains and requests */
	assert_true(nth > 5 * qt_nr_cpus());
	print_message("# %u fences failed, one at a time; they withheld %llu pages for a while\n",
		      nth - 1, (unsigned long long)withheld);
}

static void test_a_visit_stands_in_for_each_fence(const struct qt_param *param)
{
	(void)param;
	run_every(false);
}

static void test_each_fence_fails_altogether(const struct qt_param *param)
{
	(void)param;
	run_every(true);
}

/* ---- After a swap ---- */

/* What a failed fence withholds is there for the next drain, and its CPU goes on meanwhile. */
static void test_pages_of_an_unfenced_list(const struct qt_param *param)
{
	int cpu = qt_cpu(qt_nr_cpus() - 1);
	unsigned int i = qt_nr_cpus() - 1;
	uint64_t first, both;
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	first = churn_fill(t.q, i, FILL);
	assert_true(first > 0);
	arm(1, true, true);
	assert_int_equal(drain(&t, cpu, 0), 0);
	assert_int_equal(fault.failed, 1);
	assert_int_equal(churn_listed(t.q, i), first);
	both = churn_fill(t.q, i, FILL);
	assert_true(both > first);
	assert_int_equal(drain(&t, cpu, 0), 0);
	assert_int_equal(drain(&t, QUIRE_ALL_CPUS, 0), 0);
	assert_int_equal(churn_listed(t.q, i), both);
	assert_true(qt_cpu_bind(i));
	assert_int_equal(take_everything(&t), first);
	qt_cpu_unbind();
	disarm();
	both = churn_listed(t.q, i);
	assert_int_equal(drain(&t, cpu, 0), both);
	assert_int_equal(churn_listed(t.q, i), 0);
	churn_close(&t, &s);
}

static uint64_t pops(const struct qt *t)
{
	return qt_stats(t->q).list_pops;
}

/* Nothing is diverted, and requests go on as before. */
static void test_a_divert_that_fails(const struct qt_param *param)
{
	unsigned int i = qt_nr_cpus() - 1;
	uint32_t cpu = (uint32_t)qt_cpu(i);
	struct before before;
	struct stress s;
	uint64_t had;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	had = churn_fill(t.q, i, FILL);
	arm(1, true, true);
	before = look_before();
	assert_false(qi_front_divert(&t.q->front, cpu));
	assert_as_before(&before);
	assert_int_equal(churn_listed(t.q, i), had);
	had = pops(&t);
	assert_true(churn_fill(t.q, i, FILL) > 0);
	assert_true(pops(&t) > had);
	fault.visits = false;
	before = look_before();
	assert_true(qi_front_divert(&t.q->front, cpu));
	assert_as_before(&before);
	disarm();
	had = pops(&t);
	assert_int_equal(churn_fill(t.q, i, FILL), 0);
	assert_int_equal(pops(&t), had);
	qi_front_undivert(&t.q->front, cpu);
	assert_true(churn_fill(t.q, i, FILL) > 0);
	churn_close(&t, &s);
}

/* ---- At any time ---- */

struct churner {
	pthread_t thread;
	struct churn churn;
	bool drains;
};

static void *churn_along(void *argument)
{
	struct churner *c = argument;

	for (uint32_t i = 0; i < STEPS; i++) {
		churn_step(&c->churn);
		if (c->drains && i % 64 == 0)
			quire_drain(c->churn.s->q, QUIRE_ALL_CPUS, i % 128);
		if (i % 1024 == 0)
			qt_cpu_bind(i / 1024 + c->churn.who);
	}
	churn_end(&c->churn);
	return NULL;
}

static void test_fences_that_fail_now_and_then(const struct qt_param *param)
{
	static struct churner churners[THREADS];
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[1], 0);
	churn_fail_fences(true);
	for (uint32_t i = 0; i < THREADS; i++) {
		churn_init(&churners[i].churn, &s, i + 1);
		churners[i].drains = i % 2 == 0;
		assert_int_equal(pthread_create(&churners[i].thread, NULL, churn_along,
						&churners[i]),
				 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(churners[i].thread, NULL);
	churn_fail_fences(false);
	churn_close(&t, &s);
}

static bool refuse_fence(unsigned int cpu)
{
	(void)cpu;
	return false;
}

/*
 * Stranded pages stay where they are when somebody else has the fence that their drain had not. One
 * drain takes them, and what the live list has got since.
 */
static void test_stranded_pages_of_a_cpu_that_is_isolated(const struct qt_param *param)
{
	struct stress s;
	uint64_t drained;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	assert_true(churn_fill(t.q, 0, FILL) > 0);
	qp_fence_hook = refuse_fence;
	assert_int_equal(quire_drain(t.q, qt_cpu(0), 0), 0);
	qp_fence_hook = NULL;
	assert_true(churn_fill(t.q, 0, FILL) > FILL);
	qt_assert_ok(quire_cpu_isolate(t.q, qt_cpu(0), 1));
	drained = quire_drain(t.q, qt_cpu(0), 0);
	churn_assert_none_left(t.q, 0);
	assert_true(drained > FILL);
	churn_close(&t, &s);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(a_visit_stands_in_for_each_fence),
		QT_TEST(each_fence_fails_altogether),
		QT_TEST(pages_of_an_unfenced_list),
		QT_TEST(a_divert_that_fails),
		QT_TEST(fences_that_fail_now_and_then),
		QT_TEST(stranded_pages_of_a_cpu_that_is_isolated),
	};

	return QT_RUN_ONCE(tests);
}
