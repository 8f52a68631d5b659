/* SPDX-License-Identifier: MIT */
/*
 * Sections for CPUs that drains must not interrupt: they work on the list that the CPU's record
 * shows to them (shared_lp), and commit by compare-and-swap, which fails once a drain has closed the
 * list (doc/sections.md). As in port.h otherwise; QP_ABORTED also if a drain came between.
 *
 *	qp_pop_one_shared(pcps, nr_cpus, &pfn)
 *	qp_push_one_shared(pcps, nr_cpus, pfn)
 *	qp_pop_shared(pcps, nr_cpus, to_low, want, pfns)
 *	qp_push_shared(pcps, nr_cpus, n, pfns)
 */
#ifndef QI_PORT_SHARED_H
#define QI_PORT_SHARED_H

#include "port/port.h"

#include "sections_shared.h"

#endif /* QI_PORT_SHARED_H */
