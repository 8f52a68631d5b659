/* SPDX-License-Identifier: MIT */
/*
 * An instance with short lists, of which it is known which pages are held, and an array of slots for
 * one call. Calls are checked page by page.
 */
#ifndef QT_ALLOC_RUNS_H
#define QT_ALLOC_RUNS_H

#include "test.h"

enum {
	BLOCK = 512,
	RUN = 64,
	NR_PAGES = 10 * BLOCK - 137, /* it begins and ends inside a pageblock */
	BEGIN = 100,
	SECOND = 700, /* pages of a second region */
	MOST = 8192, /* slots of an array, and pfns that occur */
	HIGH = 256, /* pages of a list */
	BATCHES = 2, /* of a depot */
	SHAPED = 6, /* whole pageblocks for shapes; the two behind them fill list and depot */
};

enum form { PFN, PAGE, OFFSET, FORMS };

struct world {
	struct qt t;
	enum form form;
	bool held[MOST]; /* by pfn */
	uint32_t nr_held;
	uint32_t first; /* first whole pageblock of the first region */
};

/* Slots of one call. A pfn may be none, or wrong. */
struct array {
	size_t n;
	uint32_t pfns[MOST];
	bool inside[MOST]; /* an address inside the page */
};

extern struct world world;
extern struct array array;

/* zones: 0: one region, the case with short ways; 1 or 2: two regions in as many zones. */
void open_world(struct world *w, const struct qt_param *param, enum form form, uint32_t zones);
/* Nothing is held, nothing is in lists: every pageblock is whole, and every page can be had again. */
void end_world(struct world *w);
uint32_t nr_free(const struct world *w);
/* What the instance says of every page is what is known of it. */
void assert_states(const struct world *w);

/* Slots for the next call. */
void add(uint32_t pfn);
void add_run(uint32_t pfn, uint32_t n);
/* n pages are asked for: each that comes was free, and comes once. How many. */
uint32_t take(struct world *w, quire_gfp gfp, size_t n);
/* Exactly the free pages can be had, each once; then none. */
void take_what_is_free(struct world *w);
/* The array is freed: what is held becomes free, anything else is reported once. */
void give(struct world *w);
void give_all(struct world *w);

#endif /* QT_ALLOC_RUNS_H */
