/* SPDX-License-Identifier: MIT */
/* Work done in a forked child, which may not assert: its exit status says what it found. */
#ifndef QT_CHILD_H
#define QT_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/* Number of the first condition that does not hold, from a function that returns 0 if all do. */
#define QT_STEP(n, condition)     \
	do {                      \
		if (!(condition)) \
			return n; \
	} while (0)

/* Start fn in a child, which an alarm ends if it hangs; assert that it ended, and with 0. */
pid_t qt_child_begin(int (*fn)(void *context), void *context);
void qt_child_end(pid_t child);
/* Whether it has ended by now; then it has been asserted on as above. */
bool qt_child_ended(pid_t child);

/* Both at once. */
void qt_in_child(int (*fn)(void *context), void *context);

#endif /* QT_CHILD_H */
