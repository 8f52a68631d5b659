/* SPDX-License-Identifier: MIT */
/*
 * Requests on a CPU whose drains fence it, stopped before every instruction (stepping.h). As the fence
 * is the tests' own, one that interrupts nobody is possible too: the same account must then find
 * pages lost or doubled.
 */
#include "meddling.h"

#include <string.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static const struct request strangers[] = {
	{ "pop one, unknown thread", { 40, 0, 64 }, true, 1, 0, 0, true, false },
	{ "push one, unknown thread", { 40, 0, 64 }, false, 1, 0, 0, true, false },
	{ "pop a batch, unknown thread", { 60, 0, 64 }, true, SOME, 0, 0, true, false },
	{ "push a batch, unknown thread", { 20, 0, 64 }, false, SOME, 0, 0, true, false },
	{ "pop one, CPU without list", { 40, 0, 64 }, true, 1, 0, WORLD_CPUS, false, false },
	{ "push one, CPU without list", { 40, 0, 64 }, false, 1, 0, WORLD_CPUS, false, false },
	{ "pop one, no CPU", { 40, 0, 64 }, true, 1, 0, UINT32_MAX, false, false },
	{ "push one, no CPU", { 40, 0, 64 }, false, 1, 0, UINT32_MAX, false, false },
	{ "pop a batch, no CPU", { 60, 0, 64 }, true, SOME, 0, UINT32_MAX, false, false },
	{ "push a batch, no CPU", { 20, 0, 64 }, false, SOME, 0, UINT32_MAX, false, false },
};

/* ---- Fences that are refused ---------------------------------------------------------------- */

static const char *drain_in_vain(struct world *w)
{
	struct qi_pcp *pcp = world_pcp(w);
	uint32_t listed = qi_pcp_count(pcp);
	const char *why;

	if (listed == 0)
		return NULL;
	why = drain(w);
	if (why == NULL && !pcp->unfenced)
		why = "the list counts as fenced after a fence that failed";
	if (why == NULL && qi_pcp_count(pcp) != listed)
		why = "a stranded list is not counted";
	return why;
}

static const char *drain_in_vain_and_again(struct world *w)
{
	const char *why = drain_in_vain(w);

	fencing.fence = FENCE_WORKS;
	if (why == NULL)
		why = drain(w);
	if (why == NULL && world_pcp(w)->unfenced)
		why = "the list counts as unfenced after a fence that worked";
	return why;
}

/* The thread is in no section any more: this fence has nobody to interrupt. */
static const char *drain_at_last(struct world *w)
{
	const char *why;

	fencing.fence = FENCE_WORKS;
	why = drain(w);
	if (why == NULL && qi_pcp_count(world_pcp(w)) != 0)
		why = "pages of a stranded list are stranded still";
	return why;
}

/*
 * And while it is being refused another thread of the CPU has pushed into the new list, and the stopped
 * one has gone on, into a section of that list or beyond; and again a little until it is interrupted.
 */
static const char *drain_in_vain_while_it_goes_on(struct world *w)
{
	const char *why;

	world_take(w, &w->others, 5, 0);
	if (qi_pcp_count(world_pcp(w)) == 0)
		return NULL;
	why = drain(w);
	fencing.fence = FENCE_SLOW;
	(void)drain(w);
	return why;
}

/* ---- Tests ---------------------------------------------------------------------------------- */

static void step_all(const struct meddling *m)
{
	for (size_t i = 0; i < stepping_nr_requests; i++)
		assert_true(step_through(&stepping_requests[i], m).inside >= LEAST_SECTION);
}

#define TEST_MEDDLING(name, ...)                                   \
	static void test_##name(const struct qt_param *param)      \
	{                                                          \
		(void)param;                                       \
		step_all(&(const struct meddling){ __VA_ARGS__ }); \
	}

TEST_MEDDLING(drained, .fence = FENCE_WORKS, .at_stop = drain)
TEST_MEDDLING(drained_twice, .fence = FENCE_WORKS, .at_stop = drain_twice)
TEST_MEDDLING(interrupted_by_another_thread, .fence = FENCE_WORKS, .at_stop = work)
TEST_MEDDLING(drained_while_it_goes_on, .fence = FENCE_PASSES, .at_stop = drain)
TEST_MEDDLING(drained_by_a_slow_fence, .fence = FENCE_SLOW, .at_stop = drain)
TEST_MEDDLING(diverted_by_a_slow_fence, .fence = FENCE_SLOW, .at_stop = divert, .at_end = undivert)
TEST_MEDDLING(diverted_while_it_goes_on, .fence = FENCE_PASSES, .at_stop = divert,
	      .at_end = undivert)
TEST_MEDDLING(diverted, .fence = FENCE_WORKS, .at_stop = divert, .at_end = undivert)
TEST_MEDDLING(diverted_and_back, .fence = FENCE_WORKS, .at_stop = divert_and_back)
TEST_MEDDLING(all_claimed_by_another_cpu, .fence = FENCE_WORKS, .at_stop = claim, .exhausts = true)
TEST_MEDDLING(drained_in_vain, .fence = FENCE_REFUSES, .at_stop = drain_in_vain,
	      .at_end = drain_at_last)
TEST_MEDDLING(drained_in_vain_and_again, .fence = FENCE_REFUSES, .at_stop = drain_in_vain_and_again)
TEST_MEDDLING(drained_in_vain_while_it_goes_on, .fence = FENCE_REFUSES_LATE,
	      .at_stop = drain_in_vain_while_it_goes_on)
TEST_MEDDLING(diverted_in_vain, .fence = FENCE_REFUSES, .at_stop = divert, .at_end = drain_at_last)

/* No section moves their pages, whatever it finds out on the way; nothing is lost either. */
static void test_threads_that_sections_do_not_serve(const struct qt_param *param)
{
	const struct meddling m = { .fence = FENCE_WORKS, .at_stop = drain };

	(void)param;
	for (size_t i = 0; i < NR(strangers); i++)
		(void)step_through(&strangers[i], &m);
}

/* The account finds what a missing or a late abort does to each of the sections. */
static void expect_wrong(enum fence kind)
{
	static const char *const names[] = {
		"pop one",	    "push one",		  "pop a batch",
		"push a batch",	    "pop a narrow batch", "push a narrow batch",
		"pop an eight",	    "pop two eights",	  "pop four eights",
		"pop eight eights", "push an eight",	  "push two eights",
		"push four eights", "push eight eights",
	};
	const struct meddling m = { .fence = kind, .at_stop = drain };

	for (size_t i = 0; i < stepping_nr_requests; i++)
		for (size_t j = 0; j < NR(names); j++)
			if (strcmp(stepping_requests[i].name, names[j]) == 0)
				assert_true(step_through(&stepping_requests[i], &m).wrong > 0);
}

static void test_fence_that_interrupts_nobody_is_found_out(const struct qt_param *param)
{
	(void)param;
	expect_wrong(FENCE_LIES);
}

static void test_abort_after_the_commit_is_found_out(const struct qt_param *param)
{
	(void)param;
	expect_wrong(FENCE_LATE);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(drained),
		QT_TEST(drained_twice),
		QT_TEST(interrupted_by_another_thread),
		QT_TEST(drained_while_it_goes_on),
		QT_TEST(drained_by_a_slow_fence),
		QT_TEST(diverted_by_a_slow_fence),
		QT_TEST(diverted_while_it_goes_on),
		QT_TEST(diverted),
		QT_TEST(diverted_and_back),
		QT_TEST(all_claimed_by_another_cpu),
		QT_TEST(drained_in_vain),
		QT_TEST(drained_in_vain_and_again),
		QT_TEST(drained_in_vain_while_it_goes_on),
		QT_TEST(diverted_in_vain),
		QT_TEST(threads_that_sections_do_not_serve),
		QT_TEST(fence_that_interrupts_nobody_is_found_out),
		QT_TEST(abort_after_the_commit_is_found_out),
	};

	return stepping_run(tests, NR(tests));
}
