/* SPDX-License-Identifier: MIT */
/*
 * A polling core that nobody may interrupt, in a program whose other parts need memory back: idle
 * lists are collected, and whole blocks for a new ring are taken while no list holds single pages.
 */
#include "test.h"

#include <pthread.h>
#include <sched.h>

enum {
	NR_PAGES = 16 * QUIRE_PAGEBLOCK_PAGES,
	NR_BLOCKS = 6,
	BURST = 32,
};

/* use begins */
static int begin(struct quire *q, int polling_cpu)
{
	int error = quire_cpu_isolate(q, polling_cpu, 1);

	return error == 0 ? quire_age_start(q, 1000) : error;
}

static size_t take_blocks(struct quire *q, size_t n, void **blocks)
{
	if (quire_lists_disable(q, QUIRE_ALL_CPUS) != 0)
		return 0;
	quire_drain(q, QUIRE_ALL_CPUS, 0);
	n = quire_alloc_bulk(q, 0, QUIRE_PAGEBLOCK_ORDER, n, blocks);
	quire_lists_enable(q, QUIRE_ALL_CPUS);
	return n;
}
/* use ends */

struct poller {
	struct quire *q;
	atomic_bool stop;
	atomic_ulong bursts;
	atomic_ulong short_bursts;
};

static void *poll(void *context)
{
	struct poller *p = context;
	void *frames[BURST];

	while (!atomic_load(&p->stop)) {
		size_t n = quire_alloc_bulk(p->q, 0, 0, BURST, frames);

		if (n < BURST || quire_free_bulk(p->q, n, frames) != n)
			atomic_fetch_add(&p->short_bursts, 1);
		atomic_fetch_add(&p->bursts, 1);
	}
	return NULL;
}

static void test_blocks_beside_a_polling_core(const struct qt_param *param)
{
	struct poller p = { .q = NULL };
	void *blocks[NR_BLOCKS];
	pthread_t thread;
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	p.q = t.q;
	qt_assert_ok(begin(t.q, 0));
	assert_int_equal(pthread_create(&thread, NULL, poll, &p), 0);
	for (int i = 0; i < 100; i++) {
		unsigned long seen = atomic_load(&p.bursts);
		size_t n = take_blocks(t.q, NR_BLOCKS, blocks);

		assert_int_equal(n, NR_BLOCKS);
		assert_int_equal(quire_free_bulk(t.q, n, blocks), n);
		while (atomic_load(&p.bursts) == seen)
			sched_yield();
	}
	atomic_store(&p.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&p.short_bursts), 0);
	qt_assert_ok(quire_age_stop(t.q));
	qt_assert_no_report(&t.reports);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(blocks_beside_a_polling_core),
	};

	return QT_RUN_CACHES(tests);
}
