/* SPDX-License-Identifier: MIT */
/*
 * The drain service under load: limits change, lists age out and are drained, the library's thread
 * comes and goes, while threads take and free pages. Each page has one owner at a time, and all are
 * there in the end.
 */
#include "cpu.h"
#include "sanitizer.h"
#include "stress.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>

enum {
	NR_PAGES = 16384,
	NR_THREADS = 2,
	MOST_HELD = 600,
	CHANGES = 1000 / (int)QT_SLOWER,
};

struct service {
	struct qt t;
	struct stress stress;
	atomic_bool done;
	atomic_uint refused;
	atomic_uint rounds[NR_THREADS];
};

struct worker {
	struct service *service;
	unsigned int nr;
};

static void take_some(struct service *s, struct qt_random *random, uint32_t who, uint32_t *held,
		      uint32_t *nr_held)
{
	uint32_t want = 1 + qt_random_below(random, 100);
	size_t got;

	if (want > MOST_HELD - *nr_held)
		want = MOST_HELD - *nr_held;
	if (want == 0)
		return;
	got = quire_alloc_bulk_pfn(s->t.q, 0, 0, want, held + *nr_held);
	for (size_t i = 0; i < got; i++)
		stress_take(&s->stress, who, held[*nr_held + i], 0);
	*nr_held += (uint32_t)got;
}

static void free_some(struct service *s, struct qt_random *random, uint32_t *held,
		      uint32_t *nr_held)
{
	uint32_t n = qt_random_below(random, *nr_held + 1);

	if (qt_random_below(random, 2) == 0) {
		stress_free_bulk(&s->stress, n, held + *nr_held - n);
		*nr_held -= n;
		return;
	}
	for (; n > 0; n--)
		stress_free(&s->stress, held[--*nr_held]);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct service *s = worker->service;
	struct qt_random random;
	uint32_t held[MOST_HELD];
	uint32_t nr_held = 0;

	random = qt_random_seed(worker->nr + 1);
	qt_cpu_bind(worker->nr);
	while (!atomic_load(&s->done)) {
		take_some(s, &random, worker->nr + 1, held, &nr_held);
		free_some(s, &random, held, &nr_held);
		atomic_fetch_add(&s->rounds[worker->nr], 1);
	}
	stress_free_bulk(&s->stress, nr_held, held);
	return NULL;
}

static void change_something(struct service *s, struct qt_random *random)
{
	struct quire *q = s->t.q;
	uint32_t most = qt_info(q).high;
	uint32_t high = qt_random_below(random, 2) * (1 + qt_random_below(random, most));
	int error = 0;

	switch (qt_random_below(random, 8)) {
	case 0:
	case 1:
	case 2:
		error = quire_lists_limit(q, high,
					  high < 4 ? 0
						   : 1 + qt_random_below(random, high / 4) % 64);
		break;
	case 3:
		error = quire_lists_limit(q, 0, 0);
		break;
	case 4:
		quire_drain(q, QUIRE_ALL_CPUS, qt_random_below(random, 100));
		break;
	case 5:
		error = quire_age_start(q, 1);
		error = error == -QUIRE_EBUSY ? 0 : error;
		break;
	case 6:
		error = quire_age_stop(q);
		break;
	default:
		quire_age(q);
	}
	if (error != 0)
		atomic_fetch_add(&s->refused, 1);
}

/* Changes are only worth something between steps of the others. */
static void let_all_work(struct service *s)
{
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		unsigned int before = atomic_load(&s->rounds[i]);

		while (atomic_load(&s->rounds[i]) == before)
			sched_yield();
	}
}

static void open_service(struct service *s, const struct qt_param *param)
{
	atomic_init(&s->done, false);
	atomic_init(&s->refused, 0);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		atomic_init(&s->rounds[i], 0);
	qt_begin(&s->t, param);
	s->t.config.max_pages = NR_PAGES;
	s->t.config.max_regions = 1;
	s->t.config.max_zones = 1;
	qt_create(&s->t);
	qt_add_mapped(&s->t, 0, NR_PAGES);
	assert_true(stress_init(&s->stress, s->t.q));
}

static void end_service(struct service *s)
{
	assert_int_equal(atomic_load(&s->refused), 0);
	assert_int_equal(atomic_load(&s->stress.doubled), 0);
	assert_int_equal(atomic_load(&s->stress.damaged), 0);
	assert_int_equal(atomic_load(&s->stress.refused), 0);
	assert_int_equal(atomic_load(&s->stress.nonsense), 0);
	stress_end(&s->stress);
	qt_end(&s->t);
}

/* What was said last holds, once nobody is at work with what was said before. */
static void assert_last_limits(struct service *s, uint32_t high, uint32_t batch)
{
	for (uint32_t cpu = 0; cpu < qt_info(s->t.q).nr_cpus; cpu++) {
		struct quire_cpu_stats stats = { .size = sizeof(stats) };

		qt_assert_ok(quire_cpu_stats_get(s->t.q, (int)cpu, &stats));
		assert_int_equal(stats.high, high);
		assert_int_equal(stats.batch, batch);
	}
}

static void test_service_under_load(const struct qt_param *param)
{
	static struct service s;
	struct worker workers[NR_THREADS];
	pthread_t threads[NR_THREADS];
	struct qt_random random;

	if (param->cache->cache == QUIRE_CACHE_NONE)
		return;
	open_service(&s, param);
	random = qt_random_seed(4711);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		workers[i] = (struct worker){ &s, i };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < CHANGES; i++) {
		change_something(&s, &random);
		if (i % 16 == 0)
			let_all_work(&s);
	}
	qt_assert_ok(quire_lists_limit(s.t.q, 100, 20));
	let_all_work(&s);
	let_all_work(&s);
	assert_last_limits(&s, 100, 20);
	atomic_store(&s.done, true);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	qt_assert_ok(quire_age_stop(s.t.q));
	end_service(&s);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(service_under_load),
	};

	return QT_RUN_CACHES(tests);
}
