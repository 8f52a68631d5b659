/* SPDX-License-Identifier: MIT */
/* Compiled for machines with AVX2, so that nothing else of the test is. */
#include "wide_calls.h"

#include "port/wide.h"

#include <string.h>

enum {
	MOST = 8, /* eights */
};

uint32_t wide_pop(uint32_t k, const void *pcps, const uint32_t *nr_cpus, uint32_t n, uint32_t *pfns)
{
	qp_eight v[MOST];
	uint32_t result;

	memcpy(v, pfns, sizeof(v));
	if (k == 1)
		result = qp_pop_wide_1(pcps, nr_cpus, n, v);
	else if (k == 2)
		result = qp_pop_wide_2(pcps, nr_cpus, n, v);
	else if (k == 4)
		result = qp_pop_wide_4(pcps, nr_cpus, n, v);
	else
		result = qp_pop_wide_8(pcps, nr_cpus, n, v);
	memcpy(pfns, v, sizeof(v));
	return result;
}

uint32_t wide_push(uint32_t k, const void *pcps, const uint32_t *nr_cpus, uint32_t n,
		   const uint32_t *pfns)
{
	qp_eight v[MOST];

	memcpy(v, pfns, sizeof(v));
	if (k == 1)
		return qp_push_wide_1(pcps, nr_cpus, n, v);
	if (k == 2)
		return qp_push_wide_2(pcps, nr_cpus, n, v);
	if (k == 4)
		return qp_push_wide_4(pcps, nr_cpus, n, v);
	return qp_push_wide_8(pcps, nr_cpus, n, v);
}
