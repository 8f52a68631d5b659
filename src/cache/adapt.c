/* SPDX-License-Identifier: MIT */
/*
 * How long lists are, and how much a refill fetches. All of it hints: written by whoever comes by,
 * bounded at every step, so a lost update costs no more than a refill.
 */
#include "cache/pcp.h"

enum {
	DECAY = 32, /* of what high has above its base */
};

static uint32_t get(const _Atomic uint32_t *hint)
{
	return atomic_load_explicit((_Atomic uint32_t *)hint, memory_order_relaxed);
}

static void set(_Atomic uint32_t *hint, uint32_t value)
{
	atomic_store_explicit(hint, value, memory_order_relaxed);
}

void qi_pcp_reset(struct qi_pcp *pcp, const struct qi_adapt *adapt)
{
	set(&pcp->refill, adapt->batch / 2); /* the first one doubles, too */
	set(&pcp->overflow, adapt->batch / 2);
	set(&pcp->turn, QI_TURN_NONE);
}

static void double_high(struct qp_list *list)
{
	uint32_t high = 2 * qi_list_high(list);

	set(&list->high, high < list->capacity ? high : list->capacity);
}

static void decay_high(struct qp_list *list, uint32_t base)
{
	uint32_t high = qi_list_high(list);

	if (high > base)
		set(&list->high, high - (high - base + DECAY - 1) / DECAY);
}

/* Whether the last turn was another one. */
static bool turned(struct qi_pcp *pcp, enum qi_turn turn)
{
	uint32_t last = get(&pcp->turn);

	if (last != turn)
		set(&pcp->turn, turn);
	return last != turn && last != QI_TURN_NONE;
}

uint32_t qi_pcp_refill_begin(struct qi_pcp *pcp, const struct qi_adapt *adapt)
{
	bool pushed = qi_pcp_pushes(pcp) != qi_count_get(&pcp->pushes_seen);
	struct qp_list *list = qi_pcp_live(pcp);
	uint32_t refill = get(&pcp->refill);
	uint32_t most = qi_list_high(list) / 2;

	if (turned(pcp, QI_TURN_REFILL))
		double_high(list);
	if (most > QI_MOST_REFILL * adapt->batch)
		most = QI_MOST_REFILL * adapt->batch;
	refill = pushed ? refill / 2 : 2 * refill;
	if (refill > most)
		refill = most;
	if (refill < adapt->batch)
		refill = adapt->batch;
	set(&pcp->refill, refill);
	return refill;
}

void qi_pcp_refill_end(struct qi_pcp *pcp, uint32_t nr_pages)
{
	atomic_store_explicit(&pcp->pushes_seen, qi_pcp_pushes(pcp), memory_order_relaxed);
	qi_count_shared(&pcp->nr_refills, 1);
	qi_count_shared(&pcp->nr_refill_pages, nr_pages);
}

/* The hint goes on to grow beyond the most that is moved, to tell how often that was. */
bool qi_pcp_overflow_begin(struct qi_pcp *pcp, const struct qi_adapt *adapt)
{
	uint32_t most = QI_MOST_OVERFLOW * adapt->batch;
	uint32_t hint = get(&pcp->overflow);

	if (turned(pcp, QI_TURN_OVERFLOW)) {
		double_high(qi_pcp_live(pcp));
		hint = adapt->batch;
	} else if (hint < most) {
		hint *= 2;
	} else {
		decay_high(qi_pcp_live(pcp), adapt->base);
		hint += hint < 2 * most ? adapt->batch : 0;
	}
	set(&pcp->overflow, hint > adapt->batch ? hint : adapt->batch);
	return hint >= 2 * most;
}

uint32_t qi_pcp_overflow_amount(const struct qi_pcp *pcp, const struct qi_adapt *adapt)
{
	uint32_t most = QI_MOST_OVERFLOW * adapt->batch;
	uint32_t hint = get(&pcp->overflow);

	return hint < most ? hint : most;
}
