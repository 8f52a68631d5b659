/* SPDX-License-Identifier: MIT */
/*
 * No false exhaustion of a region: a request for a page of one region, which may wait, finds one
 * whatever others do with pages of every region, as long as they cannot hold them all.
 */
#include "test.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define NR_REGION 1024u
#define NR_ELSEWHERE 7168u
#define CHURNED 64u
#define NR_FREE (CHURNED + 16) /* of the region: 16 are nobody's, whatever churns */
#define MILLISECONDS 1500

struct churn {
	struct quire *q;
	atomic_bool stop;
	atomic_uint rounds;
	atomic_uint wrong;
};

/* Refills come from the region that is nearly full: what is more fragmented goes first. */
static void *churn(void *argument)
{
	struct churn *c = argument;
	uint32_t pfns[CHURNED];

	while (!atomic_load_explicit(&c->stop, memory_order_relaxed)) {
		size_t n = quire_alloc_bulk_pfn(c->q, 0, 0, CHURNED, pfns);

		if (n != CHURNED || quire_free_bulk_pfn(c->q, n, pfns) != n)
			atomic_fetch_add(&c->wrong, 1);
		atomic_fetch_add_explicit(&c->rounds, 1, memory_order_relaxed);
	}
	return NULL;
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Number of requests served until one is refused, or time is up; *refused says which. */
static uint64_t ask(const struct qt *t, unsigned int region, bool *refused)
{
	int64_t end = milliseconds() + MILLISECONDS;
	uint64_t served = 0;

	*refused = false;
	while (!*refused && (served % 64 != 0 || milliseconds() < end)) {
		uint64_t offset = quire_alloc_offset(t->q, t->region[region], 0, 0);

		*refused = offset == QUIRE_NO_OFFSET ||
			   quire_free_offset(t->q, t->region[region], offset) != 0;
		served += !*refused;
	}
	return served;
}

static void open_two_regions(struct qt *t, const struct qt_param *param)
{
	qt_begin(t, param);
	t->config.max_pages = NR_REGION + NR_ELSEWHERE;
	t->config.max_regions = 2;
	t->config.max_zones = 1;
	qt_create(t);
	qt_add_unmapped(t, 0, 0, NR_REGION);
	qt_add_unmapped(t, 0, UINT64_C(1) << 30, NR_ELSEWHERE);
}

static void test_a_page_of_a_region_is_found_beside_churn(const struct qt_param *param)
{
	static uint64_t held[NR_REGION - NR_FREE];
	const size_t nr_held = NR_REGION - NR_FREE;
	struct churn c = { .stop = false };
	pthread_t thread;
	uint64_t served;
	bool refused;
	struct qt t;

	open_two_regions(&t, param);
	c.q = t.q;
	assert_int_equal(quire_alloc_bulk_offset(t.q, t.region[0], 0, 0, nr_held, held), nr_held);
	assert_int_equal(pthread_create(&thread, NULL, churn, &c), 0);
	served = ask(&t, 0, &refused);
	atomic_store(&c.stop, true);
	pthread_join(thread, NULL);
	if (refused)
		print_error("refused after %llu requests, with %u pages free in the region\n",
			    (unsigned long long)served, NR_FREE - CHURNED);
	assert_false(refused);
	assert_int_not_equal(served, 0);
	assert_int_not_equal(atomic_load(&c.rounds), 0);
	assert_int_equal(atomic_load(&c.wrong), 0);
	assert_int_equal(quire_free_bulk_offset(t.q, t.region[0], nr_held, held), nr_held);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(a_page_of_a_region_is_found_beside_churn),
	};

	return QT_RUN_CACHES(tests);
}
