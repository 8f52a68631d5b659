/* SPDX-License-Identifier: MIT */
#include "inject.h"

/* Used by assembly, where the compiler does not look. */
__attribute__((used)) volatile int32_t qp_inject[QP_NR_POINTS];
