/* SPDX-License-Identifier: MIT */
/* Fault injection: tests make the Nth call to the system fail. */
#ifndef QI_PORT_LINUX_FAULT_H
#define QI_PORT_LINUX_FAULT_H

#include <stdbool.h>

/* NULL but in tests, which link the static library. Non-zero: the named operation is to fail. */
extern int (*qp_fault_hook)(const char *call);

/*
 * Whether the operation is to fail now. Names: "map", "register" (of fork handlers), "rseq" (asking
 * about a thread), "membarrier-register", "membarrier", "affinity" (moving to a CPU), "tasks" (listing
 * threads), "thread" (starting one).
 */
bool qp_fault(const char *call);

/* NULL but in tests: stands in for the whole fence. */
extern bool (*qp_fence_hook)(unsigned int cpu);

#endif /* QI_PORT_LINUX_FAULT_H */
