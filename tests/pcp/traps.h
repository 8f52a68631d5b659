/* SPDX-License-Identifier: MIT */
/*
 * Where a trap inside a section happened. The kernel has moved the frame to the abort target of one
 * of the descriptors, and what kind of section that is, is told by its instructions.
 */
#ifndef QT_TRAPS_H
#define QT_TRAPS_H

#include <stdbool.h>

enum traps_section {
	TRAPS_POP_ONE,
	TRAPS_PUSH_ONE,
	TRAPS_POP_BATCH,
	TRAPS_PUSH_BATCH,
	TRAPS_POP_WIDE,
	TRAPS_PUSH_WIDE,
	TRAPS_NR_SECTIONS,
};

extern const char *const traps_names[TRAPS_NR_SECTIONS];

struct trap {
	enum traps_section section;
	int point; /* qp_inject[point] was -point */
};

/* Look at all descriptors of this program; whether each kind of section was found, and no other. */
bool traps_learn(void);
/* Whether this machine runs sections of that kind: wide ones need registers. */
bool traps_run(enum traps_section section);
/* From a handler's context; false: no section was aborted. */
bool traps_find(void *context, struct trap *trap);

#endif /* QT_TRAPS_H */
