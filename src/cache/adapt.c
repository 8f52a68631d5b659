/* SPDX-License-Identifier: MIT */
/*
 * How long lists are, and how much a refill fetches. All of it hints: written by whoever comes by,
 * bounded at every step, so a lost update costs no more than a refill.
 *
 * The bounds may be changed meanwhile (qi_front_limit()), which writes them first and each list's
 * high after that. Whoever adapts high by an exchange either comes before that write, which then
 * stands, or sees it, and so the new bounds as well, and keeps high within them.
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
	uint32_t batch = qi_adapt_batch(adapt);

	set(&pcp->refill, batch / 2); /* the first one doubles, too */
	set(&pcp->overflow, batch / 2);
	set(&pcp->turn, QI_TURN_NONE);
}

static uint32_t within(const struct qi_adapt *adapt, uint32_t high)
{
	uint32_t base = get(&adapt->base);
	uint32_t most = qi_adapt_most(adapt);

	if (high < base)
		high = base;
	return high < most ? high : most;
}

/* Acquire, for the release in qi_front_limit(). */
static void change_high(struct qp_list *list, const struct qi_adapt *adapt, uint32_t old,
			uint32_t high)
{
	high = within(adapt, high);
	while (high != old && atomic_compare_exchange_strong_explicit(&list->high, &old, high,
								      memory_order_acq_rel,
								      memory_order_relaxed)) {
		old = high;
		high = within(adapt, high);
	}
}

static void double_high(struct qp_list *list, const struct qi_adapt *adapt)
{
	uint32_t high = qi_list_high(list);

	change_high(list, adapt, high, 2 * high);
}

static void decay_high(struct qp_list *list, const struct qi_adapt *adapt)
{
	uint32_t high = qi_list_high(list);
	uint32_t base = get(&adapt->base);

	if (high > base)
		change_high(list, adapt, high, high - (high - base + DECAY - 1) / DECAY);
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
	uint32_t batch = qi_adapt_batch(adapt);

	if (turned(pcp, QI_TURN_REFILL))
		double_high(list, adapt);
	if (most > QI_MOST_REFILL * batch)
		most = QI_MOST_REFILL * batch;
	refill = pushed ? refill / 2 : 2 * refill;
	if (refill > most)
		refill = most;
	if (refill < batch)
		refill = batch;
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
	uint32_t batch = qi_adapt_batch(adapt);
	uint32_t most = QI_MOST_OVERFLOW * batch;
	uint32_t hint = get(&pcp->overflow);

	if (turned(pcp, QI_TURN_OVERFLOW)) {
		double_high(qi_pcp_live(pcp), adapt);
		hint = batch;
	} else if (hint < most) {
		hint *= 2;
	} else {
		decay_high(qi_pcp_live(pcp), adapt);
		hint += hint < 2 * most ? batch : 0;
	}
	set(&pcp->overflow, hint > batch ? hint : batch);
	return hint >= 2 * most;
}

uint32_t qi_pcp_overflow_amount(const struct qi_pcp *pcp, const struct qi_adapt *adapt)
{
	uint32_t most = QI_MOST_OVERFLOW * qi_adapt_batch(adapt);
	uint32_t hint = get(&pcp->overflow);

	return hint < most ? hint : most;
}
