/* SPDX-License-Identifier: MIT */
/* A machine without sections has none of these either. */
#ifndef QI_PORT_SECTIONS_SHARED_H
#define QI_PORT_SECTIONS_SHARED_H

static inline uint32_t qp_pop_one_shared(const void *pcps, uint32_t nr_cpus, uint64_t *popped)
{
	return qp_pop_one(pcps, nr_cpus, popped);
}

static inline uint32_t qp_push_one_shared(const void *pcps, uint32_t nr_cpus, uintptr_t pfn)
{
	return qp_push_one(pcps, nr_cpus, pfn);
}

static inline uint32_t qp_pop_shared(const void *pcps, const uint32_t *nr_cpus, bool to_low,
				     uint32_t want, uint32_t *pfns)
{
	return qp_pop_batch(pcps, nr_cpus, to_low, want, pfns);
}

static inline uint32_t qp_push_shared(const void *pcps, const uint32_t *nr_cpus, uint32_t n,
				      const uint32_t *pfns)
{
	return qp_push_batch(pcps, nr_cpus, n, pfns);
}

#endif /* QI_PORT_SECTIONS_SHARED_H */
