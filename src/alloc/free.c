/* SPDX-License-Identifier: MIT */
/* Frees of one page or block. */
#include "alloc/ready_one.h"
#include "alloc/release.h"

void qi_release_block(struct quire *q, uint32_t pfn, unsigned int order)
{
	if (q->aids != 0 && qi_region_of_page(&q->space, pfn)->addr != NULL)
		qp_aid_freed(q->aids, qi_page_of(&q->space, pfn), (size_t)qi_page_bytes(q) << order,
			     (size_t)qi_page_bytes(q));
	if (order == 0) {
		qi_front_give(&q->front, 1, &pfn);
		return;
	}
	atomic_fetch_sub_explicit(&q->nr_high, 1, memory_order_relaxed);
	qi_front_give_block(&q->front, pfn, order);
}

int qi_release_other(struct quire *q, const char *call, uint32_t pfn, uint64_t address)
{
	uint8_t state = qi_state_get(q->space.state, pfn);

	if (!qi_state_is_held(state) ||
	    !qi_state_exchange(q->space.state, pfn, state, QI_STATE_FREE))
		return qi_refuse_free(q, call, pfn, address);
	qi_release_block(q, pfn, qi_state_order(state));
	return 0;
}

/*
 * A page of order 0 into the CPU's list, the most frequent case. false: nothing has been done.
 */
static inline bool release_ready(struct quire *q, uint32_t pfn)
{
	if (qp_unlikely(!q->front.ready_give || !qi_accept_page(q, pfn)))
		return false;
	if (qp_unlikely(!qi_front_give_one(&q->front, pfn)))
		qi_front_give(&q->front, 1, &pfn);
	return true;
}

int qi_release(struct quire *q, const char *call, uint32_t pfn, uint64_t address)
{
	if (qp_unlikely(!qi_pfn_known(&q->space, pfn)))
		return qi_refuse_free(q, call, pfn, address);
	if (qp_likely(release_ready(q, pfn)))
		return 0;
	if (qp_unlikely(!qi_accept_page(q, pfn)))
		return qi_release_other(q, call, pfn, address);
	qi_release_block(q, pfn, 0);
	return 0;
}

QI_LONG_WAY int free_page(struct quire *q, const char *call, void *address, bool round)
{
	int error;
	uint32_t pfn;

	if (qp_unlikely(!qi_alive(q)))
		return qi_refuse_dead(q, call);
	pfn = qi_page_at(q, call, address, round, &error);
	if (qp_unlikely(pfn == QI_NO_PFN))
		return error;
	return qi_release(q, call, pfn, (uint64_t)(uintptr_t)address);
}

/* Free by state, but its CPU's list did not take it. */
QI_LONG_WAY int give_left(struct quire *q, uint32_t pfn, uint32_t why)
{
	if (qi_front_give_one_shared(&q->front, why, pfn))
		return 0;
	qi_front_left(&q->front, why);
	qi_front_give(&q->front, 1, &pfn);
	return 0;
}

QI_LONG_WAY int free_exactly(struct quire *q, void *page)
{
	return free_page(q, "quire_free", page, false);
}

int quire_free(struct quire *q, void *page)
{
	uint64_t word = qi_ready_word(&q->ready.give_page);
	uint32_t given = QP_STRANGER;
	uint64_t pfn = 0;

	if (qp_likely(qi_ready_known(word))) {
		pfn = qi_word_pages(word, (uintptr_t)page - q->ready.page_0);
		given = qi_ready_give(q, word, pfn);
	}
	if (qp_unlikely(given == QP_STRANGER))
		return free_exactly(q, page);
	return qp_likely(given < QP_LEFT) ? 0 : give_left(q, (uint32_t)pfn, given);
}

int quire_free_round(struct quire *q, void *address)
{
	return free_page(q, "quire_free_round", address, true);
}

QI_LONG_WAY int free_pfn_long(struct quire *q, uint32_t pfn)
{
	if (qp_unlikely(!qi_alive(q)))
		return qi_refuse_dead(q, "quire_free_pfn");
	if (qp_unlikely(pfn == QUIRE_NO_PFN))
		return 0;
	return qi_release(q, "quire_free_pfn", pfn, pfn);
}

int quire_free_pfn(struct quire *q, uint32_t pfn)
{
	uint64_t word = qi_ready_word(&q->ready.give_other);
	uint32_t given = qi_ready_known(word) ? qi_ready_give(q, word, pfn) : QP_STRANGER;

	if (qp_unlikely(given == QP_STRANGER))
		return free_pfn_long(q, pfn);
	return qp_likely(given < QP_LEFT) ? 0 : give_left(q, pfn, given);
}

const struct qi_region *qi_free_region(const struct quire *q, const char *call,
				       struct quire_region handle, int *error)
{
	const struct qi_region *region = NULL;

	*error = 0;
	if (!qi_alive(q)) {
		*error = qi_refuse_dead(q, call);
		return NULL;
	}
	region = qi_space_region(&q->space, handle.id);
	if (region == NULL)
		*error = qi_refuse_free_region(q, call, handle);
	return region;
}

static int free_offset(struct quire *q, const char *call, struct quire_region handle,
		       uint64_t offset, bool round)
{
	int error;
	const struct qi_region *region = qi_free_region(q, call, handle, &error);
	uint32_t pfn;

	if (qp_unlikely(region == NULL))
		return error;
	pfn = qi_offset_at(q, call, region, offset, round, &error);
	if (qp_unlikely(pfn == QI_NO_PFN))
		return error;
	return qi_release(q, call, pfn, offset);
}

QI_LONG_WAY int free_offset_exactly(struct quire *q, struct quire_region handle, uint64_t offset)
{
	return free_offset(q, "quire_free_offset", handle, offset, false);
}

int quire_free_offset(struct quire *q, struct quire_region handle, uint64_t offset)
{
	uint64_t word = qi_ready_word(&q->ready.give_other);
	uint32_t given = QP_STRANGER;
	uint64_t pfn = 0;

	if (qp_likely(handle.id == 1 && qi_ready_known(word))) {
		pfn = qi_word_pages(word, offset) + q->ready.first_pfn;
		given = qi_ready_give(q, word, pfn);
	}
	if (qp_unlikely(given == QP_STRANGER))
		return free_offset_exactly(q, handle, offset);
	return qp_likely(given < QP_LEFT) ? 0 : give_left(q, (uint32_t)pfn, given);
}

int quire_free_offset_round(struct quire *q, struct quire_region handle, uint64_t offset)
{
	return free_offset(q, "quire_free_offset_round", handle, offset, true);
}
