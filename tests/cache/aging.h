/* SPDX-License-Identifier: MIT */
/* Instances whose idle lists are emptied. All but open are for children too, which may not assert. */
#ifndef QT_AGING_H
#define QT_AGING_H

#include "test.h"

#define AGER "quire-age" /* name of the library's thread */

enum {
	AGING_PAGES = 8192,
	AGING_NEVER_MS = 3600000, /* no pass while a test runs */
};

void aging_open(struct qt *t, const struct qt_param *param, uint32_t flags);
bool aging_has_lists(const struct qt *t);
/* Put pages into this CPU's list. */
bool aging_use(struct quire *q);
/* Pages in lists and depot. */
uint64_t aging_pages_near(const struct quire *q);
/* Whether there are none in the end, by what others do. */
bool aging_becomes_empty(const struct quire *q);

#endif /* QT_AGING_H */
