/* SPDX-License-Identifier: MIT */
/* Fault injection: tests make the Nth call to the system fail. */
#ifndef QI_PORT_LINUX_FAULT_H
#define QI_PORT_LINUX_FAULT_H

#include <stdbool.h>

/* NULL but in tests, which link the static library. Non-zero: the named operation is to fail. */
extern int (*qp_fault_hook)(const char *call);

/* Whether the operation is to fail now. Names: "map", "register". */
bool qp_fault(const char *call);

#endif /* QI_PORT_LINUX_FAULT_H */
