/* SPDX-License-Identifier: MIT */
/*
 * Requests on an isolated CPU, or one that becomes isolated or ceases to be while a thread of its is
 * stopped before any instruction (stepping.h). What is done to an isolated CPU asks for no fence and
 * aborts nobody: the stopped thread just goes on, with whatever it had read.
 */
#include "meddling.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

enum {
	BATCH = 4, /* pages that do not go one by one */
};

/* ---- Isolated and back ---------------------------------------------------------------------- */

static const char *isolate(struct world *w)
{
	if (quire_cpu_isolate(w->q, 0, 1) != 0)
		return "the CPU was not isolated";
	return qi_pcp_isolated(world_pcp(w)) ? NULL : "the CPU does not count as isolated";
}

static const char *restore(struct world *w)
{
	if (quire_cpu_isolate(w->q, 0, 0) != 0)
		return "the CPU was not restored";
	return qi_pcp_isolated(world_pcp(w)) ? "the CPU counts as isolated" : NULL;
}

/* All that each of them finds wrong is worth a message, but the first is enough. */
static const char *each(struct world *w, const char *(*const *steps)(struct world *w))
{
	const char *why = NULL;

	for (; *steps != NULL && why == NULL; steps++)
		why = (*steps)(w);
	return why;
}

#define MEDDLING(name, ...)                                                                  \
	static const char *name(struct world *w)                                             \
	{                                                                                    \
		static const char *(*const steps[])(struct world *) = { __VA_ARGS__, NULL }; \
                                                                                             \
		return each(w, steps);                                                       \
	}

MEDDLING(drain_divert_drain, drain, divert_and_back, drain)
MEDDLING(drain_and_divert, drain, divert)
MEDDLING(divert_twice_undivert_once, divert, divert, undivert)
MEDDLING(restore_and_drain, restore, drain)
MEDDLING(drain_restore_drain, drain, restore, drain)
MEDDLING(restore_and_divert, restore, divert)
MEDDLING(restore_and_isolate, restore, isolate)
MEDDLING(restore_isolate_drain, restore, isolate, drain)
MEDDLING(divert_and_restore, divert, restore)
MEDDLING(divert_restore_undivert_isolate, divert, restore, undivert, isolate)
MEDDLING(isolate_and_drain, isolate, drain)
MEDDLING(isolate_and_divert, isolate, divert)
MEDDLING(isolate_and_restore, isolate, restore)
MEDDLING(isolate_restore_isolate, isolate, restore, isolate)
MEDDLING(isolate_restore_isolate_drain, isolate, restore, isolate, drain)
MEDDLING(isolate_restore_drain, isolate, restore, drain)
MEDDLING(divert_and_isolate, divert, isolate)
MEDDLING(isolate_work_drain, isolate, work, drain)

static const char *isolate_in_vain(struct world *w)
{
	struct qi_pcp *pcp = world_pcp(w);
	struct qp_list *live = qi_pcp_live(pcp);
	uint32_t listed = qi_pcp_count(pcp);
	int refused = quire_cpu_isolate(w->q, 0, 1);

	if (refused != -QUIRE_EOPNOTSUPP || atomic_load(&w->reports.nr[0]) != 1)
		return "a CPU was isolated without a fence, or nobody was told that it was not";
	qt_reports_clear(&w->reports);
	if (qi_pcp_isolated(pcp) || qi_pcp_count(pcp) != listed ||
	    atomic_load(&pcp->lp) != (uintptr_t)live || !qi_pcp_hidden(&pcp->shared_lp))
		return "something has changed though the CPU was not isolated";
	return NULL;
}

/* A list that stays closed would send every section away, again and again. */
static const char *commits(struct world *w)
{
	uint64_t pushes = qi_pcp_pushes(world_pcp(w));

	(void)work(w);
	return qi_pcp_pushes(world_pcp(w)) > pushes ? NULL : "a section never commits";
}

static const char *drain_at_end(struct world *w)
{
	fencing.fence = FENCE_WORKS;
	return drain(w);
}

/* ---- Tests ---------------------------------------------------------------------------------- */

/*
 * Nobody is interrupted, and still what the stopped thread has in hand is found out of date. Single
 * pages go the long way then, without a word.
 */
static void step_isolated(const struct meddling *m, bool takes_all)
{
	for (size_t i = 0; i < stepping_nr_requests; i++) {
		const struct request *request = &stepping_requests[i];
		struct tally tally = step_through(request, m);

		assert_true(tally.inside >= LEAST_SECTION);
		assert_int_equal(tally.fences, 0);
		assert_true(tally.again > 0 || !takes_all || request->n < BATCH ||
			    request->standing.listed == 0);
	}
}

static void step_changing(const struct meddling *m)
{
	for (size_t i = 0; i < stepping_nr_requests; i++) {
		struct tally tally = step_through(&stepping_requests[i], m);

		assert_true(tally.inside >= LEAST_SECTION);
		assert_true(tally.fences > 0);
	}
}

#define TEST_ISOLATED(name, takes_all, ...)                                              \
	static void test_##name(const struct qt_param *param)                            \
	{                                                                                \
		(void)param;                                                             \
		step_isolated(&(const struct meddling){ .isolated = true, __VA_ARGS__ }, \
			      takes_all);                                                \
	}

TEST_ISOLATED(drained, true, .at_stop = drain)
TEST_ISOLATED(drained_and_at_the_end, true, .at_stop = drain, .at_end = drain)
TEST_ISOLATED(drained_twice, true, .at_stop = drain_twice)
TEST_ISOLATED(drained_diverted_drained, true, .at_stop = drain_divert_drain)
TEST_ISOLATED(interrupted_by_another_thread, true, .at_stop = work)
TEST_ISOLATED(diverted, true, .at_stop = divert, .at_end = undivert)
TEST_ISOLATED(drained_and_diverted, true, .at_stop = drain_and_divert, .at_end = undivert)
TEST_ISOLATED(diverted_and_back, true, .at_stop = divert_and_back)
TEST_ISOLATED(diverted_twice_and_once_back, true, .at_stop = divert_twice_undivert_once,
	      .at_end = undivert)
TEST_ISOLATED(all_claimed_by_another_cpu, false, .at_stop = claim, .exhausts = true)
TEST_ISOLATED(restored, false, .at_stop = restore)
/* The second drain finds nothing to fence for. */
TEST_ISOLATED(drained_restored_drained, true, .at_stop = drain_restore_drain)
TEST_ISOLATED(diverted_and_restored, true, .at_stop = divert_and_restore, .at_end = undivert)

#define TEST_CHANGING(name, ...)                                        \
	static void test_##name(const struct qt_param *param)           \
	{                                                               \
		(void)param;                                            \
		step_changing(&(const struct meddling){ __VA_ARGS__ }); \
	}

/* What becomes of a stopped shared section when drains fence again. */
TEST_CHANGING(restored_and_drained, .isolated = true, .at_stop = restore_and_drain)
TEST_CHANGING(restored_and_drained_at_the_end, .isolated = true, .at_stop = restore,
	      .at_end = drain)
TEST_CHANGING(restored_and_diverted, .isolated = true, .at_stop = restore_and_divert,
	      .at_end = undivert)
TEST_CHANGING(restored_and_isolated, .isolated = true, .at_stop = restore_and_isolate)
TEST_CHANGING(restored_isolated_drained, .isolated = true, .at_stop = restore_isolate_drain)

TEST_CHANGING(diverted_restored_and_isolated_again, .isolated = true,
	      .at_stop = divert_restore_undivert_isolate, .at_end = commits)

/* And of one that stores its header, when they do not any more. */
TEST_CHANGING(isolated, .at_stop = isolate)
TEST_CHANGING(isolated_while_it_goes_on, .fence = FENCE_PASSES, .at_stop = isolate_and_drain)
TEST_CHANGING(isolated_by_a_slow_fence, .fence = FENCE_SLOW, .at_stop = isolate_and_drain)
TEST_CHANGING(isolated_and_drained, .at_stop = isolate_and_drain)
TEST_CHANGING(isolated_and_diverted, .at_stop = isolate_and_divert, .at_end = undivert)
TEST_CHANGING(isolated_and_restored, .at_stop = isolate_and_restore)
TEST_CHANGING(isolated_restored_drained, .at_stop = isolate_restore_drain)
TEST_CHANGING(isolated_restored_isolated, .at_stop = isolate_restore_isolate, .at_end = drain)
TEST_CHANGING(isolated_restored_isolated_drained, .at_stop = isolate_restore_isolate_drain)
TEST_CHANGING(isolated_and_drained_behind_another_thread, .at_stop = isolate_work_drain)
TEST_CHANGING(diverted_and_isolated, .at_stop = divert_and_isolate, .at_end = undivert)
TEST_CHANGING(isolated_in_vain, .fence = FENCE_REFUSES, .at_stop = isolate_in_vain,
	      .at_end = drain_at_end)

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(drained),
		QT_TEST(drained_and_at_the_end),
		QT_TEST(drained_twice),
		QT_TEST(drained_diverted_drained),
		QT_TEST(interrupted_by_another_thread),
		QT_TEST(diverted),
		QT_TEST(drained_and_diverted),
		QT_TEST(diverted_and_back),
		QT_TEST(diverted_twice_and_once_back),
		QT_TEST(all_claimed_by_another_cpu),
		QT_TEST(restored),
		QT_TEST(diverted_and_restored),
		QT_TEST(restored_and_drained),
		QT_TEST(restored_and_drained_at_the_end),
		QT_TEST(drained_restored_drained),
		QT_TEST(restored_and_diverted),
		QT_TEST(restored_and_isolated),
		QT_TEST(restored_isolated_drained),
		QT_TEST(diverted_restored_and_isolated_again),
		QT_TEST(isolated),
		QT_TEST(isolated_while_it_goes_on),
		QT_TEST(isolated_by_a_slow_fence),
		QT_TEST(isolated_and_drained),
		QT_TEST(isolated_and_diverted),
		QT_TEST(isolated_and_restored),
		QT_TEST(isolated_restored_drained),
		QT_TEST(isolated_restored_isolated),
		QT_TEST(isolated_restored_isolated_drained),
		QT_TEST(isolated_and_drained_behind_another_thread),
		QT_TEST(diverted_and_isolated),
		QT_TEST(isolated_in_vain),
	};

	return stepping_run(tests, NR(tests));
}
