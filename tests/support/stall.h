/* SPDX-License-Identifier: MIT */
/*
 * A thread stopped in the middle of a call: where it touches a page of memory that has been closed to it,
 * the caller's array or the state of some pages, it stands still in the fault's handler until it is let go.
 * So what others do meanwhile comes between two steps of the call every time, not once in a million runs.
 * One trap at a time.
 */
#ifndef QT_STALL_H
#define QT_STALL_H

#include <stdbool.h>
#include <stddef.h>

/* Close the memory page that address lies in, wholly or to writers alone. */
void qt_stall_arm(void *address, bool writers_only);
/* Wait until a thread stands there, and open the page. False if none came within a long while. */
bool qt_stall_wait(void);
/* Let it go on. It goes on by itself after a moment, so that a lock it holds hangs no test. */
void qt_stall_release(void);
/* Undo arming, whatever came of it; whether a thread ever stood there. */
bool qt_stall_end(void);

#endif /* QT_STALL_H */
