/* SPDX-License-Identifier: MIT */
/* The calls whose instructions are counted, and a program that makes each of them. */
#ifndef QT_CALLS_H
#define QT_CALLS_H

#include <stddef.h>
#include <stdint.h>

enum {
	CALLS = 22,
	CALLS_COLUMNS = 4, /* pcp and locked, with check on and off */
};

struct counts {
	uint32_t of[CALLS][CALLS_COLUMNS];
	/* written by the child before each stop: the call that follows */
	uintptr_t entry;
	uint32_t call;
	uint32_t column;
	char wrong[128]; /* what kept the child from going on; empty: nothing */
};

struct user;

struct call {
	const char *name;
	void (*make)(struct user *u, uint32_t n);
	uint32_t n;
};

/* In pairs: a call that takes pages, and one that gives them back. */
extern const struct call calls[CALLS];

const char *calls_column(size_t column);

/*
 * Run in a traced child, counts its context: every call in every column, made a few times and then
 * twice with a stop just before. What is called is in the list, and a list has room for it.
 */
void calls_run(void *context);

#endif /* QT_CALLS_H */
