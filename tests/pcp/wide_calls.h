/* SPDX-License-Identifier: MIT */
/*
 * The sections of machines with vectors of eight pages, called by number: those of k eights for k = 1,
 * 2, 4, 8; the shared ones, or the biased. Only where wide_offered().
 */
#ifndef QT_WIDE_CALLS_H
#define QT_WIDE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

bool wide_offered(void);
/* pfns are 64, of which the first n are meant; all are given to the section, and had back. */
uint32_t wide_pop(uint32_t k, bool shared, const void *pcps, const uint32_t *nr_cpus, uint32_t n,
		  uint32_t *pfns);
uint32_t wide_push(uint32_t k, bool shared, const void *pcps, const uint32_t *nr_cpus, uint32_t n,
		   const uint32_t *pfns);

#endif /* QT_WIDE_CALLS_H */
