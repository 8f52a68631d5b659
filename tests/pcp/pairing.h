/* SPDX-License-Identifier: MIT */
/*
 * Two threads stopped: one at some instructions of a request, and, at each of these stops, one on CPU
 * 1 before every instruction of what it does. Then the first goes on to its end, and after it the
 * second: so whatever a request does in the middle of something else, it does here. The second one's
 * fences of CPU 0 abort the first.
 */
#ifndef QT_PAIRING_H
#define QT_PAIRING_H

#include "stepping.h"

/* at_stop and at_end return what is wrong, or NULL. */
struct pairing {
	bool isolated; /* CPU 0, from the beginning */
	bool first_only_tries; /* it waits for no lock, so it is let go also while the second has some */
	void (*begin)(struct world *w); /* may be NULL, as may be the two ends */
	bool (*stops)(struct world *w, pid_t first, uint32_t stop); /* whether it is to be */
	const char *(*at_stop)(struct world *w); /* what the second thread does */
	const char *(*at_end)(struct world *w); /* when both are done */
	void (*end)(struct world *w);
};

/* Fails if the account is wrong behind any pair of stops. */
void pair_through(const struct request *request, const struct pairing *how);

#endif /* QT_PAIRING_H */
