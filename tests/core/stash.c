/* SPDX-License-Identifier: MIT */
/* The stash: all or nothing from it, and its own idea of how much it lacks. */
#include "alloc/instance.h"
#include "sanitizer.h"
#include "test.h"

#include <pthread.h>

enum {
	NR_PAGES = 4096,
	NR_STASH = 8,
	NR_TAKERS = 4,
	ROUNDS = 200000 / (int)QT_SLOWER,
};

static void open_instance(struct qt *t, const struct qt_param *param)
{
	qt_begin(t, param);
	t->config.max_pages = NR_PAGES;
	t->config.max_regions = 1;
	t->config.max_zones = 1;
	t->config.nr_stash = NR_STASH;
	t->config.nr_depot = UINT32_MAX;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, NR_PAGES);
}

static struct qi_zone *zone_of(const struct qt *t)
{
	return &t->q->space.zones[0];
}

/* Calls made while somebody else holds the zone. */
struct elsewhere {
	struct quire *q;
	uint32_t want;
	size_t got;
	uint32_t pfns[NR_STASH + 1];
};

static void *ask_for_all(void *argument)
{
	struct elsewhere *e = argument;

	e->got = quire_alloc_bulk_pfn(e->q, QUIRE_ATOMIC | QUIRE_ALL, 0, e->want, e->pfns);
	return NULL;
}

static void ask_while_locked(struct qt *t, struct elsewhere *e, uint32_t want)
{
	pthread_t thread;

	quire_drain(t->q, QUIRE_ALL_CPUS, 0); /* so that no list has a page either */
	qi_zone_lock(&t->q->space, zone_of(t));
	qi_zone_unlock(&t->q->space, zone_of(t));
	assert_int_equal(qt_stats(t->q).free_stash, NR_STASH);
	e->q = t->q;
	e->want = want;
	for (uint32_t i = 0; i <= NR_STASH; i++)
		e->pfns[i] = 12345;
	qi_zone_lock(&t->q->space, zone_of(t));
	assert_int_equal(pthread_create(&thread, NULL, ask_for_all, e), 0);
	pthread_join(thread, NULL);
	qi_zone_unlock(&t->q->space, zone_of(t));
}

static void test_all_of_it_or_nothing(const struct qt_param *param)
{
	struct elsewhere e;
	struct qt t;

	open_instance(&t, param);
	for (uint32_t want = 1; want <= NR_STASH; want++) {
		ask_while_locked(&t, &e, want);
		assert_int_equal(e.got, want);
		qt_assert_sound(t.q, want);
		assert_int_equal(quire_free_bulk_pfn(t.q, want, e.pfns), want);
	}
	ask_while_locked(&t, &e, NR_STASH + 1);
	assert_int_equal(e.got, 0);
	for (uint32_t i = 0; i <= NR_STASH; i++)
		assert_int_equal(e.pfns[i], 12345);
	qt_assert_sound(t.q, 0);
	qt_end(&t);
}

/* ---- Takers and a filler at once ---- */

struct crowd {
	struct quire *q;
	atomic_bool done;
};

static void *take_and_give(void *argument)
{
	struct crowd *c = argument;
	struct qi_zone *zone = &c->q->space.zones[0];
	uint32_t pfns[NR_STASH];

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t n = qi_stash_take(zone, 1 + (uint32_t)i % NR_STASH, pfns);

		if (n > 0)
			qi_front_give(&c->q->front, n, pfns);
	}
	return NULL;
}

static void *fill(void *argument)
{
	struct crowd *c = argument;
	struct qi_zone *zone = &c->q->space.zones[0];

	while (!atomic_load(&c->done)) {
		qi_zone_lock(&c->q->space, zone);
		qi_zone_unlock(&c->q->space, zone);
	}
	return NULL;
}

/* Pages that the filler takes for slots which are not empty would go round for ever; too few, and it runs dry. */
static void test_what_is_missing_is_what_is_empty(const struct qt_param *param)
{
	struct crowd c = { 0 };
	pthread_t takers[NR_TAKERS], filler;
	struct qt t;

	open_instance(&t, param);
	c.q = t.q;
	assert_int_equal(pthread_create(&filler, NULL, fill, &c), 0);
	for (int i = 0; i < NR_TAKERS; i++)
		assert_int_equal(pthread_create(&takers[i], NULL, take_and_give, &c), 0);
	for (int i = 0; i < NR_TAKERS; i++)
		pthread_join(takers[i], NULL);
	atomic_store(&c.done, true);
	pthread_join(filler, NULL);
	assert_int_equal(atomic_load(&zone_of(&t)->stash_missing),
			 NR_STASH - qi_stash_count(zone_of(&t)));
	qi_zone_lock(&t.q->space, zone_of(&t));
	assert_true(qi_zone_valid_locked(&t.q->space, zone_of(&t)));
	qi_zone_unlock(&t.q->space, zone_of(&t));
	assert_int_equal(atomic_load(&zone_of(&t)->stash_missing), 0);
	assert_int_equal(qi_stash_count(zone_of(&t)), NR_STASH);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(all_of_it_or_nothing),
		QT_TEST(what_is_missing_is_what_is_empty),
	};

	return QT_RUN_CACHES(tests);
}
