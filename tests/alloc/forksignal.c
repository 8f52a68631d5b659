/* SPDX-License-Identifier: MIT */
/*
 * Signals around a fork: none is delivered while instances' locks are held for it, nor in an inheriting
 * child before all instances are whole. So a handler there finds them as it would anywhere else.
 */
#include "child.h"
#include "sanitizer.h"
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

enum {
	SMALL = 4096, /* pages */
	NR_TO_FREE = 1000,
	LARGE = (1u << 20) / QT_SLOWER,
	NR_HELD = LARGE / 2,
	ROUNDS = 4,
};

/* ---- The mask, as a program's own fork handlers see it between the library's ---- */

static bool blocked_before, blocked_in_parent, blocked_in_child;

static bool is_blocked(void)
{
	sigset_t mask;

	return pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR1) == 1;
}

static void look_before(void)
{
	blocked_before = is_blocked();
}

static void look_in_parent(void)
{
	blocked_in_parent = is_blocked();
}

static void look_in_child(void)
{
	blocked_in_child = is_blocked();
}

static int child_has_its_mask_back(void *context)
{
	(void)context;
	QT_STEP(1, blocked_in_child);
	QT_STEP(2, !is_blocked());
	return 0;
}

static void test_signals_are_held_back(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, SMALL);
	qt_in_child(child_has_its_mask_back, NULL);
	assert_true(blocked_before);
	assert_true(blocked_in_parent);
	assert_false(is_blocked());
	qt_end(&t);
}

/* ---- Handlers that allocate and free, as early as they can in the child ---- */

static struct {
	struct quire *small;
	struct quire *large;
	uint32_t to_free[NR_TO_FREE]; /* held pages of small */
	volatile sig_atomic_t nr_to_free;
	volatile sig_atomic_t refused;
} shared;

static void use_both(int signal)
{
	uint32_t pfn = quire_alloc_pfn(shared.large, QUIRE_ATOMIC, 0);

	(void)signal;
	if (pfn != QUIRE_NO_PFN && quire_free_pfn(shared.large, pfn) != 0)
		shared.refused = shared.refused + 1;
	if (shared.nr_to_free == 0)
		return;
	if (quire_free_pfn(shared.small, shared.to_free[shared.nr_to_free - 1]) == 0)
		shared.nr_to_free = shared.nr_to_free - 1;
	else
		shared.refused = shared.refused + 1;
}

static uint32_t held[NR_HELD];
static uint32_t rest[LARGE];
static uint8_t seen[LARGE];

static int check_child(void *context)
{
	sigset_t all;
	uint32_t nr_rest = LARGE - NR_HELD;

	(void)context;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	QT_STEP(1, shared.refused == 0);
	QT_STEP(2, quire_held(shared.small) == (size_t)shared.nr_to_free);
	QT_STEP(3, quire_held(shared.large) == NR_HELD);
	QT_STEP(4, quire_alloc_bulk_pfn(shared.large, 0, 0, LARGE, rest) == nr_rest);
	for (uint32_t i = 0; i < NR_HELD; i++)
		seen[held[i]]++;
	for (uint32_t i = 0; i < nr_rest; i++)
		seen[rest[i]]++;
	for (uint32_t pfn = 0; pfn < LARGE; pfn++)
		QT_STEP(5, seen[pfn] == 1);
	return 0;
}

static void open_inherited(struct qt *t, const struct qt_param *param, uint32_t nr_pages)
{
	qt_begin(t, param);
	t->config.flags |= QUIRE_CONFIG_INHERIT;
	t->config.max_pages = nr_pages;
	t->config.max_regions = 1;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, nr_pages);
}

static void bombard(void)
{
	pid_t child = qt_child_begin(check_child, NULL);

	while (!qt_child_ended(child))
		kill(child, SIGUSR1);
}

static void test_handlers_in_a_new_child(const struct qt_param *param)
{
	struct sigaction action = { .sa_flags = SA_RESTART };
	struct sigaction before;
	struct qt small, large;

	open_inherited(&small, param, SMALL);
	open_inherited(&large, param, LARGE); /* the later one is whole first, and slowly */
	shared.small = small.q;
	shared.large = large.q;
	assert_int_equal(quire_alloc_bulk_pfn(small.q, 0, 0, NR_TO_FREE, shared.to_free),
			 NR_TO_FREE);
	assert_int_equal(quire_alloc_bulk_pfn(large.q, 0, 0, NR_HELD, held), NR_HELD);
	shared.nr_to_free = NR_TO_FREE;
	action.sa_handler = use_both;
	sigaction(SIGUSR1, &action, &before);
	for (int i = 0; i < ROUNDS; i++)
		bombard();
	sigaction(SIGUSR1, &before, NULL);
	assert_int_equal(shared.nr_to_free, NR_TO_FREE);
	assert_int_equal(quire_free_bulk_pfn(small.q, NR_TO_FREE, shared.to_free), NR_TO_FREE);
	assert_int_equal(quire_free_bulk_pfn(large.q, NR_HELD, held), NR_HELD);
	qt_end(&large);
	qt_end(&small);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(signals_are_held_back),
		QT_TEST(handlers_in_a_new_child),
	};

	/* Before any instance, so that these run inside of the library's own. */
	if (pthread_atfork(look_before, look_in_parent, look_in_child) != 0)
		return 1;
	return QT_RUN_CACHES(tests);
}
