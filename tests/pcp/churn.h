/* SPDX-License-Identifier: MIT */
/*
 * Threads that take and give pages through the pcp cache at full speed, single ones and bulks, and
 * the instance they do it on: every page stamped while it is held, every page there at the end.
 */
#ifndef QT_CHURN_H
#define QT_CHURN_H

#include "../cache/stress.h"
#include "test.h"

#define CHURN_PAGES 4096u
#define CHURN_HELD 128u

/* The pcp cache with each check: pages in one mapped region, lists short enough to overflow. */
extern const struct qt_param churn_params[3];

struct churn {
	struct stress *s;
	uint32_t who; /* not 0 */
	struct qt_random random;
	uint32_t held[CHURN_HELD];
	uint32_t nr_held;
};

void churn_open(struct qt *t, struct stress *s, const struct qt_param *param, uint32_t flags);
/* The same with lists for CPUs 0 to nr_cpus - 1 alone. */
void churn_open_cpus(struct qt *t, struct stress *s, const struct qt_param *param, uint32_t flags,
		     uint32_t nr_cpus);
/* Assert that nothing went wrong and everything is there, and end it. Nobody holds pages. */
void churn_close(struct qt *t, struct stress *s);

void churn_init(struct churn *c, struct stress *s, uint32_t who);
/* Whether any page was doubled, damaged or refused so far: then steps do nothing any more. */
bool churn_went_wrong(const struct stress *s);
/* One call: allocate or free a page, or 2 to 64 of them, or swap one with somebody. No libc. */
void churn_step(struct churn *c);
/* Give back what is held. */
void churn_end(struct churn *c);

/*
 * On the i-th CPU: take n pages and give them back; how many pages its lists have then, 0 after any
 * failure. And how many they have now. A forked child may use both.
 */
uint64_t churn_fill(struct quire *q, unsigned int i, uint32_t n);
uint64_t churn_listed(const struct quire *q, unsigned int i);
/* Assert that they have none. */
void churn_assert_none_left(const struct quire *q, unsigned int i);

/* From now on some fences fail by membarrier, and half of these altogether; or none any more. */
void churn_fail_fences(bool do_fail);

#endif /* QT_CHURN_H */
