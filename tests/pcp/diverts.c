/* SPDX-License-Identifier: MIT */
/*
 * Lists that are closed for a while: they stay empty and are left as they are, requests are served
 * by depot and zone, and nothing of it is taken for a refill or an overflow. For `locked`, too,
 * whose lists are hidden by the same means.
 */
#include "child.h"
#include "churn.h"
#include "cpu.h"
#include "sanitizer.h"

#include "alloc/instance.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum {
	THREADS = 4,
	ROUNDS = 20000 / QT_SLOWER + 2,
	LOOKS = 20,
	FILL = 40,
};

static const struct qt_cache caches[] = {
	{ "pcp", QUIRE_CACHE_PCP, 0 },
	{ "locked", QUIRE_CACHE_LOCKED, 0 },
};

static uint32_t pfns[CHURN_PAGES];

static struct qi_pcp *record(const struct qt *t, unsigned int i)
{
	return &t->q->front.pcps[qt_cpu(i)];
}

static void divert(const struct qt *t, unsigned int i)
{
	assert_true(qi_front_divert(&t->q->front, (uint32_t)qt_cpu(i)));
}

static void undivert(const struct qt *t, unsigned int i)
{
	qi_front_undivert(&t->q->front, (uint32_t)qt_cpu(i));
}

static void take(const struct qt *t, quire_gfp gfp, size_t n)
{
	if (n > 1) {
		assert_int_equal(quire_alloc_bulk_pfn(t->q, gfp, 0, n, pfns), n);
		return;
	}
	pfns[0] = quire_alloc_pfn(t->q, gfp, 0);
	assert_int_not_equal(pfns[0], QUIRE_NO_PFN);
}

static void give(const struct qt *t, size_t n)
{
	if (n > 1)
		assert_int_equal(quire_free_bulk_pfn(t->q, n, pfns), n);
	else
		qt_assert_ok(quire_free_pfn(t->q, pfns[0]));
}

static void give_singly(const struct qt *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		qt_assert_ok(quire_free_pfn(t->q, pfns[i]));
}

/* Every size that goes a way of its own, each way there and back. */
static void make_requests(const struct qt *t)
{
	static const size_t sizes[] = { 1,  2,	3,  4,	8,  9,	 15,   16,
					17, 40, 63, 64, 65, 300, 1000, CHURN_PAGES };
	static const quire_gfp efforts[] = { 0, QUIRE_NORETRY, QUIRE_ATOMIC, QUIRE_NOWAIT };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t j = 0; j < sizeof(efforts) / sizeof(efforts[0]); j++) {
			size_t n = sizes[i] == CHURN_PAGES && j > 0 ? 1 : sizes[i];

			take(t, efforts[j], n);
			give(t, n);
			take(t, efforts[j], n);
			give_singly(t, n);
		}
	}
}

/* ---- What a closed list is spared ---- */

/* All of a record but its lock, and both lists' headers and limits. */
struct look {
	uintptr_t lp;
	uint32_t live, refill, overflow, turn;
	uint64_t header[2];
	uint32_t high[2], low[2];
	uint64_t refills, overflows, busy;
};

static struct look look_at(const struct qt *t, unsigned int i)
{
	const struct qi_pcp *pcp = record(t, i);
	struct quire_stats stats = qt_stats(t->q);
	struct look look;

	memset(&look, 0, sizeof(look)); /* all of it is compared */
	look.lp = atomic_load(&pcp->lp);
	look.live = atomic_load(&pcp->live);
	look.refill = atomic_load(&pcp->refill);
	look.overflow = atomic_load(&pcp->overflow);
	look.turn = atomic_load(&pcp->turn);
	look.refills = stats.refills;
	look.overflows = stats.overflows;
	look.busy = atomic_load(&pcp->nr_busy);
	for (unsigned int k = 0; k < 2 && pcp->lists[k] != NULL; k++) {
		look.header[k] = atomic_load(&pcp->lists[k]->header);
		look.high[k] = atomic_load(&pcp->lists[k]->high);
		look.low[k] = atomic_load(&pcp->lists[k]->low);
	}
	return look;
}

static void assert_untouched(const struct look *before, const struct qt *t, unsigned int i)
{
	struct look now = look_at(t, i);

	assert_int_equal(churn_listed(t->q, i), 0);
	assert_memory_equal(&now, before, sizeof(now));
}

static void assert_open(const struct qt *t, unsigned int i)
{
	const struct qi_pcp *pcp = record(t, i);

	assert_ptr_equal((struct qp_list *)atomic_load(&pcp->lp), qi_pcp_live(pcp));
	assert_true(churn_fill(t->q, i, FILL) > 0);
	assert_true(qi_header_count(qi_header(qi_pcp_live(pcp))) > 0);
}

/* Both lists take their turn to be the one that is hidden. */
static void test_requests_go_to_depot_and_zone(const struct qt_param *param)
{
	unsigned int i = qt_nr_cpus() - 1;
	struct stress s;
	struct qt t;

	churn_open(&t, &s, param, 0);
	for (int round = 0; round < 3; round++) {
		struct look before;

		assert_open(&t, i);
		divert(&t, i);
		before = look_at(&t, i);
		assert_true(qt_cpu_bind(i));
		make_requests(&t);
		qt_cpu_unbind();
		assert_untouched(&before, &t, i);
		undivert(&t, i);
		assert_open(&t, i);
		assert_true(quire_drain(t.q, qt_cpu(i), 0) > 0);
	}
	churn_close(&t, &s);
}

/* Nothing to drain, nothing to be found, and no way for a drain to open them. */
static void test_drains_leave_them_closed(const struct qt_param *param)
{
	unsigned int i = qt_nr_cpus() - 1;
	struct look before;
	struct stress s;
	struct qt t;

	churn_open(&t, &s, param, 0);
	assert_open(&t, i);
	divert(&t, i);
	before = look_at(&t, i);
	assert_int_equal(quire_drain(t.q, qt_cpu(i), 0), 0);
	take(&t, 0, CHURN_PAGES);
	assert_int_equal(quire_alloc_pfn(t.q, 0, 0), QUIRE_NO_PFN);
	assert_true(qt_cpu_bind(i));
	give_singly(&t, CHURN_PAGES);
	qt_cpu_unbind();
	(void)quire_drain(t.q, QUIRE_ALL_CPUS, 0);
	assert_untouched(&before, &t, i);
	undivert(&t, i);
	assert_open(&t, i);
	churn_close(&t, &s);
}

static void test_they_nest(const struct qt_param *param)
{
	unsigned int i = qt_nr_cpus() - 1;
	struct stress s;
	struct qt t;

	churn_open(&t, &s, param, 0);
	for (int depth = 1; depth <= 3; depth++) {
		assert_open(&t, i);
		for (int k = 0; k < depth; k++)
			divert(&t, i);
		for (int k = 0; k < depth; k++) {
			assert_int_equal(churn_fill(t.q, i, FILL), 0);
			undivert(&t, i);
		}
		assert_open(&t, i);
	}
	churn_close(&t, &s);
}

/* Another CPU's lists go on. */
static void test_one_cpu_alone(const struct qt_param *param)
{
	struct stress s;
	struct qt t;

	if (qt_nr_cpus() < 2)
		skip();
	churn_open(&t, &s, param, 0);
	divert(&t, 1);
	assert_open(&t, 0);
	assert_int_equal(churn_fill(t.q, 1, FILL), 0);
	undivert(&t, 1);
	assert_open(&t, 1);
	churn_close(&t, &s);
}

/* ---- In a forked child ---- */

static int go_on_in_child(void *context)
{
	struct qt *t = context;
	unsigned int i = qt_nr_cpus() - 1;

	QT_STEP(1, churn_fill(t->q, i, FILL) == 0);
	qi_front_undivert(&t->q->front, (uint32_t)qt_cpu(i));
	QT_STEP(2, churn_fill(t->q, i, FILL) > 0);
	QT_STEP(3, qi_front_divert(&t->q->front, (uint32_t)qt_cpu(i)));
	QT_STEP(4, churn_listed(t->q, i) == 0 && churn_fill(t->q, i, FILL) == 0);
	QT_STEP(5, quire_alloc_bulk_pfn(t->q, 0, 0, CHURN_PAGES, pfns) == CHURN_PAGES);
	return 0;
}

static void test_a_child_inherits_them_closed(const struct qt_param *param)
{
	unsigned int i = qt_nr_cpus() - 1;
	struct stress s;
	struct qt t;

	churn_open(&t, &s, param, QUIRE_CONFIG_INHERIT);
	assert_open(&t, i);
	assert_true(quire_drain(t.q, qt_cpu(i), 0) > 0);
	assert_open(&t, i);
	divert(&t, i);
	qt_in_child(go_on_in_child, &t);
	assert_int_equal(churn_fill(t.q, i, FILL), 0);
	undivert(&t, i);
	assert_open(&t, i);
	churn_close(&t, &s);
}

/* ---- While others are at work there ---- */

struct churner {
	pthread_t thread;
	struct churn churn;
	atomic_uint *running;
	atomic_bool *done;
};

static void *churn_along(void *argument)
{
	struct churner *c = argument;

	qt_cpu_bind(c->churn.who);
	atomic_fetch_add(c->running, 1);
	for (uint32_t i = 1; !atomic_load(c->done); i++) {
		churn_step(&c->churn);
		if (i % (c->churn.who == 1 ? 8 : 512) == 0)
			quire_drain(c->churn.s->q, QUIRE_ALL_CPUS, 0);
		if (i % 4096 == 0)
			qt_cpu_bind(i / 4096 + c->churn.who);
	}
	churn_end(&c->churn);
	return NULL;
}

/* Empty at each look, and popped from and pushed to by nobody. */
static bool stays_closed(const struct qt *t, unsigned int i)
{
	const struct qi_pcp *pcp = record(t, i);
	uint64_t pushes = qi_pcp_pushes(pcp);
	uint64_t pops = qi_pcp_pops(pcp);

	for (int look = 0; look < LOOKS; look++)
		if (churn_listed(t->q, i) != 0 || qi_pcp_pushes(pcp) != pushes ||
		    qi_pcp_pops(pcp) != pops)
			return false;
	return true;
}

static void test_while_others_use_them(const struct qt_param *param)
{
	static struct churner churners[THREADS];
	atomic_bool done = false;
	atomic_uint running = 0;
	uint32_t wrong = 0;
	struct stress s;
	struct qt t;

	churn_open(&t, &s, param, 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		churners[i].running = &running;
		churners[i].done = &done;
		churn_init(&churners[i].churn, &s, i + 1);
		assert_int_equal(pthread_create(&churners[i].thread, NULL, churn_along,
						&churners[i]),
				 0);
	}
	while (atomic_load(&running) < THREADS)
		sched_yield();
	for (uint32_t round = 0; round < ROUNDS; round++) {
		unsigned int i = round % qt_nr_cpus();

		divert(&t, i);
		wrong += !stays_closed(&t, i);
		undivert(&t, i);
	}
	atomic_store(&done, true);
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(churners[i].thread, NULL);
	assert_int_equal(wrong, 0);
	churn_close(&t, &s);
}

/* ---- Both caches ---- */

#define TEST_BOTH(name)                                                               \
	static void test_##name##_pcp(const struct qt_param *param)                   \
	{                                                                             \
		(void)param;                                                          \
		test_##name(&(const struct qt_param){ &caches[0], QUIRE_CHECK_ON });  \
	}                                                                             \
	static void test_##name##_unchecked(const struct qt_param *param)             \
	{                                                                             \
		(void)param;                                                          \
		test_##name(&(const struct qt_param){ &caches[0], QUIRE_CHECK_OFF }); \
	}                                                                             \
	static void test_##name##_locked(const struct qt_param *param)                \
	{                                                                             \
		(void)param;                                                          \
		test_##name(&(const struct qt_param){ &caches[1], QUIRE_CHECK_ON });  \
	}

TEST_BOTH(requests_go_to_depot_and_zone)
TEST_BOTH(drains_leave_them_closed)
TEST_BOTH(they_nest)
TEST_BOTH(one_cpu_alone)
TEST_BOTH(a_child_inherits_them_closed)
TEST_BOTH(while_others_use_them)

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(requests_go_to_depot_and_zone_pcp),
		QT_TEST(requests_go_to_depot_and_zone_unchecked),
		QT_TEST(requests_go_to_depot_and_zone_locked),
		QT_TEST(drains_leave_them_closed_pcp),
		QT_TEST(drains_leave_them_closed_unchecked),
		QT_TEST(drains_leave_them_closed_locked),
		QT_TEST(they_nest_pcp),
		QT_TEST(they_nest_unchecked),
		QT_TEST(they_nest_locked),
		QT_TEST(one_cpu_alone_pcp),
		QT_TEST(one_cpu_alone_unchecked),
		QT_TEST(one_cpu_alone_locked),
		QT_TEST(a_child_inherits_them_closed_pcp),
		QT_TEST(a_child_inherits_them_closed_unchecked),
		QT_TEST(a_child_inherits_them_closed_locked),
		QT_TEST(while_others_use_them_pcp),
		QT_TEST(while_others_use_them_unchecked),
		QT_TEST(while_others_use_them_locked),
	};

	return QT_RUN_ONCE(tests);
}
