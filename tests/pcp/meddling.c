/* SPDX-License-Identifier: MIT */
#include "meddling.h"

static bool refused(void)
{
	return fencing.fence == FENCE_REFUSES || fencing.fence == FENCE_REFUSES_LATE;
}

const char *drain(struct world *w)
{
	uint32_t listed = qi_pcp_count(world_pcp(w));
	bool fenced = !qi_pcp_isolated(world_pcp(w));
	size_t moved = quire_drain(w->q, 0, 0);

	if (fenced && refused())
		return moved == 0 ? NULL : "a drain without its fence has moved pages";
	if (fenced && (fencing.fence == FENCE_PASSES || fencing.fence == FENCE_SLOW))
		return NULL;
	return moved == listed ? NULL : "the drain has left pages in the list";
}

const char *claim(struct world *w)
{
	while (!atomic_load(&w->fell_short))
		world_take(w, &w->others, 64, 0);
	return qi_pcp_count(world_pcp(w)) == 0 ? NULL : "a request failed while a list had pages";
}

const char *divert(struct world *w)
{
	bool fenced = !qi_pcp_isolated(world_pcp(w));
	bool closed = qi_front_divert(&w->q->front, 0);

	if (fenced && refused())
		return closed ? "lists were closed without a fence" : NULL;
	return closed ? NULL : "the lists were not closed";
}

const char *undivert(struct world *w)
{
	bool empty = qi_pcp_count(world_pcp(w)) == 0;

	qi_front_undivert(&w->q->front, 0);
	return empty ? NULL : "closed lists are not empty";
}

const char *divert_and_back(struct world *w)
{
	const char *why = divert(w);

	return why != NULL ? why : undivert(w);
}

const char *work(struct world *w)
{
	stepping_interrupt();
	stepper_set_cpu(0);
	world_take(w, &w->others, 3, 0);
	world_take(w, &w->others, 1, 0);
	world_give(w, &w->others, 1);
	world_give(w, &w->others, 2);
	stepper_set_cpu(1);
	return NULL;
}

const char *drain_twice(struct world *w)
{
	const char *why = drain(w);

	(void)work(w);
	return why != NULL ? why : drain(w);
}
