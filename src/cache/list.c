/* SPDX-License-Identifier: MIT */
#include "cache/list.h"

const struct qp_list qi_closed_list = { .header = QP_CLOSED };

size_t qi_list_bytes(uint32_t capacity)
{
	size_t bytes = sizeof(struct qp_list) + (capacity + QP_LIST_SLACK) * sizeof(uint32_t);

	/* Two CPUs never share a line; nor a pair of lines, as the machine fetches them by two. */
	return (bytes + 2 * QP_CACHE_LINE - 1) & ~(size_t)(2 * QP_CACHE_LINE - 1);
}

void qi_list_init(struct qp_list *list, uint32_t capacity)
{
	memset(list, 0, sizeof(*list));
	list->capacity = capacity;
	atomic_store_explicit(&list->header, QP_CLOSED, memory_order_relaxed);
}

void qi_list_open(struct qp_list *list, const struct qi_limits *limits)
{
	uint32_t high = limits->high < list->capacity ? limits->high : list->capacity;

	atomic_store_explicit(&list->high, high, memory_order_relaxed);
	atomic_store_explicit(&list->low, limits->low, memory_order_relaxed);
	qi_list_commit(list, qi_header(list) & ~QP_CLOSED);
}

void qi_list_close(struct qp_list *list)
{
	qi_list_commit(list, qi_header(list) | QP_CLOSED);
}

/*
 * Acquire: the slots that the last commit speaks of. Release: who finds it closed finds the list that
 * is live now.
 */
void qi_list_close_shared(struct qp_list *list)
{
	atomic_fetch_or_explicit(&list->header, QP_CLOSED, memory_order_acq_rel);
}

void qi_list_reopen(struct qp_list *list)
{
	qi_list_commit(list, qi_header(list) & ~QP_CLOSED);
}

uint32_t qi_list_pop_locked(struct qp_list *list, uint32_t keep, uint32_t want, uint32_t *pfns)
{
	uint64_t header = qi_header(list);
	uint32_t count = qi_header_count(header);
	uint32_t n;

	if (count <= keep)
		return 0;
	n = want < count - keep ? want : count - keep;
	qi_copy_slots(pfns, &list->slots[count - n], n);
	qi_list_commit(list, header + n * QP_POPPED_ONE);
	return n;
}

bool qi_list_push_locked(struct qp_list *list, uint32_t n, const uint32_t *pfns)
{
	uint64_t header = qi_header(list);
	uint32_t count = qi_header_count(header);

	if (count + n > qi_list_high(list))
		return false;
	qi_copy_slots(&list->slots[count], pfns, n);
	qi_list_commit(list, header + n * QP_PUSHED_ONE);
	return true;
}
