/* SPDX-License-Identifier: MIT */
/*
 * What processors with wide vector registers give beyond port.h: pages by eights, for code that is
 * compiled for them alone. One header per processor, all inline.
 *
 *	qp_eight	eight pfns
 *	qp_slots	eight slots of 64 bits that name pages
 *
 * Both are vectors of the compiler's, with its operators. Functions that write or read `some` (0 to
 * 8) of eight leave the others' memory alone; read, they are `otherwise`.
 *
 *	bool qp_eight_is_zero(v)
 *	qp_eight qp_eight_lower(a, b), qp_eight_upper(a, b)	lane by lane
 *	qp_eight qp_eight_backwards(v)
 *	void qp_eight_write(to, some, v)
 *	qp_eight qp_eight_read(from, some, otherwise)
 *	qp_slots qp_slots_of(eight)
 *	qp_eight qp_slots_narrow(slots)				the low halves
 *	qp_slots qp_slots_rotate(slots, shift)			to the right
 *	qp_slots qp_slots_upper(a, b)
 *	bool qp_slots_below(slots, bound)			all of them
 *	void qp_slots_write(to, some, slots)
 *	qp_slots qp_slots_read(from, some, otherwise)
 *
 * Sections (doc/sections.md), for k = 1, 2, 4, 8 and the smallest k with n <= 8 × k: all n pages or
 * none. A result below QP_LEFT: done.
 *
 *	uint32_t qp_pop_wide_k(pcps, nr_cpus, n, eights)	from above the low mark
 *	uint32_t qp_push_wide_k(pcps, nr_cpus, n, eights)
 *	uint32_t qp_pop_wide_shared_k(...), qp_push_wide_shared_k(...)	as in port/shared.h
 */
#ifndef QI_PORT_WIDE_H
#define QI_PORT_WIDE_H

#include "port/shared.h"

#define QP_EIGHT 8

/* Eight pages, and the slots that name them. */
typedef uint32_t __attribute__((vector_size(32), aligned(16))) qp_eight;
typedef uint64_t __attribute__((vector_size(64), aligned(16))) qp_slots;

#include "eights.h"
#include "sections_wide.h"

#endif /* QI_PORT_WIDE_H */
