/* SPDX-License-Identifier: MIT */
/*
 * Two threads that free the same page at the same moment: with QUIRE_CHECK_STRICT one of them is
 * refused.
 */
#include "sanitizer.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define ROUNDS (8000u / QT_SLOWER)
#define MAX_PAGES 64u

struct race {
	struct quire *q;
	uint32_t pfns[MAX_PAGES];
	size_t n;
	atomic_uint arrived;
	atomic_uint freed; /* pages, in this round */
	atomic_uint wrong; /* returns that are neither 0 nor -EALREADY */
};

/* Both leave this at once, or as nearly as can be. */
static void meet(struct race *r, unsigned int round)
{
	atomic_fetch_add(&r->arrived, 1);
	for (unsigned int spins = 1; atomic_load(&r->arrived) < 2 * round; spins++)
		if (spins % 1000 == 0)
			sched_yield();
}

static void free_them(struct race *r)
{
	int err;

	if (r->n > 1) {
		atomic_fetch_add(&r->freed, (unsigned int)quire_free_bulk_pfn(r->q, r->n, r->pfns));
		return;
	}
	err = quire_free_pfn(r->q, r->pfns[0]);
	if (err == 0)
		atomic_fetch_add(&r->freed, 1);
	else if (err != -QUIRE_EALREADY)
		atomic_fetch_add(&r->wrong, 1);
}

static void *other(void *argument)
{
	struct race *r = argument;

	for (unsigned int round = 1; round <= ROUNDS; round++) {
		meet(r, 2 * round - 1);
		free_them(r);
		meet(r, 2 * round);
	}
	return NULL;
}

static void race(const struct qt_param *param, size_t n, unsigned int order)
{
	struct race r = { .n = n };
	unsigned int missed = 0;
	pthread_t thread;
	struct qt t;

	if (param->check != QUIRE_CHECK_STRICT)
		return;
	qt_open_unmapped(&t, param, 4096);
	r.q = t.q;
	assert_int_equal(pthread_create(&thread, NULL, other, &r), 0);
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		size_t got = quire_alloc_bulk_pfn(t.q, 0, order, n, r.pfns);

		atomic_store(&r.freed, 0);
		meet(&r, 2 * round - 1);
		free_them(&r);
		meet(&r, 2 * round);
		missed += got != n || atomic_load(&r.freed) != n;
	}
	pthread_join(thread, NULL);
	assert_int_equal(missed, 0);
	assert_int_equal(atomic_load(&r.wrong), 0);
	assert_int_equal(qt_stats(t.q).bad_frees, ROUNDS * n);
	qt_assert_sound(t.q, 0);
	qt_end(&t);
}

static void test_strict_catches_racing_frees_of_a_page(const struct qt_param *param)
{
	race(param, 1, 0);
}

static void test_strict_catches_racing_frees_of_a_block(const struct qt_param *param)
{
	race(param, 1, 3);
}

static void test_strict_catches_racing_bulk_frees(const struct qt_param *param)
{
	race(param, MAX_PAGES, 0);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(strict_catches_racing_frees_of_a_page),
		QT_TEST(strict_catches_racing_frees_of_a_block),
		QT_TEST(strict_catches_racing_bulk_frees),
	};

	return QT_RUN(tests);
}
