/* SPDX-License-Identifier: MIT */
/*
 * A CPU that frees, one by one, what another takes, is found out after a while: then its pages go
 * by way of the depot, and the zone's lock, which is everybody's, is hardly needed. One that takes
 * its pages back itself is not taken for such.
 */
#include "cpu.h"
#include "test.h"

#include <pthread.h>
#include <string.h>

enum {
	NR_PAGES = 1 << 18,
	HIGH = 256,
	BATCH = 64,
	NR_DEPOT = 32,
	ROUND = 1024, /* pages from hand to hand, for which the depot has room */
	MOST_ROUNDS = 200,
	LATER = 50, /* rounds */
	/* Overflows before a CPU is known to feed others: they grow, then 16 are of 16 batches. */
	BEFORE = 4 + 16,
};

struct trade {
	struct qt t;
	unsigned int taker, freer; /* CPUs */
	uint32_t pfns[ROUND];
	atomic_uint failures;
};

static void *take(void *argument)
{
	struct trade *trade = argument;

	qt_cpu_bind(trade->taker);
	for (uint32_t i = 0; i < ROUND; i++) {
		trade->pfns[i] = quire_alloc_pfn(trade->t.q, 0, 0);
		if (trade->pfns[i] == QUIRE_NO_PFN)
			atomic_fetch_add(&trade->failures, 1);
	}
	return NULL;
}

static void *give_back(void *argument)
{
	struct trade *trade = argument;

	qt_cpu_bind(trade->freer);
	for (uint32_t i = 0; i < ROUND; i++)
		if (quire_free_pfn(trade->t.q, trade->pfns[i]) != 0)
			atomic_fetch_add(&trade->failures, 1);
	return NULL;
}

static void in_thread(struct trade *trade, void *(*work)(void *))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, work, trade), 0);
	pthread_join(thread, NULL);
}

/* One takes, and when it has what it wants the other frees: so every run is like every other. */
static void go_round(struct trade *trade)
{
	in_thread(trade, take);
	in_thread(trade, give_back);
	assert_int_equal(atomic_load(&trade->failures), 0);
}

static bool open_trade(struct trade *trade, const struct qt_param *param, unsigned int taker,
		       unsigned int freer)
{
	if (param->cache->cache == QUIRE_CACHE_NONE) /* no lists, and nothing to see */
		return false;
	if (qt_nr_cpus() < 2) {
		print_message("# two CPUs are needed\n");
		return false;
	}
	memset(trade, 0, sizeof(*trade));
	trade->taker = taker;
	trade->freer = freer;
	qt_begin(&trade->t, param);
	trade->t.config.max_pages = NR_PAGES;
	trade->t.config.high = HIGH;
	trade->t.config.batch = BATCH;
	trade->t.config.nr_depot = NR_DEPOT;
	qt_create(&trade->t);
	qt_add_unmapped(&trade->t, 0, 0, NR_PAGES);
	return true;
}

/* Until the first page goes to the depot; how many rounds that took. */
static uint32_t go_until_fed(struct trade *trade)
{
	uint32_t rounds = 0;

	while (rounds < MOST_ROUNDS && qt_stats(trade->t.q).depot_in == 0) {
		go_round(trade);
		rounds++;
	}
	return rounds;
}

static void test_freeing_cpu_feeds_the_taking_one(const struct qt_param *param)
{
	static struct trade trade;
	struct quire_stats found_out, before, after;
	uint64_t pages = (uint64_t)LATER * ROUND;
	uint32_t rounds;

	if (!open_trade(&trade, param, 0, 1))
		return;
	rounds = go_until_fed(&trade);
	found_out = qt_stats(trade.t.q);
	assert_true(rounds < MOST_ROUNDS);
	assert_true(found_out.overflows > BEFORE);
	/* what had been in the depot first is gone by the end of these */
	go_round(&trade);
	before = qt_stats(trade.t.q);
	for (int i = 0; i < LATER; i++)
		go_round(&trade);
	after = qt_stats(trade.t.q);
	print_message("# zone's lock: %llu times in %u rounds, then %llu times in %d\n",
		      (unsigned long long)found_out.zone_locks, rounds,
		      (unsigned long long)(after.zone_locks - before.zone_locks), LATER);
	assert_true(after.depot_in - before.depot_in >= pages * 3 / 4);
	assert_true(after.depot_out - before.depot_out >= pages * 3 / 4);
	/* per page a quarter of what it was, at most */
	assert_true((after.zone_locks - before.zone_locks) * rounds * 4 <=
		    found_out.zone_locks * LATER);
	qt_end(&trade.t);
}

/* And again when it has had to take pages itself in between. */
static void test_refill_makes_it_prove_itself_again(const struct qt_param *param)
{
	static struct trade trade;
	struct quire_stats before, after;

	if (!open_trade(&trade, param, 0, 1))
		return;
	assert_true(go_until_fed(&trade) < MOST_ROUNDS);
	trade.taker = trade.freer;
	quire_drain(trade.t.q, QUIRE_ALL_CPUS, 0);
	before = qt_stats(trade.t.q);
	go_round(&trade);
	after = qt_stats(trade.t.q);
	assert_true(after.overflows > before.overflows);
	assert_true(after.overflows - before.overflows <= BEFORE);
	assert_int_equal(after.depot_in, before.depot_in);
	qt_end(&trade.t);
}

static void test_cpu_that_takes_back_feeds_nobody(const struct qt_param *param)
{
	static struct trade trade;
	struct quire_stats stats;

	if (!open_trade(&trade, param, 1, 1))
		return;
	for (int i = 0; i < LATER; i++)
		go_round(&trade);
	stats = qt_stats(trade.t.q);
	assert_true(stats.overflows > 2 * BEFORE);
	assert_int_equal(stats.depot_in, 0);
	qt_end(&trade.t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(freeing_cpu_feeds_the_taking_one),
		QT_TEST(refill_makes_it_prove_itself_again),
		QT_TEST(cpu_that_takes_back_feeds_nobody),
	};

	return QT_RUN_CACHES(tests);
}
