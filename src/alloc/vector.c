/* SPDX-License-Identifier: MIT */
/* Batches on their way between this CPU's list and the caller's slots, by way of the stack. */
#include "alloc/vector_each.h"

INLINED uint32_t take(enum qi_form form, const struct qi_ready *ready, const struct qi_range *range,
		      uint32_t n, void *slots)
{
	uint32_t pfns[BATCH];
	uint32_t got = qp_pop_batch(ready->pcps, &ready->nr_cpus, true, n, pfns);

	if (qp_unlikely(got >= QP_LEFT))
		return got;
	if (ready->check != QUIRE_CHECK_OFF)
		hold(ready->state, got, pfns);
	if (form == QI_FORM_PFN)
		__builtin_memcpy(slots, pfns, got * sizeof(*pfns));
	else
		to_slots(range, got, pfns, slots);
	return got;
}

INLINED bool read_slots(enum qi_form form, const struct qi_range *range, uint32_t n,
			const void *slots, uint32_t *pfns)
{
	if (form != QI_FORM_PFN)
		return from_slots(range, n, slots, pfns);
	__builtin_memcpy(pfns, slots, n * sizeof(*pfns));
	return in_range(range, n, pfns);
}

INLINED uint32_t give(enum qi_form form, const struct qi_ready *ready, const struct qi_range *range,
		      uint32_t n, const void *slots, uint32_t *pfns)
{
	uint32_t done = n;
	uint32_t pushed;

	if (qp_unlikely(!read_slots(form, range, n, slots, pfns)))
		return 0;
	if (ready->check != QUIRE_CHECK_OFF)
		done = release(ready->state, n, pfns);
	if (qp_unlikely(done < n)) {
		hold(ready->state, done, pfns);
		return 0;
	}
	pushed = qp_push_batch(ready->pcps, &ready->nr_cpus, n, pfns);
	return qp_likely(pushed < QP_LEFT) ? n : pushed;
}

QI_DEFINE_VECTOR
