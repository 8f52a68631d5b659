/* SPDX-License-Identifier: MIT */
/* Batches on their way between this CPU's list and the caller's slots, by way of the stack. */
#include "alloc/vector_each.h"

INLINED size_t take(enum qi_form form, struct quire *q, size_t n, void *slots, qi_take_rest *rest)
{
	const struct qi_ready *ready = &q->ready;
	uint32_t pfns[BATCH];
	uint32_t got = qp_pop_batch(ready->pcps, &ready->nr_cpus, true, (uint32_t)n, pfns);

	if (qp_unlikely(got >= QP_LEFT))
		return rest(q, n, slots, got);
	if (qi_checked(q))
		hold(q->states, got, pfns);
	if (form == QI_FORM_PFN)
		__builtin_memcpy(slots, pfns, got * sizeof(*pfns));
	else
		to_slots(qi_ready_range(q, form), got, pfns, slots);
	return qp_likely(got == n) ? n : rest(q, n, slots, got);
}

INLINED bool read_slots(enum qi_form form, const struct qi_range *range, uint32_t n,
			const void *slots, uint32_t *pfns)
{
	if (form != QI_FORM_PFN)
		return from_slots(range, n, slots, pfns);
	__builtin_memcpy(pfns, slots, n * sizeof(*pfns));
	return in_range(range, n, pfns);
}

INLINED size_t give(enum qi_form form, struct quire *q, size_t n, const void *slots,
		    qi_give_rest *rest)
{
	const struct qi_ready *ready = &q->ready;
	uint32_t pfns[BATCH];
	uint32_t nr = (uint32_t)n;
	uint32_t done = nr;
	uint32_t pushed;

	if (qp_unlikely(!read_slots(form, qi_ready_range(q, form), nr, slots, pfns)))
		return rest(q, n, slots, 0, NULL);
	if (qi_checked(q))
		done = release(q->states, nr, pfns);
	if (qp_unlikely(done < nr)) {
		hold(q->states, done, pfns);
		return rest(q, n, slots, 0, NULL);
	}
	pushed = qp_push_batch(ready->pcps, &ready->nr_cpus, nr, pfns);
	return qp_likely(pushed < QP_LEFT) ? n : rest(q, n, slots, pushed, pfns);
}

QI_DEFINE_VECTOR
