/* SPDX-License-Identifier: MIT */
/* Compiled for machines with AVX2, so that nothing else of the test is. */
#include "wide_calls.h"

#include "port/wide.h"

#include <string.h>

enum {
	MOST = 8, /* eights */
};

struct wide {
	uint32_t k;
	uint32_t (*pop[2])(const void *pcps, const uint32_t *nr_cpus, uint32_t n, qp_eight *v);
	uint32_t (*push[2])(const void *pcps, const uint32_t *nr_cpus, uint32_t n,
			    const qp_eight *v);
};

/* Biased, shared. */
static const struct wide wides[] = {
	{ 1, { qp_pop_wide_1, qp_pop_wide_shared_1 }, { qp_push_wide_1, qp_push_wide_shared_1 } },
	{ 2, { qp_pop_wide_2, qp_pop_wide_shared_2 }, { qp_push_wide_2, qp_push_wide_shared_2 } },
	{ 4, { qp_pop_wide_4, qp_pop_wide_shared_4 }, { qp_push_wide_4, qp_push_wide_shared_4 } },
	{ 8, { qp_pop_wide_8, qp_pop_wide_shared_8 }, { qp_push_wide_8, qp_push_wide_shared_8 } },
};

static const struct wide *find(uint32_t k)
{
	const struct wide *wide = wides;

	while (wide->k != k)
		wide++;
	return wide;
}

uint32_t wide_pop(uint32_t k, bool shared, const void *pcps, const uint32_t *nr_cpus, uint32_t n,
		  uint32_t *pfns)
{
	qp_eight v[MOST];
	uint32_t result;

	memcpy(v, pfns, sizeof(v));
	result = find(k)->pop[shared](pcps, nr_cpus, n, v);
	memcpy(pfns, v, sizeof(v));
	return result;
}

uint32_t wide_push(uint32_t k, bool shared, const void *pcps, const uint32_t *nr_cpus, uint32_t n,
		   const uint32_t *pfns)
{
	qp_eight v[MOST];

	memcpy(v, pfns, sizeof(v));
	return find(k)->push[shared](pcps, nr_cpus, n, v);
}
