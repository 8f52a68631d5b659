/* SPDX-License-Identifier: MIT */
/*
 * What others do to CPU 0's lists while one of its threads is stopped (stepping.h). Each returns what
 * is wrong, or NULL.
 */
#ifndef QT_MEDDLING_H
#define QT_MEDDLING_H

#include "stepping.h"

/* Another CPU's thread drains the lists: all that was there. */
const char *drain(struct world *w);
/* It asks for more than there is, and so gets what the lists have too. */
const char *claim(struct world *w);

/* Lists are closed, and opened again: they were empty. */
const char *divert(struct world *w);
const char *undivert(struct world *w);
const char *divert_and_back(struct world *w);

/* Another thread of CPU 0 runs, which aborts the stopped one's section. */
const char *work(struct world *w);
/* With such a thread in between, the second drain swaps the lists back. */
const char *drain_twice(struct world *w);

#endif /* QT_MEDDLING_H */
