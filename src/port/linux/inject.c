/* SPDX-License-Identifier: MIT */
#include "inject.h"

volatile int32_t qp_inject[QP_NR_POINTS];
