/* SPDX-License-Identifier: MIT */
/*
 * One list under fire from several CPUs at once, in loops so tight that most of the time is spent
 * inside it: by threads that share it, or by its owner and somebody who drains it without a pause.
 */
#include "cpu.h"
#include "sanitizer.h"
#include "stress.h"
#include "test.h"

#include <pthread.h>

#define NR_PAGES 4096u
#define OPS (800000u / QT_SLOWER)
#define NR_HELD 3u

struct fire {
	struct stress stress;
	atomic_uint running;
	unsigned int cpu; /* where owners are bound; UINT_MAX: anywhere */
};

struct owner {
	struct fire *fire;
	pthread_t thread;
	uint32_t number;
};

/* A few pages in and out by single calls; the claim is all that is done with them. */
static void *take_and_give(void *argument)
{
	struct owner *o = argument;
	struct stress *s = &o->fire->stress;

	if (o->fire->cpu != UINT32_MAX)
		qt_cpu_bind(o->fire->cpu);
	for (uint32_t i = 0; i < OPS; i += NR_HELD) {
		uint32_t pfns[NR_HELD];

		for (uint32_t j = 0; j < NR_HELD; j++) {
			pfns[j] = quire_alloc_pfn(s->q, 0, 0);
			if (pfns[j] == QUIRE_NO_PFN)
				atomic_fetch_add(&s->refused, 1);
			else
				stress_take(s, o->number, pfns[j], 0);
		}
		for (uint32_t j = 0; j < NR_HELD; j++)
			if (pfns[j] != QUIRE_NO_PFN)
				stress_free(s, pfns[j]);
	}
	atomic_fetch_sub(&o->fire->running, 1);
	return NULL;
}

static void run(struct qt *t, unsigned int nr_owners, unsigned int cpu)
{
	static struct owner owners[64];
	struct fire fire;
	int drained = cpu == UINT32_MAX ? 0 : qt_cpu(cpu);

	assert_true(nr_owners <= 64);
	assert_true(stress_init(&fire.stress, t->q));
	atomic_init(&fire.running, nr_owners);
	fire.cpu = cpu;
	if (cpu != UINT32_MAX)
		qt_cpu_bind(cpu + 1);
	for (uint32_t i = 0; i < nr_owners; i++) {
		owners[i].fire = &fire;
		owners[i].number = i + 1;
		assert_int_equal(pthread_create(&owners[i].thread, NULL, take_and_give, &owners[i]),
				 0);
	}
	while (atomic_load(&fire.running) > 0)
		quire_drain(t->q, drained, 0);
	for (uint32_t i = 0; i < nr_owners; i++)
		pthread_join(owners[i].thread, NULL);
	qt_cpu_unbind();
	assert_int_equal(atomic_load(&fire.stress.doubled), 0);
	assert_int_equal(atomic_load(&fire.stress.damaged), 0);
	assert_int_equal(atomic_load(&fire.stress.refused), 0);
	assert_int_equal(atomic_load(&fire.stress.nonsense), 0);
	qt_assert_sound(t->q, 0);
	qt_assert_no_report(&t->reports);
	stress_end(&fire.stress);
	qt_end(t);
}

static void test_list_shared_by_all(const struct qt_param *param)
{
	struct qt t;

	qt_begin(&t, param);
	if (param->cache->cache != QUIRE_CACHE_PCP) /* whose lists only threads of one CPU share */
		t.config.flags |= QUIRE_CONFIG_ONE_LIST;
	t.config.max_pages = NR_PAGES;
	t.config.max_zones = t.config.max_regions = 1;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, NR_PAGES);
	run(&t, 2 * (qt_nr_cpus() < 16 ? qt_nr_cpus() : 16), UINT32_MAX);
}

static void test_list_drained_all_the_time(const struct qt_param *param)
{
	struct qt t;

	qt_open_unmapped(&t, param, NR_PAGES);
	run(&t, 1, 0);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(list_shared_by_all),
		QT_TEST(list_drained_all_the_time),
	};

	return QT_RUN(tests);
}
