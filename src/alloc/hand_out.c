/* SPDX-License-Identifier: MIT */
/* From taken to held: what each block goes through on its way to the caller, with no lock held. */
#include "alloc/request.h"

static void mark_held(struct quire *q, unsigned int order, uint32_t n, const uint32_t *pfns)
{
	uint8_t state = (uint8_t)(QI_STATE_HELD + order);

	if (order > 0)
		atomic_fetch_add_explicit(&q->nr_high, n, memory_order_relaxed);
	else if (!qi_checked(q))
		return;
	if (order == 0) {
		q->vector->hold(q->space.state, n, pfns);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		qi_state_set(q->space.state, pfns[i], state);
}

static void show_aids(const struct quire *q, unsigned int order, uint32_t n, const uint32_t *pfns)
{
	for (uint32_t i = 0; i < n; i++)
		if (qi_region_of_page(&q->space, pfns[i])->addr != NULL)
			qp_aid_allocated(q->aids, qi_page_of(&q->space, pfns[i]),
					 (size_t)qi_page_bytes(q) << order,
					 (size_t)qi_page_bytes(q));
}

void qi_hand_out(struct quire *q, const struct qi_request *request, uint32_t n,
		 const uint32_t *pfns, uint32_t from_stash)
{
	mark_held(q, request->order, n, pfns);
	for (uint32_t i = n - from_stash; i < n && qi_checked(q); i++)
		qi_state_set(q->space.state, pfns[i], QI_STATE_HELD | QI_STATE_FROM_STASH);
	if (qp_unlikely(q->aids != 0))
		show_aids(q, request->order, n, pfns);
	for (uint32_t i = 0; i < n && (request->gfp & QUIRE_ZERO) != 0; i++)
		memset(qi_page_of(&q->space, pfns[i]), 0,
		       (size_t)qi_page_bytes(q) << request->order);
}
