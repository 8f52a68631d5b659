/* SPDX-License-Identifier: MIT */
#include "churn.h"
#include "cpu.h"
#include "port/linux/fault.h"

#include <string.h>

enum {
	HIGH = 64,
	BATCH = 16,
	MOST = 64, /* pages of a bulk call */
	BEHIND = 16,
};

#define CANARY UINT32_C(0xcafe1234)

static const struct qt_cache pcp = { "pcp", QUIRE_CACHE_PCP, 0 };
const struct qt_param churn_params[3] = {
	{ &pcp, QUIRE_CHECK_ON },
	{ &pcp, QUIRE_CHECK_OFF },
	{ &pcp, QUIRE_CHECK_STRICT },
};

/* ---- The instance ---- */

void churn_open_cpus(struct qt *t, struct stress *s, const struct qt_param *param, uint32_t flags,
		     uint32_t nr_cpus)
{
	qt_begin(t, param);
	t->config.max_pages = CHURN_PAGES;
	t->config.max_regions = 1;
	t->config.max_zones = 1;
	t->config.flags |= flags;
	t->config.nr_cpus = nr_cpus;
	t->config.high = HIGH;
	t->config.batch = BATCH;
	/* Aids close the shortest ways; ThreadSanitizer needs to know who has a page. */
	t->config.aids &= QUIRE_AID_TSAN;
	qt_create(t);
	qt_add_mapped(t, 0, CHURN_PAGES);
	assert_true(stress_init(s, t->q));
	assert_true(qt_info(t->q).high >= 16);
}

void churn_open(struct qt *t, struct stress *s, const struct qt_param *param, uint32_t flags)
{
	churn_open_cpus(t, s, param, flags, (uint32_t)qt_cpu(qt_nr_cpus() - 1) + 1);
}

bool churn_went_wrong(const struct stress *s)
{
	return atomic_load_explicit(&s->doubled, memory_order_relaxed) > 0 ||
	       atomic_load_explicit(&s->damaged, memory_order_relaxed) > 0 ||
	       atomic_load_explicit(&s->refused, memory_order_relaxed) > 0 ||
	       atomic_load_explicit(&s->nonsense, memory_order_relaxed) > 0;
}

static void empty_ring(struct stress *s)
{
	for (uint32_t i = 0; i < STRESS_RING; i++) {
		uint32_t pfn = stress_exchange(s, i, QUIRE_NO_PFN);

		if (pfn != QUIRE_NO_PFN)
			stress_free(s, pfn);
	}
}

void churn_close(struct qt *t, struct stress *s)
{
	static uint32_t pfns[CHURN_PAGES];

	empty_ring(s);
	assert_false(churn_went_wrong(s));
	qt_assert_sound(t->q, 0);
	assert_int_equal(quire_alloc_bulk_pfn(t->q, 0, 0, CHURN_PAGES, pfns), CHURN_PAGES);
	assert_int_equal(quire_alloc_pfn(t->q, 0, 0), QUIRE_NO_PFN);
	for (uint32_t i = 0; i < CHURN_PAGES; i++)
		stress_take(s, 1, pfns[i], 0);
	stress_free_bulk(s, CHURN_PAGES, pfns);
	assert_false(churn_went_wrong(s));
	qt_assert_no_report(&t->reports);
	stress_end(s);
	qt_end(t);
}

/* ---- The threads ---- */

void churn_init(struct churn *c, struct stress *s, uint32_t who)
{
	c->s = s;
	c->who = who;
	c->random = qt_random_seed(who);
	c->nr_held = 0;
}

static void hold(struct churn *c, uint32_t pfn)
{
	stress_take(c->s, c->who, pfn, 0);
	c->held[c->nr_held++] = pfn;
}

static uint32_t two_to(struct churn *c, uint32_t most)
{
	return 2 + qt_random_below(&c->random, most - 1);
}

/* What lies behind the array is the caller's, however often a section is interrupted. */
static void take_bulk(struct churn *c)
{
	uint32_t pfns[MOST + BEHIND];
	size_t want = two_to(c, MOST);
	size_t n;

	if (want > CHURN_HELD - c->nr_held)
		want = CHURN_HELD - c->nr_held;
	for (size_t i = 0; i < BEHIND; i++)
		pfns[want + i] = CANARY;
	n = quire_alloc_bulk_pfn(c->s->q, 0, 0, want, pfns);
	for (size_t i = 0; i < n; i++)
		hold(c, pfns[i]);
	for (size_t i = 0; i < BEHIND; i++)
		if (pfns[want + i] != CANARY)
			atomic_fetch_add(&c->s->nonsense, 1);
}

static void take(struct churn *c)
{
	uint32_t pfn;

	if (CHURN_HELD - c->nr_held >= 2 && qt_random_one_in(&c->random, 3)) {
		take_bulk(c);
		return;
	}
	pfn = quire_alloc_pfn(c->s->q, 0, 0);
	if (pfn != QUIRE_NO_PFN)
		hold(c, pfn);
}

static void give(struct churn *c)
{
	uint32_t n = 1;

	if (c->nr_held >= 2 && qt_random_one_in(&c->random, 3))
		n = two_to(c, c->nr_held < MOST ? c->nr_held : MOST);
	c->nr_held -= n;
	if (n == 1)
		stress_free(c->s, c->held[c->nr_held]);
	else
		stress_free_bulk(c->s, n, &c->held[c->nr_held]);
}

static void swap(struct churn *c)
{
	uint32_t mine = c->nr_held > 0 ? c->held[--c->nr_held] : QUIRE_NO_PFN;
	uint32_t theirs = stress_exchange(c->s, qt_random_below(&c->random, STRESS_RING), mine);

	if (theirs != QUIRE_NO_PFN)
		c->held[c->nr_held++] = theirs;
}

void churn_step(struct churn *c)
{
	uint32_t dice = qt_random_below(&c->random, 16);

	/* A damaged instance may serve requests slowly, or not at all. */
	if (churn_went_wrong(c->s))
		return;
	if (dice == 0 && c->nr_held < CHURN_HELD)
		swap(c);
	else if (c->nr_held == 0 || (dice < 9 && c->nr_held < CHURN_HELD))
		take(c);
	else
		give(c);
}

void churn_end(struct churn *c)
{
	if (c->nr_held > 0)
		stress_free_bulk(c->s, c->nr_held, c->held);
	c->nr_held = 0;
}

/* ---- Lists with pages in them ---- */

uint64_t churn_listed(const struct quire *q, unsigned int i)
{
	struct quire_cpu_stats stats = { .size = sizeof(stats) };

	return quire_cpu_stats_get(q, qt_cpu(i), &stats) == 0 ? stats.count : 0;
}

void churn_assert_none_left(const struct quire *q, unsigned int i)
{
	uint64_t left = churn_listed(q, i);

	if (left > 0)
		fail_msg("%llu pages are left in the lists of CPU %d", (unsigned long long)left,
			 qt_cpu(i));
}

static bool take_and_give(struct quire *q, uint32_t n)
{
	uint32_t pfns[HIGH];
	bool done = n <= HIGH;

	for (uint32_t k = 0; done && k < n; k++) {
		pfns[k] = quire_alloc_pfn(q, 0, 0);
		done = pfns[k] != QUIRE_NO_PFN;
	}
	for (uint32_t k = 0; done && k < n; k++)
		done = quire_free_pfn(q, pfns[k]) == 0;
	return done;
}

uint64_t churn_fill(struct quire *q, unsigned int i, uint32_t n)
{
	bool done = qt_cpu_bind(i) && take_and_give(q, n);

	qt_cpu_unbind();
	return done ? churn_listed(q, i) : 0;
}

/* ---- Fences that fail ---- */

/* A visit to a busy CPU takes milliseconds, so most fences are left alone. */
static int fail_some(const char *call)
{
	static _Atomic uint32_t calls;
	uint32_t n = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
	uint32_t dice = n * UINT32_C(0x9e3779b1) >> 29;

	if (strcmp(call, "membarrier") == 0)
		return dice == 0;
	return strcmp(call, "affinity") == 0 && dice % 2 == 0;
}

void churn_fail_fences(bool do_fail)
{
	qp_fault_hook = do_fail ? fail_some : NULL;
}
