/* SPDX-License-Identifier: MIT */
/*
 * What others do while a section is on its way, at a place that is known: a part of the list lies in
 * memory that cannot be accessed, so the section stops there, and the fault's handler does what
 * another CPU would, gives the memory free and lets the section go on. It is not aborted, as no kernel
 * watches it.
 */
#ifndef QT_SECTIONS_MEANWHILE_H
#define QT_SECTIONS_MEANWHILE_H

#include "random.h"

/* Between the load of the header and the commit. */
void test_header_meanwhile(struct qt_random *r);
/* Between the load of lp and that of the header. */
void test_drain_meanwhile(struct qt_random *r);

#endif /* QT_SECTIONS_MEANWHILE_H */
