/* SPDX-License-Identifier: MIT */
/*
 * No false exhaustion with many threads: their shares add up to all the memory there is, so each of
 * them must always get its share, wherever others have just left their pages.
 */
#include "cpu.h"
#include "random.h"
#include "sanitizer.h"
#include "stress.h"
#include "test.h"

#include <pthread.h>

#define NR_THREADS 8u
#define SHARE 512u
#define ROUNDS (400u / QT_SLOWER + 3)

struct sharer {
	struct stress *s;
	pthread_t thread;
	uint32_t number;
	bool bulk;
	atomic_uint failed;
	uint32_t pfns[SHARE];
};

static uint32_t take_share(struct sharer *x, struct qt_random *random)
{
	uint32_t n = 0;

	while (n < SHARE) {
		uint32_t want = x->bulk ? 1 + qt_random_below(random, SHARE - n) : 1;

		if (quire_alloc_bulk_pfn(x->s->q, 0, 0, want, &x->pfns[n]) != want) {
			atomic_fetch_add(&x->failed, 1);
			return n;
		}
		for (uint32_t i = 0; i < want; i++)
			stress_take(x->s, x->number, x->pfns[n + i], 0);
		n += want;
	}
	return n;
}

static void *share(void *argument)
{
	struct sharer *x = argument;
	struct qt_random random = qt_random_seed(x->number);

	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t n = take_share(x, &random);

		if (round % 8 == 0)
			qt_cpu_bind(qt_random_below(&random, qt_nr_cpus()));
		while (n > 0) {
			uint32_t part = x->bulk ? 1 + qt_random_below(&random, n) : 1;

			n -= part;
			stress_free_bulk(x->s, part, &x->pfns[n]);
		}
	}
	return NULL;
}

static void run(const struct qt_param *param, bool bulk)
{
	static struct sharer sharers[NR_THREADS];
	struct stress s;
	struct qt t;

	qt_open_unmapped(&t, param, (uint64_t)NR_THREADS * SHARE);
	assert_true(stress_init(&s, t.q));
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		sharers[i].s = &s;
		sharers[i].number = i + 1;
		sharers[i].bulk = bulk;
		atomic_store(&sharers[i].failed, 0);
		assert_int_equal(pthread_create(&sharers[i].thread, NULL, share, &sharers[i]), 0);
	}
	for (uint32_t i = 0; i < NR_THREADS; i++)
		pthread_join(sharers[i].thread, NULL);
	for (uint32_t i = 0; i < NR_THREADS; i++)
		assert_int_equal(atomic_load(&sharers[i].failed), 0);
	assert_int_equal(atomic_load(&s.doubled) + atomic_load(&s.damaged), 0);
	assert_int_equal(atomic_load(&s.refused) + atomic_load(&s.nonsense), 0);
	stress_end(&s);
	qt_end(&t);
}

static void test_single_calls_always_have_their_share(const struct qt_param *param)
{
	run(param, false);
}

static void test_bulk_calls_always_have_their_share(const struct qt_param *param)
{
	run(param, true);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(single_calls_always_have_their_share),
		QT_TEST(bulk_calls_always_have_their_share),
	};

	return QT_RUN(tests);
}
