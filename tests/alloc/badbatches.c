/* SPDX-License-Identifier: MIT */
/*
 * Batches with one wrong slot, by every table of vectors that this machine has and in every form: each
 * kind of wrong slot at each place. Exactly the right pages are freed, the wrong one is refused and
 * reported once, and no page is lost.
 *
 *	badbatches [--seed N]
 */
#include "batches_world.h"
#include "sanitizer.h"

#include <stdlib.h>

/* ---- Wrong slots ---------------------------------------------------------------------------- */

enum wrong {
	HOLE,
	INSIDE,
	BEYOND,
	BEFORE_REGION,
	FAR,
	FREE_ALREADY, /* from here on it is a page's, which unchecked instances trust */
	FREE_BETWEEN, /* the page that belongs there, so that a run remains one */
	TWICE,
	IN_BLOCK,
	BLOCK, /* not wrong: a held block of order 1 is freed as well */
	NR_WRONG,
};

static const char *const wrong_names[] = { "hole",	   "inside a page", "beyond the region",
					   "before it",	   "far",	    "free already",
					   "free between", "twice",	    "in a block",
					   "a block" };

static bool is_possible(const struct world *w, enum wrong wrong)
{
	if (wrong == INSIDE)
		return w->way.form != QI_FORM_PFN;
	if (wrong == BEFORE_REGION)
		return w->way.form != QI_FORM_OFFSET;
	/* With blocks held, unchecked instances look at states, but trust those of single pages. */
	return wrong < FREE_ALREADY || w->way.setting->check != QUIRE_CHECK_OFF;
}

static uint64_t no_page(struct world *w, enum wrong wrong)
{
	uint64_t start = slot_of(w, w->first), end = slot_of(w, w->first + w->nr_pages);
	uint32_t dice = qt_random_below(&w->random, 4);
	uint64_t page = slot_of(w, w->first + 1) - start;

	switch (wrong) {
	case HOLE:
		return w->way.form == QI_FORM_PAGE ? 0 : UINT64_MAX;
	case INSIDE:
		return slot_of(w, w->pool + 3) + (dice == 0 ? page - 1 : UINT64_C(1) << dice);
	case BEYOND:
		return dice == 0 ? end : end + dice * 8 * page;
	case BEFORE_REGION:
		return start - page;
	default:
		/* Its low bits are those of a page. */
		return w->way.form == QI_FORM_PFN ? UINT64_C(0x80000000) + start
						  : (UINT64_C(1) << (60 + dice)) + start;
	}
}

struct trial {
	enum wrong wrong;
	uint32_t at; /* the slot that is wrong */
	uint32_t n;
	uint32_t block; /* of order 1 */
	uint32_t put[LONG]; /* what the other slots hold; the wrong one's page stays ours */
};

static uint32_t free_page(struct world *w)
{
	uint32_t page;

	do
		page = qt_random_below(&w->random, w->nr_pages);
	while (w->held[page]);
	return w->first + page;
}

static uint64_t wrong_slot(struct world *w, const struct trial *trial)
{
	switch (trial->wrong) {
	case FREE_ALREADY:
		return slot_of(w, free_page(w));
	case FREE_BETWEEN:
		return slot_of(w, trial->put[trial->at]);
	case TWICE:
		return slot_of(w, trial->put[trial->at > 0 ? qt_random_below(&w->random, trial->at)
							   : trial->n - 1]);
	case IN_BLOCK:
		return slot_of(w, trial->block + 1);
	case BLOCK:
		return slot_of(w, trial->block);
	default:
		return no_page(w, trial->wrong);
	}
}

/* What the instance says of it: one refusal, and which slot it was. */
static void check_said(struct world *w, const struct trial *trial, uint64_t slot, uint64_t refused)
{
	uint32_t nr = trial->wrong != HOLE && trial->wrong != BLOCK;

	MUST(w, qt_stats(w->t.q).bad_frees == refused + nr);
	MUST(w, atomic_load(&w->t.reports.nr[0]) == nr);
	MUST(w, atomic_load(&w->t.reports.nr[QUIRE_REPORT_BAD_FREE]) == nr);
	MUST(w, nr == 0 || w->t.reports.last.address == slot);
	qt_reports_clear(&w->t.reports);
}

static void give_with_one_wrong(struct world *w, const struct trial *trial)
{
	uint64_t slot = wrong_slot(w, trial);
	uint64_t refused = qt_stats(w->t.q).bad_frees;
	uint32_t freed = trial->n - (trial->wrong != BLOCK);

	if (trial->wrong == FREE_BETWEEN)
		give_singly(w, 1, &trial->put[trial->at]);
	for (uint32_t i = 0; i < trial->n; i++)
		set_slot(w, trial->n, i, slot_of(w, trial->put[i]));
	set_slot(w, trial->n, trial->at, slot);
	if (w->way.form == QI_FORM_PFN)
		slot = (uint32_t)slot;
	MUST(w, give(w, trial->n) == freed);
	for (uint32_t i = 0; i < trial->n; i++)
		if (i != trial->at)
			account(w, trial->put[i], false);
	check_said(w, trial, slot, refused);
}

/* The same pages are had back, in whatever order. */
static void take_back(struct world *w, const struct trial *trial)
{
	uint32_t n = trial->n - (trial->wrong != FREE_BETWEEN);
	uint32_t got[MOST];

	MUST(w, take(w, n, got) == n);
	for (uint32_t i = 0; i < trial->n; i++)
		MUST(w, w->held[trial->put[i] - w->first]);
	check_pool(w);
}

static void try_wrong(struct world *w, enum wrong wrong, uint32_t n, uint32_t at, uint32_t shape)
{
	bool block = wrong == IN_BLOCK || wrong == BLOCK;
	static struct trial trial;

	trial.wrong = wrong;
	trial.at = at;
	trial.n = n;
	choose(w, shape, n, trial.put);
	w->shape = wrong_names[wrong];
	w->at = at;
	if (block) {
		trial.block = quire_alloc_pfn(w->t.q, 0, 1);
		MUST(w, trial.block != QUIRE_NO_PFN);
		w->nr_held += 2;
	}
	give_with_one_wrong(w, &trial);
	MUST(w, quire_order(w->t.q, trial.block) == 1 || wrong != IN_BLOCK);
	if (wrong == IN_BLOCK)
		MUST(w, quire_free_pfn(w->t.q, trial.block) == 0);
	if (block)
		w->nr_held -= 2;
	check_pool(w);
	take_back(w, &trial);
}

static void one_slot_is_wrong(struct world *w)
{
	static const uint32_t sizes[] = { 2,  3,  4,  5,  7,  8,  9,  15, 16, 17,  24,
					  31, 32, 33, 40, 56, 63, 64, 65, 70, MOST };
	uint32_t shape = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (uint32_t at = 0; at < sizes[i]; at += 1 + 2 * (QT_SLOWER > 1))
			for (enum wrong wrong = 0; wrong < NR_WRONG; wrong++)
				if (is_possible(w, wrong))
					try_wrong(w, wrong, sizes[i], at, shape++ % NR_SHAPES);
	}
	check_all(w);
}

static void test_one_slot_is_wrong(const struct qt_param *param)
{
	(void)param;
	in_each_way(one_slot_is_wrong);
}

/* ---- Long frees ----------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int compare_down(const void *a, const void *b)
{
	return compare(b, a);
}

/* Up or down, so that there are runs, which go to the zone when list and depot are full. */
static void give_many(struct world *w, enum wrong wrong, uint32_t at)
{
	static struct trial trial;
	uint64_t given = qt_stats(w->t.q).zone_given;

	trial.wrong = wrong;
	trial.at = at;
	trial.n = w->n = LONG;
	w->shape = wrong_names[wrong];
	w->at = at;
	for (uint32_t done = 0; done < LONG; done += MOST)
		MUST(w, take(w, MOST, trial.put + done) == MOST);
	qsort(trial.put, LONG, sizeof(*trial.put), at % 2 == 0 ? compare : compare_down);
	give_with_one_wrong(w, &trial);
	check_all(w);
	MUST(w, qt_stats(w->t.q).zone_given > given + QI_UNIT_ITEMS);
	if (wrong != FREE_BETWEEN)
		give_singly(w, 1, &trial.put[at]);
}

static void give_many_with_one_wrong(struct world *w)
{
	static const uint32_t places[] = { 0,	1,   63,  64,	511,  512,     513,
					   700, 776, 967, 1234, 1535, LONG - 1 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		for (enum wrong wrong = 0; wrong <= TWICE; wrong++)
			if (is_possible(w, wrong))
				give_many(w, wrong, places[i]);
	restore(w);
}

static void test_long_frees(const struct qt_param *param)
{
	(void)param;
	in_each_way(give_many_with_one_wrong);
}

int main(int argc, char **argv)
{
	static const struct qt_test tests[] = {
		QT_TEST(one_slot_is_wrong),
		QT_TEST(long_frees),
	};

	return run_batches(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
