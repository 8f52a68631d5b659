/* SPDX-License-Identifier: MIT */
/* A machine without sections: qp_sections_offered() is false, and nobody comes here. */
#ifndef QI_PORT_SECTIONS_H
#define QI_PORT_SECTIONS_H

#define QP_SECTIONS_WRITTEN false
#define QP_SIGNATURE 0u

static inline uint32_t qp_pop_one(const void *pcps, uint32_t nr_cpus, uint64_t *popped)
{
	(void)popped;
	(void)pcps;
	(void)nr_cpus;
	return QP_NO_CPU;
}

static inline uint32_t qp_push_one(const void *pcps, uint32_t nr_cpus, uintptr_t pfn)
{
	(void)pcps;
	(void)nr_cpus;
	(void)pfn;
	return QP_NO_CPU;
}

static inline uint32_t qp_pop_batch(const void *pcps, const uint32_t *nr_cpus, bool to_low,
				    uint32_t want, uint32_t *pfns)
{
	(void)pcps;
	(void)nr_cpus;
	(void)to_low;
	(void)want;
	(void)pfns;
	return QP_NO_CPU;
}

static inline uint32_t qp_push_batch(const void *pcps, const uint32_t *nr_cpus, uint32_t n,
				     const uint32_t *pfns)
{
	(void)pcps;
	(void)nr_cpus;
	(void)n;
	(void)pfns;
	return QP_NO_CPU;
}

#endif /* QI_PORT_SECTIONS_H */
