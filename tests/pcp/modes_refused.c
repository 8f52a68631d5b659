/* SPDX-License-Identifier: MIT */
/*
 * CPUs that cannot be isolated, or their lists not be disabled, because the system refuses the one fence that
 * this needs: the Nth of several, from there on. All of them are as they were, and so are those that were
 * isolated or disabled before. What needs no fence cannot be refused.
 */
#include "alloc/instance.h"
#include "churn.h"
#include "cpu.h"
#include "port/linux/fault.h"

#include <errno.h>
#include <string.h>

enum {
	FILL = 40,
	ERRNO = 77,
	MOST_CPUS = 64,
};

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

static struct {
	unsigned int nth; /* the first fence that is refused, from 1 on */
	unsigned int calls;
} refusal;

/* By membarrier; and then a visit is refused as well. */
static int refuse_from(const char *call)
{
	errno = EPERM;
	if (strcmp(call, "membarrier") == 0)
		return ++refusal.calls >= refusal.nth;
	return strcmp(call, "affinity") == 0;
}

static void refuse(unsigned int nth)
{
	refusal.nth = nth;
	refusal.calls = 0;
	qp_fault_hook = nth > 0 ? refuse_from : NULL;
	errno = ERRNO;
}

/* What a CPU's record says, and what its list has. */
struct look {
	uintptr_t lp, shared_lp;
	uint64_t count;
	uint32_t live, isolated, disabled;
	uint64_t header[2];
};

static void look_at(const struct qt *t, struct look *looks)
{
	memset(looks, 0, MOST_CPUS * sizeof(*looks)); /* all of it is compared */
	for (unsigned int cpu = 0; cpu < t->q->front.nr_cpus; cpu++) {
		const struct qi_pcp *pcp = &t->q->front.pcps[cpu];
		struct look *look = &looks[cpu];

		look->lp = atomic_load(&pcp->lp);
		look->shared_lp = atomic_load(&pcp->shared_lp);
		look->count = qi_pcp_count(pcp);
		look->live = atomic_load(&pcp->live);
		look->isolated = atomic_load(&pcp->isolated);
		look->disabled = qi_pcp_diverts(pcp);
		for (int i = 0; i < 2; i++)
			look->header[i] = atomic_load(&pcp->lists[i]->header);
	}
}

/* Refused at the nth CPU; errno too is as it was. */
static void isolate_in_vain(struct qt *t, int cpu, unsigned int nth)
{
	static struct look before[MOST_CPUS], now[MOST_CPUS];
	unsigned int nr = atomic_load(&t->q->front.nr_isolated);

	look_at(t, before);
	refuse(nth);
	qt_assert_err(quire_cpu_isolate(t->q, cpu, 1), EOPNOTSUPP);
	assert_int_equal(errno, ERRNO);
	refuse(0);
	qt_assert_report(&t->reports, QUIRE_REPORT_BAD_CALL, "membarrier");
	look_at(t, now);
	assert_memory_equal(now, before, sizeof(now));
	assert_int_equal(atomic_load(&t->q->front.nr_isolated), nr);
}

static void fill_all(struct qt *t)
{
	for (unsigned int i = 0; i < qt_nr_cpus(); i++)
		assert_true(churn_fill(t->q, i, FILL) > 0);
}

/* Each CPU in turn; those that were isolated before stay so, and ask for no fence. */
static void test_isolating_in_vain(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	assert_true(t.q->front.nr_cpus <= MOST_CPUS);
	for (unsigned int before = 0; before < t.q->front.nr_cpus; before++) {
		fill_all(&t);
		for (unsigned int i = 0; i < qt_nr_cpus(); i++)
			if (cpu_stats(t.q, i).isolated == 0)
				isolate_in_vain(&t, qt_cpu(i), 1);
		for (unsigned int nth = 1; nth <= t.q->front.nr_cpus - before; nth++) {
			isolate_in_vain(&t, QUIRE_ALL_CPUS, nth);
			fill_all(&t);
		}
		qt_assert_ok(quire_cpu_isolate(t.q, (int)before, 1));
	}
	fill_all(&t);
	refuse(1);
	qt_assert_ok(quire_cpu_isolate(t.q, QUIRE_ALL_CPUS, 1));
	assert_true(quire_drain(t.q, QUIRE_ALL_CPUS, 0) > 0);
	assert_int_equal(qt_stats(t.q).free_lists, 0);
	qt_assert_ok(quire_cpu_isolate(t.q, QUIRE_ALL_CPUS, 0));
	assert_int_equal(refusal.calls, 0);
	refuse(0);
	churn_close(&t, &s);
}

/* Lists that were disabled are enabled again, once for each time that it was in vain. */
static void test_disabling_in_vain(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	(void)param;
	churn_open(&t, &s, &churn_params[0], 0);
	for (unsigned int nth = 1; nth <= t.q->front.nr_cpus; nth++) {
		fill_all(&t);
		refuse(nth);
		qt_assert_err(quire_lists_disable(t.q, QUIRE_ALL_CPUS), EOPNOTSUPP);
		assert_int_equal(errno, ERRNO);
		refuse(0);
		qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "membarrier");
		for (unsigned int i = 0; i < qt_nr_cpus(); i++)
			assert_int_equal(cpu_stats(t.q, i).disabled, 0);
		fill_all(&t);
	}
	/* Where no fence is needed, none can be refused. */
	qt_assert_ok(quire_cpu_isolate(t.q, QUIRE_ALL_CPUS, 1));
	refuse(1);
	qt_assert_ok(quire_lists_disable(t.q, QUIRE_ALL_CPUS));
	assert_int_equal(qt_stats(t.q).free_lists, 0);
	qt_assert_ok(quire_cpu_isolate(t.q, QUIRE_ALL_CPUS, 0));
	qt_assert_ok(quire_cpu_isolate(t.q, QUIRE_ALL_CPUS, 1));
	qt_assert_ok(quire_lists_enable(t.q, QUIRE_ALL_CPUS));
	refuse(0);
	fill_all(&t);
	churn_close(&t, &s);
}

/* With a list of a CPU that a refused fence has left, and pages in the other; pages in both. */
static uint64_t open_unfenced(struct qt *t, struct stress *s, unsigned int i)
{
	uint64_t first, both;

	churn_open(t, s, &churn_params[0], 0);
	first = churn_fill(t->q, i, FILL);
	refuse(1);
	assert_int_equal(quire_drain(t->q, qt_cpu(i), 0), 0);
	refuse(0);
	both = churn_fill(t->q, i, FILL);
	assert_true(first > 0 && both > first);
	return both;
}

/* A list that a refused fence has left is fenced by whoever isolates its CPU, and found by drains then. */
static void test_an_unfenced_list_is_fenced_first(const struct qt_param *param)
{
	unsigned int i = qt_nr_cpus() - 1;
	uint64_t both;
	struct stress s;
	struct qt t;

	(void)param;
	both = open_unfenced(&t, &s, i);
	isolate_in_vain(&t, qt_cpu(i), 1);
	isolate(t.q, i, true);
	assert_int_equal(churn_listed(t.q, i), both);
	refuse(1);
	assert_int_equal(quire_drain(t.q, qt_cpu(i), 0) + quire_drain(t.q, qt_cpu(i), 0), both);
	assert_int_equal(churn_listed(t.q, i), 0);
	refuse(0);
	churn_close(&t, &s);
}

/* And by whoever disables it: what it has been left with goes to the zone as well. */
static void test_disabling_empties_an_unfenced_list(const struct qt_param *param)
{
	unsigned int i = qt_nr_cpus() - 1;
	uint64_t both;
	struct stress s;
	struct qt t;

	(void)param;
	both = open_unfenced(&t, &s, i);
	refuse(1);
	qt_assert_err(quire_lists_disable(t.q, qt_cpu(i)), EOPNOTSUPP);
	refuse(0);
	qt_reports_clear(&t.reports);
	assert_int_equal(churn_listed(t.q, i), both);
	qt_assert_ok(quire_lists_disable(t.q, qt_cpu(i)));
	assert_int_equal(churn_listed(t.q, i), 0);
	qt_assert_ok(quire_lists_enable(t.q, qt_cpu(i)));
	assert_true(churn_fill(t.q, i, FILL) > 0);
	churn_close(&t, &s);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(isolating_in_vain),
		QT_TEST(disabling_in_vain),
		QT_TEST(an_unfenced_list_is_fenced_first),
		QT_TEST(disabling_empties_an_unfenced_list),
	};

	return QT_RUN_ONCE(tests);
}
