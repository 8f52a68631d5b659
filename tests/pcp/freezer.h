/* SPDX-License-Identifier: MIT */
/*
 * Freezing a thread of this process wherever it is: in a signal handler that does not return, or by a
 * tracer, which is a process of its own. The kernel aborts the section of a thread that either stops, when
 * it goes on; unless the thread has ended its registration.
 */
#ifndef QT_FREEZER_H
#define QT_FREEZER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum freezer_kind {
	FREEZER_SIGNAL,
	FREEZER_TRACER,
};

/* Between one thread and whoever freezes it. */
struct frozen {
	enum freezer_kind kind;
	pthread_t thread;
	atomic_int tid; /* 0: it has not greeted yet */
	char *area; /* what the C library has registered for it */
	/* the signal's */
	atomic_bool stands;
	atomic_bool may_go;
	/* the tracer's */
	pid_t tracer;
	int to, from; /* pipes */
	uint64_t ip; /* its next instruction */
};

void freezer_begin(struct frozen *f, enum freezer_kind kind);
/* By the thread, once, in the beginning. */
void freezer_greet(struct frozen *f);
/*
 * By the thread: from now on the kernel does not watch its sections, and it is on this CPU by its own
 * account. false: the kernel refuses.
 */
bool freezer_unwatch(uint32_t cpu);
/* Wait for the greeting. false: the thread cannot be frozen; the rest must not be called but part. */
bool freezer_meet(struct frozen *f);

/* The thread stands still when it returns true. */
bool freezer_freeze(struct frozen *f);
void freezer_thaw(struct frozen *f);
/* Whether a frozen thread is in the range of the section that it has announced; by a tracer. */
bool freezer_in_section(const struct frozen *f);

/* When the thread has ended. */
void freezer_part(struct frozen *f);

#endif /* QT_FREEZER_H */
