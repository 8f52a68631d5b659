/* SPDX-License-Identifier: MIT */
/*
 * Numbered points inside the sections, where a build for tests (QP_INJECT) can wait or trap, so
 * that interruptions happen there; in every other build they are nothing. At a point:
 *
 *	qp_inject[n] > 0	a loop of that many turns
 *	qp_inject[n] < 0	a trap, whose handler does what the test wants
 */
#ifndef QI_PORT_LINUX_INJECT_H
#define QI_PORT_LINUX_INJECT_H

#include <stdint.h>

#ifndef QP_INJECT
#define QP_INJECT 0
#endif

enum {
	QP_NR_POINTS = 5, /* 1 to 4 are used */
};

/* tests only; __thread would need a register more than some sections have. */
extern __attribute__((visibility("hidden"))) volatile int32_t qp_inject[QP_NR_POINTS];

#if QP_INJECT && defined(__x86_64__)
/* Clobbers flags and r11, which no step keeps across a point. */
#define QP_POINT(n)                                  \
	"movl qp_inject+4*" #n "(%%rip), %%r11d\n\t" \
	"testl %%r11d, %%r11d\n\t"                   \
	"jz 73f\n\t"                                 \
	"jns 72f\n\t"                                \
	"int3\n\t"                                   \
	"jmp 73f\n"                                  \
	"72:\n\t"                                    \
	"decl %%r11d\n\t"                            \
	"jnz 72b\n"                                  \
	"73:\n\t"
#define QP_POINT_CLOBBER , "r11"
#else
#define QP_POINT(n)
#define QP_POINT_CLOBBER
#endif

#endif /* QI_PORT_LINUX_INJECT_H */
