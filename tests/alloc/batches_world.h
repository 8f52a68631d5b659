/* SPDX-License-Identifier: MIT */
/*
 * An instance whose bulk calls are made by a chosen form and table of vectors, an account of which of
 * its pages the test holds, and slots that end where memory ends, so that a slot too far is a fault.
 */
#ifndef QT_BATCHES_WORLD_H
#define QT_BATCHES_WORLD_H

#include "test.h"

#include "alloc/instance.h"
#include "random.h"

enum {
	MOST = 130, /* pages of a call, beside long ones */
	LONG = 16 * MOST, /* more than list and depot take, by more than a pageblock */
	POOL = 2 * MOST + 28, /* pages that follow each other, held when a test begins */
	MARGIN = 16, /* the same on both sides of them, held all the time */
	FILLERS = 32, /* pages below in the list, more than its low mark */
	BEFORE = 16, /* slots before those of a call */
};

/* One way to make an instance. */
struct setting {
	const char *name;
	uint32_t check;
	uint32_t page_shift;
	bool mapped;
	bool isolated;
};

/* One way to make its calls. */
struct way {
	const struct setting *setting;
	const char *table;
	const struct qi_vector *vector;
	enum qi_form form;
};

struct world {
	struct qt t;
	struct qt_random random;
	struct way way;
	uint32_t first; /* pfn of the region */
	uint32_t nr_pages;
	uint64_t addr; /* of the region, as slots have it */
	uint32_t pool; /* pfn */
	bool *held; /* by page of the region */
	uint32_t nr_held;
	uint32_t fillers[FILLERS];
	const char *shape; /* for messages */
	uint32_t n;
	uint32_t at;
};

/* Fails the test, and says where it stood. */
#define MUST(w, good) must(w, good, #good, __LINE__)
void must(const struct world *w, bool good, const char *what, int line);

/*
 * A test's main(), with [--seed N]; and its work in every setting, by every table and in every form. In
 * each setting one world is used by all: with the pool and its margins held, the fillers in this CPU's
 * list and the rest in the zone, which body leaves so.
 */
int run_batches(const struct qt_test *tests, size_t nr, int argc, char **argv);
typedef void body_fn(struct world *w);
void in_each_way(body_fn *body);

/* n pages of the pool in one of the orders that lists have, and are asked for. */
enum {
	NR_SHAPES = 9,
};

void choose(struct world *w, uint32_t shape, uint32_t n, uint32_t *pfns);
void shuffle(struct world *w, uint32_t n, uint32_t *pfns);

/* As it was opened, whatever is held of the pool. */
void restore(struct world *w);

/* The last n slots of the arena, and what is written there for a page. */
void set_slot(const struct world *w, uint32_t n, uint32_t i, uint64_t value);
uint64_t slot_of(const struct world *w, uint32_t pfn);
/* What a slot holds is no page's, and before slots that were not written. */
uint64_t blank(const struct world *w);

/*
 * A call with n slots. What has been taken is ours now, and stands in pfns; it was free. Slots before
 * the n, and those behind what was taken, are as they were.
 */
uint32_t take(struct world *w, uint32_t n, uint32_t *pfns);
/* Slots are as set; nothing is accounted. The slots have not changed. */
uint32_t give(struct world *w, uint32_t n);
/* The same with pages: all are freed, and nobody complains. */
void give_all(struct world *w, uint32_t n, const uint32_t *pfns);
/* By single calls. */
void give_singly(struct world *w, uint32_t n, const uint32_t *pfns);
void account(struct world *w, uint32_t pfn, bool held);

/* The states of pages [pfn, pfn + n) say what the account says; and so do the sums. */
void check_states(const struct world *w, uint32_t pfn, uint32_t n);
void check_pool(const struct world *w);
void check_all(const struct world *w);

#endif /* QT_BATCHES_WORLD_H */
