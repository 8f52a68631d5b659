/* SPDX-License-Identifier: MIT */
/*
 * The depot's two ends: full, empty, and round the ring many times. Batches come out in the order in
 * which they went in, each once and whole, also while one thread puts and another gets.
 */
#include "cache/depot.h"
#include "sanitizer.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum {
	MOST_BATCHES = 129,
	TURNS = 50, /* round the ring */
	PASSED = 400000 / QT_SLOWER, /* batches from thread to thread */
};

static const uint32_t sizes[] = { 1, 2, 3, 5, 7, 8, 64, MOST_BATCHES };
static const uint32_t batches[] = { 1, 3, 15, 16, 17, QI_SCRATCH };

static uint32_t slots[MOST_BATCHES * QI_SCRATCH + 1];

/* Batch number nr is told from every other one, in each of its slots. */
static void write_batch(uint32_t nr, uint32_t n, uint32_t *pfns)
{
	for (uint32_t i = 0; i < n; i++)
		pfns[i] = nr * QI_SCRATCH + i;
}

static bool is_batch(uint32_t nr, uint32_t n, const uint32_t *pfns)
{
	for (uint32_t i = 0; i < n; i++)
		if (pfns[i] != nr * QI_SCRATCH + i)
			return false;
	return true;
}

static void init(struct qi_depot *depot, uint32_t batch, uint32_t max)
{
	memset(slots, 0xff, sizeof(slots));
	qi_depot_init(depot, batch, max, slots);
}

static void assert_counts(const struct qi_depot *depot, uint32_t in, uint32_t out)
{
	assert_int_equal(qi_depot_in(depot), (uint64_t)in * depot->batch);
	assert_int_equal(qi_depot_out(depot), (uint64_t)out * depot->batch);
	assert_int_equal(qi_depot_count(depot), (in - out) * depot->batch);
	/* behind the ring nothing is written */
	assert_int_equal(slots[depot->max * depot->batch], UINT32_MAX);
}

static bool put(struct qi_depot *depot, uint32_t nr)
{
	uint32_t pfns[QI_SCRATCH];

	write_batch(nr, depot->batch, pfns);
	return qi_depot_put(depot, depot->batch, pfns);
}

static void assert_gets(struct qi_depot *depot, bool may_wait, uint32_t nr)
{
	uint32_t pfns[QI_SCRATCH + 1];

	pfns[depot->batch] = UINT32_MAX - 1;
	assert_int_equal(qi_depot_get(depot, may_wait, pfns), depot->batch);
	assert_true(is_batch(nr, depot->batch, pfns));
	assert_int_equal(pfns[depot->batch], UINT32_MAX - 1);
}

static void assert_full(struct qi_depot *depot, uint32_t in)
{
	assert_false(put(depot, in));
	assert_counts(depot, in, in - depot->max);
}

static void assert_empty(struct qi_depot *depot, uint32_t in)
{
	uint32_t pfns[QI_SCRATCH];

	assert_int_equal(qi_depot_get(depot, false, pfns), 0);
	assert_int_equal(qi_depot_get(depot, true, pfns), 0);
	assert_counts(depot, in, in);
}

/* Up to some level and down to none, so that both ends come to every slot at every level. */
static void go_round(struct qi_depot *depot)
{
	uint32_t in = 0;
	uint32_t out = 0;

	assert_empty(depot, 0);
	while (out < TURNS * depot->max) {
		uint32_t level = 1 + out % depot->max;

		while (in - out < level) {
			assert_true(put(depot, in++));
			assert_counts(depot, in, out);
		}
		if (level == depot->max)
			assert_full(depot, in);
		while (out < in) {
			assert_gets(depot, out % 2 == 0, out);
			assert_counts(depot, in, ++out);
		}
		assert_empty(depot, in);
	}
}

/* Full all the time: each get makes room for one put, and no more. */
static void go_round_full(struct qi_depot *depot)
{
	uint32_t in = 0;

	while (in < depot->max)
		assert_true(put(depot, in++));
	for (; in < TURNS * depot->max; in++) {
		assert_full(depot, in);
		assert_gets(depot, false, in - depot->max);
		assert_true(put(depot, in));
	}
	for (uint32_t out = in - depot->max; out < in; out++)
		assert_gets(depot, true, out);
	assert_empty(depot, in);
}

static void test_round_the_ring(const struct qt_param *param)
{
	struct qi_depot depot;

	(void)param;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < sizeof(batches) / sizeof(batches[0]); k++) {
			init(&depot, batches[k], sizes[i]);
			go_round(&depot);
			init(&depot, batches[k], sizes[i]);
			go_round_full(&depot);
		}
}

static void test_no_room_at_all(const struct qt_param *param)
{
	struct qi_depot depot;

	(void)param;
	init(&depot, QI_SCRATCH, 0);
	for (int i = 0; i < 3; i++) {
		assert_false(put(&depot, 0));
		assert_empty(&depot, 0);
	}
}

/* Who has one end does not stop the other, and who may not wait turns away from a taken one. */
static void test_each_end_has_its_lock(const struct qt_param *param)
{
	struct qi_depot depot;
	uint32_t pfns[QI_SCRATCH];

	(void)param;
	init(&depot, 3, 2);
	assert_true(put(&depot, 0));
	(void)qp_lock(&depot.put.lock);
	assert_false(put(&depot, 1));
	assert_gets(&depot, false, 0);
	qp_unlock(&depot.put.lock);
	assert_true(put(&depot, 1));
	(void)qp_lock(&depot.get.lock);
	assert_int_equal(qi_depot_get(&depot, false, pfns), 0);
	assert_true(put(&depot, 2));
	assert_false(put(&depot, 3));
	qp_unlock(&depot.get.lock);
	assert_counts(&depot, 3, 1);
	qi_depot_hold(&depot);
	assert_counts(&depot, 3, 1);
	qi_depot_let_go(&depot);
	assert_gets(&depot, true, 1);
	assert_gets(&depot, false, 2);
	assert_empty(&depot, 3);
}

static void assert_holds(struct qi_depot *depot, uint32_t batch, uint32_t max)
{
	uint64_t before = qi_depot_in(depot);
	uint32_t pfns[QI_SCRATCH];

	assert_int_equal(qi_depot_batch(depot), batch);
	for (uint32_t nr = 0; nr < max; nr++)
		assert_true(put(depot, nr));
	assert_false(put(depot, max));
	write_batch(0, QI_SCRATCH, pfns);
	for (uint32_t n = 0; n <= QI_SCRATCH; n++) /* nothing but a full batch */
		assert_false(qi_depot_put(depot, n, pfns));
	assert_int_equal(qi_depot_count(depot), max * batch);
	for (uint32_t nr = 0; nr < max; nr++)
		assert_gets(depot, true, nr);
	assert_int_equal(qi_depot_get(depot, true, pfns), 0);
	assert_int_equal(qi_depot_in(depot) - before, (uint64_t)max * batch);
	assert_int_equal(qi_depot_out(depot), qi_depot_in(depot));
	assert_int_equal(slots[depot->nr_slots], UINT32_MAX);
}

/* As many batches as there were, or as there are slots for; wherever in the ring the ends are. */
static void test_batch_may_change(const struct qt_param *param)
{
	static const uint32_t changes[] = { 17, 16, 64, 1, 33, 63, 64, 17, 2, 64 };
	struct qi_depot depot;

	(void)param;
	for (uint32_t max = 0; max < 10; max++) {
		init(&depot, 17, max);
		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
			uint32_t room = 17 * max / changes[i];

			qi_depot_close(&depot);
			assert_true(qi_depot_open(&depot, changes[i], max));
			assert_holds(&depot, changes[i], room < max ? room : max);
			if (room > 0) { /* the next one begins elsewhere */
				assert_true(put(&depot, 0));
				assert_gets(&depot, false, 0);
			}
		}
	}
}

static void test_closed_takes_nothing_and_opens_empty(const struct qt_param *param)
{
	struct qi_depot depot;

	(void)param;
	init(&depot, 5, 4);
	assert_true(put(&depot, 0));
	assert_true(put(&depot, 1));
	qi_depot_close(&depot);
	assert_false(put(&depot, 2));
	assert_false(qi_depot_open(&depot, 10, 4));
	assert_gets(&depot, false, 0);
	assert_false(put(&depot, 2));
	assert_false(qi_depot_open(&depot, 10, 4));
	assert_gets(&depot, true, 1);
	assert_false(put(&depot, 2));
	assert_true(qi_depot_open(&depot, 10, 4));
	assert_holds(&depot, 10, 2);
}

static void *put_all(void *argument)
{
	struct qi_depot *depot = argument;

	for (uint32_t in = 0; in < PASSED;)
		if (put(depot, in))
			in++;
		else
			sched_yield();
	return NULL;
}

/* How many came out as they went in. */
static uint32_t get_all(struct qi_depot *depot)
{
	uint32_t pfns[QI_SCRATCH];
	uint32_t good = 0;

	for (uint32_t out = 0; out < PASSED;) {
		if (qi_depot_count(depot) > depot->max * depot->batch)
			return 0;
		if (qi_depot_get(depot, out % 3 == 0, pfns) == 0) {
			sched_yield();
			continue;
		}
		good += is_batch(out++, depot->batch, pfns);
	}
	return good;
}

static void test_from_thread_to_thread(const struct qt_param *param)
{
	static const uint32_t rings[] = { 1, 2, 3, 7 };

	(void)param;
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		struct qi_depot depot;
		pthread_t putter;
		uint32_t good;

		init(&depot, i % 2 == 0 ? 17 : QI_SCRATCH, rings[i]);
		assert_int_equal(pthread_create(&putter, NULL, put_all, &depot), 0);
		good = get_all(&depot);
		pthread_join(putter, NULL);
		assert_int_equal(good, PASSED);
		assert_empty(&depot, PASSED);
	}
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(round_the_ring),
		QT_TEST(no_room_at_all),
		QT_TEST(each_end_has_its_lock),
		QT_TEST(batch_may_change),
		QT_TEST(closed_takes_nothing_and_opens_empty),
		QT_TEST(from_thread_to_thread),
	};

	return QT_RUN_ONCE(tests);
}
