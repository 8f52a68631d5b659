/* SPDX-License-Identifier: MIT */
/*
 * Batches between a CPU's list and the caller's slots, by every table of vectors that this machine
 * has, in every form: pages in every order that is written and looked at in a way of its own, calls of
 * 1 to 70 pages and about two batches, lists that have too little or no room. After each call every
 * page is accounted for: who has it, its state, the sums.
 *
 *	batches [--seed N]
 */
#include "batches_world.h"
#include "sanitizer.h"

#include "alloc/ready_bulk.h"

#include <stdlib.h>
#include <string.h>

/* ---- There and back ------------------------------------------------------------------------- */

/*
 * Few pages, and batches, come out last first, each batch in the order in which it went in. Few pages
 * are a batch where each visit of the list is dear.
 */
static void check_order(const struct world *w, uint32_t n, const uint32_t *put, const uint32_t *got)
{
	uint32_t most = n < QI_FEW && !w->way.setting->isolated ? 1 : QI_SCRATCH;

	for (uint32_t done = 0, some; done < n; done += some) {
		some = n - done < most ? n - done : most;
		MUST(w, memcmp(got + done, put + n - done - some, some * sizeof(*put)) == 0);
	}
}

static void go_round(struct world *w, uint32_t shape, uint32_t n)
{
	uint32_t put[MOST], got[MOST];

	choose(w, shape, n, put);
	give_all(w, n, put);
	check_pool(w);
	MUST(w, take(w, n, got) == n);
	check_order(w, n, put, got);
	check_pool(w);
}

/* As single frees leave a list. */
static void take_what_was_given_singly(struct world *w, uint32_t shape, uint32_t n)
{
	uint32_t put[MOST], got[MOST];

	choose(w, shape, n, put);
	give_singly(w, n, put);
	MUST(w, take(w, n, got) == n);
	check_order(w, n, put, got);
	check_pool(w);
}

static void go_round_with_each(struct world *w)
{
	for (uint32_t n = 1; n <= MOST; n = n == 70 ? 127 : n + 1) {
		for (uint32_t shape = 0; shape < NR_SHAPES; shape++) {
			go_round(w, shape, n);
			if (n % QT_SLOWER == 0)
				take_what_was_given_singly(w, shape, n);
		}
	}
	check_all(w);
}

static void test_there_and_back(const struct qt_param *param)
{
	(void)param;
	in_each_way(go_round_with_each);
}

/* ---- Lanes that are nobody's ---------------------------------------------------------------- */

/*
 * In the slots behind the last of the list lie, from before, pages that continue its run of eight: free
 * ones, which are in the list elsewhere.
 */
static void what_lies_behind_continues_a_run(struct world *w, uint32_t n)
{
	uint32_t up[16], down[16], got[16];
	uint32_t rest = 8 - n;

	w->shape = "continued behind the list";
	w->n = n;
	for (uint32_t i = 0; i < 16; i++) {
		up[i] = w->pool + 40 + i;
		down[i] = w->pool + 55 - i;
	}
	for (int turn = 0; turn < 2; turn++) {
		const uint32_t *pfns = turn == 0 ? up : down;

		give_all(w, rest, pfns + 8);
		give_all(w, 8, pfns);
		MUST(w, take(w, 8, got) == 8 && take(w, rest, got) == rest);
		give_all(w, rest, pfns + n);
		give_all(w, n, pfns);
		MUST(w, take(w, n, got) == n);
		check_pool(w);
		MUST(w, take(w, rest, got) == rest);
		check_pool(w);
	}
}

/* Lanes behind the last slot of a call are read as the region's first page: it is not given. */
static void first_page_would_continue_a_run(struct world *w, uint32_t n)
{
	uint32_t pfns[MOST];

	w->shape = "down to the second page";
	w->n = n;
	for (uint32_t i = 0; i < n; i++)
		pfns[i] = w->first + n - i;
	give_all(w, n, pfns);
	check_states(w, w->first, MOST);
	MUST(w, take(w, n, pfns) == n);
	check_states(w, w->first, MOST);
}

static void lanes_are_nobodys(struct world *w)
{
	uint32_t *rest = calloc(w->nr_pages, sizeof(*rest));
	uint32_t nr;

	assert_non_null(rest);
	for (uint32_t n = 1; n < 8; n++)
		what_lies_behind_continues_a_run(w, n);
	nr = (uint32_t)quire_alloc_bulk_pfn(w->t.q, 0, 0, w->nr_pages, rest);
	for (uint32_t i = 0; i < nr; i++)
		account(w, rest[i], true);
	for (uint32_t n = 7; n < 64; n += 8)
		first_page_would_continue_a_run(w, n);
	give_singly(w, nr, rest);
	free(rest);
	restore(w);
	check_all(w);
}

static void test_lanes_are_nobodys(const struct qt_param *param)
{
	(void)param;
	in_each_way(lanes_are_nobodys);
}

/* ---- Lists with too little ------------------------------------------------------------------ */

/* The list holds no more than `listed` pages, some of which normal requests leave it. */
static void take_more_than_is_listed(struct world *w, uint32_t listed, uint32_t n)
{
	uint32_t put[MOST], got[MOST];

	choose(w, (listed + n) % NR_SHAPES, listed, put);
	w->n = n;
	w->at = listed;
	(void)quire_drain(w->t.q, QUIRE_ALL_CPUS, 0);
	give_singly(w, listed, put);
	MUST(w, take(w, n, got) == n);
	check_pool(w);
	give_all(w, n, got);
	check_pool(w);
	for (uint32_t i = 0; i < listed; i++)
		if (!w->held[put[i] - w->first])
			return;
	fail_msg("none of the pages that were listed is free again");
}

static void list_is_short(struct world *w)
{
	for (uint32_t listed = 1; listed < 90; listed += 1 + 4 * (QT_SLOWER > 1)) {
		for (uint32_t n = 1; n <= MOST; n = n * 3 / 2 + 1)
			if (n + 17 > listed) {
				take_more_than_is_listed(w, listed, n);
				restore(w);
			}
	}
	check_all(w);
}

static void test_list_is_short(const struct qt_param *param)
{
	(void)param;
	in_each_way(list_is_short);
}

/* Nothing is free but what the list has: calls get it all, and write no slot more. */
static void list_is_all_there_is(struct world *w)
{
	uint32_t put[MOST], got[MOST];
	uint32_t *rest = calloc(w->nr_pages, sizeof(*rest));
	uint32_t nr;

	assert_non_null(rest);
	nr = (uint32_t)quire_alloc_bulk_pfn(w->t.q, 0, 0, w->nr_pages, rest);
	for (uint32_t i = 0; i < nr; i++)
		account(w, rest[i], true);
	MUST(w, w->nr_held == w->nr_pages);
	for (uint32_t n = 1; n <= MOST; n = n == 70 ? 127 : n + 1) {
		for (uint32_t listed = n % 5; listed < n; listed += 7) {
			choose(w, (listed + n) % NR_SHAPES, listed > 0 ? listed : 1, put);
			w->n = n;
			w->at = listed;
			give_singly(w, listed, put);
			MUST(w, take(w, n, got) == listed);
			check_pool(w);
		}
	}
	MUST(w, quire_free_bulk_pfn(w->t.q, nr, rest) == nr);
	for (uint32_t i = 0; i < nr; i++)
		account(w, rest[i], false);
	free(rest);
	restore(w);
	check_all(w);
}

static void test_list_is_all_there_is(const struct qt_param *param)
{
	(void)param;
	in_each_way(list_is_all_there_is);
}

/* ---- Lists with no room --------------------------------------------------------------------- */

/* More than list and depot hold, in batches of n, and taken back the same way. */
static void overfill(struct world *w, uint32_t n)
{
	static uint32_t pfns[LONG];
	uint64_t depot = qt_stats(w->t.q).depot_in;

	w->n = n;
	w->shape = "taken";
	for (uint32_t done = 0, some; done < LONG; done += some) {
		some = LONG - done < n ? LONG - done : n;
		w->at = done;
		MUST(w, take(w, some, pfns + done) == some);
	}
	shuffle(w, n % 2 == 0 ? LONG : 0, pfns);
	for (uint32_t done = 0, some; done < LONG; done += some) {
		some = LONG - done < n ? LONG - done : n;
		w->at = done;
		give_all(w, some, pfns + done);
		if (done % (8 * n) == 0)
			check_all(w);
	}
	MUST(w, n != QI_SCRATCH || qt_stats(w->t.q).depot_in > depot);
	check_all(w);
}

static void list_is_full(struct world *w)
{
	static const uint32_t sizes[] = { 4, 8, 13, 16, 31, 32, 40, 63, 64, 65, 130, LONG };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		overfill(w, sizes[i]);
	restore(w);
}

static void test_list_is_full(const struct qt_param *param)
{
	(void)param;
	in_each_way(list_is_full);
}

int main(int argc, char **argv)
{
	static const struct qt_test tests[] = {
		QT_TEST(there_and_back),       QT_TEST(lanes_are_nobodys), QT_TEST(list_is_short),
		QT_TEST(list_is_all_there_is), QT_TEST(list_is_full),
	};

	return run_batches(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
