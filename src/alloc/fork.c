/* SPDX-License-Identifier: MIT */
/*
 * fork: before it, every lock of the instance is taken in the lock order, so that the child's copy
 * is of a quiet moment. In the child an instance is dead, as its metadata may be shared with the
 * parent, and is not touched; one made to be inherited gets its locks back and a new owner.
 */
#include "alloc/instance.h"

static struct quire *instance_of(struct qp_fork_link *link)
{
	return (struct quire *)(void *)((char *)link - offsetof(struct quire, fork_link));
}

static void before(struct qp_fork_link *link)
{
	struct quire *q = instance_of(link);

	if (!qi_alive(q))
		return;
	qp_lock(&q->region_lock);
	/* The child's copy has no pages in its hand. */
	qp_ticker_hold(&q->ticker);
	qi_front_hold(&q->front);
	for (uint32_t zone = 0; zone < q->space.nr_zones; zone++)
		qp_lock(&q->space.zones[zone].lock);
	qi_depot_hold(q->front.depot);
}

static void unlock_all(struct quire *q)
{
	qi_depot_let_go(q->front.depot);
	for (uint32_t zone = q->space.nr_zones; zone > 0; zone--)
		qi_zone_release(&q->space, &q->space.zones[zone - 1]);
	qi_front_let_go(&q->front);
	qp_unlock(&q->region_lock);
}

static void renew(const struct qi_ready *ready, _Atomic uint64_t *word)
{
	uint64_t old = qi_ready_word(word);

	if (old != 0)
		old = qi_ready_make_word(ready, qi_word_checked(old),
					 (uint32_t)qi_ready_bound(old));
	atomic_store_explicit(word, old, memory_order_relaxed);
}

static void change_owner(struct qi_ready *ready)
{
	ready->owner = qp_process();
	renew(ready, &ready->take_page);
	renew(ready, &ready->take_pfn);
	renew(ready, &ready->take_offset);
	renew(ready, &ready->give_page);
	renew(ready, &ready->give_other);
}

/* A process number later, "alive" means what it meant before the fork only in the parent. */
static bool after(struct qp_fork_link *link, bool child)
{
	struct quire *q = instance_of(link);

	if (!child) {
		if (qi_alive(q)) {
			qp_ticker_let_go(&q->ticker);
			unlock_all(q);
		}
		return true;
	}
	if ((q->flags & QUIRE_CONFIG_INHERIT) == 0 ||
	    q->ready.owner != qp_process() - QP_PROCESS_STEP)
		return false;
	change_owner(&q->ready);
	qp_ticker_forget(&q->ticker);
	unlock_all(q);
	qi_recover(q);
	return true;
}

void qi_fork_link_init(struct quire *q)
{
	q->fork_link.before = before;
	q->fork_link.after = after;
}
