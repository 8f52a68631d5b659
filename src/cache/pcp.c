/* SPDX-License-Identifier: MIT */
#include "cache/pcp.h"

/* Sequentially consistent, for the watch over what moves (alloc/watch.c). */
uint64_t qi_pcp_pushes(const struct qi_pcp *pcp)
{
	uint64_t pushes = 0;

	for (unsigned int i = 0; i < 2 && pcp->lists[i] != NULL; i++)
		pushes += qi_header_pushes(atomic_load(&pcp->lists[i]->header));
	return pushes;
}

uint64_t qi_pcp_pops(const struct qi_pcp *pcp)
{
	uint64_t pops = 0;

	for (unsigned int i = 0; i < 2 && pcp->lists[i] != NULL; i++)
		pops += qi_header_pops(qi_header(pcp->lists[i]));
	return pops;
}

uint64_t qi_pcp_uses(const struct qi_pcp *pcp)
{
	uint64_t ops = 0;

	for (unsigned int i = 0; i < 2 && pcp->lists[i] != NULL; i++)
		ops += qi_header(pcp->lists[i]) >> QP_OPS_SHIFT;
	return ops - qi_count_get(&pcp->nr_drained);
}

void qi_pcp_lock(struct qi_pcp *pcp)
{
	if (QI_DEBUG && qp_self() != 0 &&
	    atomic_load_explicit(&pcp->owner, memory_order_relaxed) == qp_self())
		qp_panic(
			"a thread waits for a list that it is using: was a call that may wait made in "
			"a signal handler?");
	for (unsigned int attempt = 0; !qi_pcp_try(pcp); attempt++)
		qp_yield(attempt);
}
