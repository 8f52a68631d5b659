/* SPDX-License-Identifier: MIT */
/* No call changes errno: not by waiting, not by being interrupted there, not by failing or reporting. */
#include "alloc/instance.h"
#include "port/linux/fault.h"
#include "sanitizer.h"
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	ODD = 4711, /* no error's number */
	NR_PAGES = 4096,
	NR_THREADS = 4,
	ROUNDS = 20000 / (int)QT_SLOWER,
};

#define KEEPS_ERRNO(call)                     \
	do {                                  \
		errno = ODD;                  \
		(void)(call);                 \
		assert_int_equal(errno, ODD); \
	} while (0)

static void open_instance(struct qt *t, const struct qt_param *param)
{
	qt_begin(t, param);
	if (param->cache->cache != QUIRE_CACHE_PCP)
		t->config.flags |= QUIRE_CONFIG_ONE_LIST;
	t->config.max_pages = NR_PAGES;
	t->config.max_regions = 2;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, NR_PAGES);
}

/* ---- A thread that waits, and is interrupted by signals there ---- */

struct waiter {
	struct quire *q;
	void (*call)(struct quire *q);
	int seen; /* errno after the call */
};

static void *wait_in_call(void *argument)
{
	struct waiter *w = argument;

	errno = ODD;
	w->call(w->q);
	w->seen = errno;
	return NULL;
}

static void do_nothing(int signal)
{
	(void)signal;
}

static void interrupt(pthread_t thread)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };

	for (int i = 0; i < 20; i++) {
		nanosleep(&moment, NULL);
		pthread_kill(thread, SIGUSR1);
	}
}

/* begin() brings about what the call waits for, end() ends it. */
static void check_waiting(const struct qt_param *param, void (*begin)(struct quire *q),
			  void (*call)(struct quire *q), void (*end)(struct quire *q))
{
	struct sigaction action = { .sa_handler =
					    do_nothing }; /* no restart: sleeps are cut short */
	struct sigaction before;
	struct waiter w = { .call = call };
	pthread_t thread;
	struct qt t;

	open_instance(&t, param);
	w.q = t.q;
	sigaction(SIGUSR1, &action, &before);
	begin(t.q);
	assert_int_equal(pthread_create(&thread, NULL, wait_in_call, &w), 0);
	interrupt(thread);
	end(t.q);
	pthread_join(thread, NULL);
	sigaction(SIGUSR1, &before, NULL);
	assert_int_equal(w.seen, ODD);
	qt_end(&t);
}

static void allocate_block(struct quire *q)
{
	uint32_t pfn = quire_alloc_pfn(q, 0, 3);

	(void)quire_free_pfn(q, pfn);
}

static void hold_zone(struct quire *q)
{
	qi_zone_lock(&q->space, &q->space.zones[0]);
}

static void drop_zone(struct quire *q)
{
	qi_zone_unlock(&q->space, &q->space.zones[0]);
}

static void test_waiting_for_a_zone(const struct qt_param *param)
{
	check_waiting(param, hold_zone, allocate_block, drop_zone);
}

/* What a drain waits for: the list, or the end of another drain. */
static void hold_list(struct quire *q)
{
	(void)quire_free_pfn(q, quire_alloc_pfn(q, 0, 0));
	if (q->front.high > 0)
		qi_front_hold(&q->front);
}

static void drain(struct quire *q)
{
	(void)quire_drain(q, QUIRE_ALL_CPUS, 0);
}

static void drop_list(struct quire *q)
{
	if (q->front.high > 0)
		qi_front_let_go(&q->front);
}

static void test_waiting_for_a_list(const struct qt_param *param)
{
	check_waiting(param, hold_list, drain, drop_list);
}

static uint32_t all[NR_PAGES];

static void exhaust(struct quire *q)
{
	(void)quire_alloc_bulk_pfn(q, 0, 0, NR_PAGES, all);
	qi_transit_begin(&q->space.zones[0]);
}

static void restore(struct quire *q)
{
	qi_transit_end(&q->space.zones[0], false);
	(void)quire_free_bulk_pfn(q, NR_PAGES, all);
}

static void test_waiting_for_pages_in_transit(const struct qt_param *param)
{
	check_waiting(param, exhaust, allocate_block, restore);
}

/* ---- Threads in each other's way ---- */

struct contender {
	struct quire *q;
	unsigned int changed;
};

static void *contend(void *argument)
{
	struct contender *c = argument;
	uint32_t pfns[64];

	for (int i = 0; i < ROUNDS; i++) {
		size_t n;

		errno = ODD;
		n = quire_alloc_bulk_pfn(c->q, 0, 0, 64, pfns);
		c->changed += errno != ODD;
		errno = ODD;
		(void)quire_free_bulk_pfn(c->q, n, pfns);
		c->changed += errno != ODD;
	}
	return NULL;
}

static void test_contention(const struct qt_param *param)
{
	struct contender contenders[NR_THREADS];
	pthread_t threads[NR_THREADS];
	struct qt t;

	open_instance(&t, param);
	for (int i = 0; i < NR_THREADS; i++) {
		contenders[i] = (struct contender){ .q = t.q };
		assert_int_equal(pthread_create(&threads[i], NULL, contend, &contenders[i]), 0);
	}
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < NR_THREADS; i++)
		assert_int_equal(contenders[i].changed, 0);
	qt_end(&t);
}

/* ---- Calls that fail ---- */

static int refuse(const char *call)
{
	(void)call;
	return 1;
}

static void test_creating_without_memory(const struct qt_param *param)
{
	struct quire *q = NULL;
	struct rlimit before, little;
	struct qt t;

	qt_begin(&t, param);
	qp_fault_hook = refuse;
	KEEPS_ERRNO(quire_create(&t.config, &q));
	qp_fault_hook = NULL;
	assert_null(q);
	if (QT_SLOWER > 1)
		return; /* sanitizers have no room in a small address space */
	t.config.max_pages = UINT64_C(1) << 31;
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	little = before;
	little.rlim_cur = UINT64_C(1) << 30;
	assert_int_equal(setrlimit(RLIMIT_AS, &little), 0);
	errno = ODD;
	qt_assert_err(quire_create(&t.config, &q), ENOMEM);
	assert_int_equal(errno, ODD);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

/* Reports go to a standard error output that is closed. */
static void test_reports_that_nobody_can_read(const struct qt_param *param)
{
	struct quire_config config;
	struct quire *q = NULL;
	int kept = dup(STDERR_FILENO);

	qt_config(&config, param, NULL);
	config.report = NULL;
	qt_assert_ok(quire_create(&config, &q));
	close(STDERR_FILENO);
	errno = ODD;
	(void)quire_alloc(q, 0, 99);
	dup2(kept, STDERR_FILENO);
	close(kept);
	/* dup2() and close() leave errno alone unless they fail. */
	assert_int_equal(errno, ODD);
	qt_assert_ok(quire_destroy(q));
}

static void test_a_life(const struct qt_param *param)
{
	static uint32_t pfns[NR_PAGES + 1];
	struct quire_region_config region;
	struct quire *q = NULL;
	char text[64];
	struct qt t;

	qt_begin(&t, param);
	KEEPS_ERRNO(quire_create(&t.config, &q));
	quire_region_config_init(&region);
	KEEPS_ERRNO(quire_region_add(q, &region, NULL));
	region.bytes = (uint64_t)NR_PAGES << 12;
	KEEPS_ERRNO(quire_region_add(q, &region, NULL));
	KEEPS_ERRNO(quire_alloc_bulk_pfn(q, 0, 0, NR_PAGES + 1, pfns));
	KEEPS_ERRNO(quire_alloc_pfn(q, 0, 0));
	KEEPS_ERRNO(quire_alloc(q, 0, 0));
	KEEPS_ERRNO(quire_destroy(q));
	KEEPS_ERRNO(quire_free_bulk_pfn(q, NR_PAGES, pfns));
	KEEPS_ERRNO(quire_free_bulk_pfn(q, 2, pfns));
	KEEPS_ERRNO(quire_reserve(q, 5, 10));
	KEEPS_ERRNO(quire_reserve(q, 10, 10));
	KEEPS_ERRNO(quire_stats_text(q, text, sizeof(text)));
	KEEPS_ERRNO(quire_drain(q, QUIRE_ALL_CPUS, 0));
	KEEPS_ERRNO(quire_lists_limit(q, UINT32_MAX, 0));
	KEEPS_ERRNO(quire_lists_limit(q, 0, 1));
	KEEPS_ERRNO(quire_age(q));
	KEEPS_ERRNO(quire_age(q));
	KEEPS_ERRNO(quire_age_start(q, 0));
	KEEPS_ERRNO(quire_age_start(q, 1));
	KEEPS_ERRNO(quire_age_start(q, 1));
	KEEPS_ERRNO(quire_age_stop(q));
	KEEPS_ERRNO(quire_age_stop(q));
	KEEPS_ERRNO(quire_age_start(q, 1));
	KEEPS_ERRNO(quire_destroy(q));
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(waiting_for_a_zone),
		QT_TEST(waiting_for_a_list),
		QT_TEST(waiting_for_pages_in_transit),
		QT_TEST(contention),
		QT_TEST(creating_without_memory),
		QT_TEST(reports_that_nobody_can_read),
		QT_TEST(a_life),
	};

	return QT_RUN_CACHES(tests);
}
