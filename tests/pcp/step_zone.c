/* SPDX-License-Identifier: MIT */
/*
 * Behind the lists: threads that defer pages and who holds the zone's lock meanwhile, who puts
 * batches into the depot and who gets them, each stopped before every instruction (pairing.h).
 */
#include "pairing.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Deferred pages ------------------------------------------------------------------------- */

static struct qp_lock *zone_lock(struct world *w)
{
	return &w->q->front.home->lock;
}

/* As a holder that has not come to its unlock: the second thread does that. */
static void hold_zone(struct world *w)
{
	atomic_store(&zone_lock(w)->word, 1);
	atomic_store(&zone_lock(w)->owner, qp_self());
}

static void drop_zone(struct world *w)
{
	atomic_store(&zone_lock(w)->owner, 0);
	atomic_store(&zone_lock(w)->word, 0);
}

static const char *unlock_zone(struct world *w)
{
	qi_zone_unlock(&w->q->space, w->q->front.home);
	return NULL;
}

static bool everywhere(struct world *w, pid_t first, uint32_t stop)
{
	(void)w;
	(void)first;
	(void)stop;
	return true;
}

/* Nobody has the lock, so nobody will come by of itself. */
static const char *nothing_is_deferred(struct world *w)
{
	return qi_count_get(&w->q->front.home->nr_deferred) == 0
		       ? NULL
		       : "pages are lost to everybody: deferred, and left behind by both threads";
}

/* From here on it leaves its page to others. */
static bool deferring(struct world *w, pid_t first, uint32_t stop)
{
	(void)first;
	(void)stop;
	return qi_count_get(&w->q->front.home->nr_deferred) > 1;
}

static const struct request free_one = { "free one", { 0, 0, 64 }, false, 1, 0, 0, true, false };

static void test_deferred_while_the_holder_unlocks(const struct qt_param *param)
{
	static const struct pairing how = {
		.first_only_tries = true,
		.begin = hold_zone,
		.stops = everywhere,
		.at_stop = unlock_zone,
		.at_end = nothing_is_deferred,
		.end = drop_zone,
	};

	(void)param;
	pair_through(&free_one, &how);
}

/* Its pageblock is on the stack: somebody has freed another page of it. */
static void hold_zone_and_defer(struct world *w)
{
	world_take(w, &w->others, 2, 0);
	hold_zone(w);
	stepper_set_known(false);
	world_give(w, &w->others, 1);
	stepper_set_known(true);
	assert_int_equal(qi_count_get(&w->q->front.home->nr_deferred), 1);
}

static void test_deferred_beside_another_while_the_holder_unlocks(const struct qt_param *param)
{
	static const struct pairing how = {
		.first_only_tries = true,
		.begin = hold_zone_and_defer,
		.stops = deferring,
		.at_stop = unlock_zone,
		.at_end = nothing_is_deferred,
		.end = drop_zone,
	};

	(void)param;
	pair_through(&free_one, &how);
}

/* ---- The depot ------------------------------------------------------------------------------ */

enum {
	DEPOT = 8 * WORLD_CPUS, /* batches */
};

static bool in_the_depot(struct world *w, pid_t first, uint32_t stop)
{
	(void)first;
	(void)stop;
	return atomic_load(&w->q->front.depot->put.lock.word) != 0;
}

static bool at_the_beginning(struct world *w, pid_t first, uint32_t stop)
{
	(void)w;
	(void)first;
	return stop == 0;
}

/* A thread without a list frees full batches. */
static void fill_depot(struct world *w)
{
	stepper_set_known(false);
	for (uint32_t i = 0; i < DEPOT; i++) {
		world_take(w, &w->others, WORLD_BATCH, 0);
		world_give(w, &w->others, WORLD_BATCH);
	}
	stepper_set_known(true);
	assert_int_equal(qi_depot_count(w->q->front.depot), DEPOT * WORLD_BATCH);
}

/* CPU 1's list is empty: a batch comes out of the depot, or the zone. */
static const char *take_a_batch(struct world *w)
{
	world_take(w, &w->others, WORLD_BATCH, 0);
	return NULL;
}

static const struct request free_a_batch = { "free a batch", { 0, 0, 64 }, false, WORLD_BATCH, 0, 0,
					     true,	     false };

static void test_batch_got_while_it_is_put(const struct qt_param *param)
{
	static const struct pairing how = {
		.first_only_tries = true,
		.stops = in_the_depot,
		.at_stop = take_a_batch,
	};

	(void)param;
	pair_through(&free_a_batch, &how);
}

/* There is room for one as soon as the other's slots may be written again. */
static void test_batch_put_while_one_is_got(const struct qt_param *param)
{
	static const struct pairing how = {
		.first_only_tries = true,
		.begin = fill_depot,
		.stops = at_the_beginning,
		.at_stop = take_a_batch,
	};

	(void)param;
	pair_through(&free_a_batch, &how);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(deferred_while_the_holder_unlocks),
		QT_TEST(deferred_beside_another_while_the_holder_unlocks),
		QT_TEST(batch_got_while_it_is_put),
		QT_TEST(batch_put_while_one_is_got),
	};

	return stepping_run(tests, NR(tests));
}
