/* SPDX-License-Identifier: MIT */
/*
 * A thread made by clone, unknown to the C library. Its function may use thread-local variables of
 * the program, and of the C library only calls that need nothing else of a thread (errno, memory,
 * system calls). Signals are to be blocked when it starts.
 */
#ifndef QT_RAWTHREAD_H
#define QT_RAWTHREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What its thread-local memory is when it starts, but for the words that hold its own address. */
enum rawthread_memory {
	RAWTHREAD_ZEROED,
	RAWTHREAD_COPIED, /* the maker's, with the C library's record of the maker */
	RAWTHREAD_TEMPLATE, /* initial values of each module that is loaded */
};

struct rawthread {
	_Atomic int tid; /* 0: not running */
	char *block; /* thread-local memory and stack; NULL: none yet; kept for the next start */
	size_t bytes;
};

/* All zero at first; started again after a join it gets the same block. */
bool rawthread_start(struct rawthread *r, enum rawthread_memory memory, int (*fn)(void *),
		     void *argument);
/* Wait for its end. */
void rawthread_join(struct rawthread *r);
void rawthread_free(struct rawthread *r);

#endif /* QT_RAWTHREAD_H */
