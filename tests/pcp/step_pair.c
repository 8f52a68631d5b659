/* SPDX-License-Identifier: MIT */
/*
 * Sections of CPU 0, stopped before every instruction, and whoever drains, closes or isolates its
 * lists, stopped before every instruction too (pairing.h).
 */
#include "meddling.h"
#include "pairing.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Tests ---------------------------------------------------------------------------------- */

/* How many pages it moves depends on where both are. */
static const char *drain_some(struct world *w)
{
	(void)quire_drain(w->q, 0, 0);
	return NULL;
}

static const char *isolate(struct world *w)
{
	return quire_cpu_isolate(w->q, 0, 1) == 0 ? NULL : "the CPU was not isolated";
}

static const char *restore(struct world *w)
{
	return quire_cpu_isolate(w->q, 0, 0) == 0 ? NULL : "the CPU was not restored";
}

static const char *restore_and_drain_some(struct world *w)
{
	const char *why = restore(w);

	return why != NULL ? why : drain_some(w);
}

/* Lists work as ever, and a drain finds everything, wherever the two have left it. */
static const char *work_and_drain(struct world *w)
{
	(void)work(w);
	return drain(w);
}

/* Short lists, as the second thread is stopped before each instruction of emptying them. */
static const struct request requests[] = {
	{ "pop one", { 10, 0, 64 }, true, 1, 0, 0, false, false },
	{ "push one", { 10, 0, 64 }, false, 1, 0, 0, false, false },
	{ "push one into an empty list", { 0, 0, 64 }, false, 1, 0, 0, false, false },
	{ "pop an eight", { 18, 0, 64 }, true, 8, 0, 0, false, false },
	{ "push an eight", { 18, 0, 64 }, false, 8, 0, 0, false, false },
	{ "push a narrow batch", { 18, 0, 64 }, false, 4, 0, 0, false, true },
};

static bool in_a_section(struct world *w, pid_t first, uint32_t stop)
{
	(void)stop;
	return stepper_look(first) == STEPPER_INSIDE && !world_locked(w);
}

static void pair_all(const struct pairing *how)
{
	for (size_t i = 0; i < NR(requests); i++)
		pair_through(&requests[i], how);
}

#define TEST_PAIR(name, ...)                                                             \
	static void test_##name(const struct qt_param *param)                            \
	{                                                                                \
		(void)param;                                                             \
		pair_all(&(const struct pairing){                                        \
			.stops = in_a_section, .at_end = work_and_drain, __VA_ARGS__ }); \
	}

TEST_PAIR(drain_of_an_isolated_cpu, .isolated = true, .at_stop = drain_some)
TEST_PAIR(divert_of_an_isolated_cpu, .isolated = true, .at_stop = divert_and_back)
TEST_PAIR(restore_and_drain, .isolated = true, .at_stop = restore_and_drain_some)
TEST_PAIR(drain, .at_stop = drain_some)
TEST_PAIR(divert, .at_stop = divert_and_back)
TEST_PAIR(isolate, .at_stop = isolate)

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(drain_of_an_isolated_cpu),
		QT_TEST(divert_of_an_isolated_cpu),
		QT_TEST(restore_and_drain),
		QT_TEST(drain),
		QT_TEST(divert),
		QT_TEST(isolate),
	};

	return stepping_run(tests, NR(tests));
}
