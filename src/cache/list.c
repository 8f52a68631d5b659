/* SPDX-License-Identifier: MIT */
#include "cache/list.h"

void qi_list_lock(struct qi_list *list)
{
	if (QI_DEBUG && qp_self() != 0 &&
	    atomic_load_explicit(&list->owner, memory_order_relaxed) == qp_self())
		qp_panic(
			"a thread waits for a list that it is using: was a call that may wait made in "
			"a signal handler?");
	for (unsigned int attempt = 0; !qi_list_try(list); attempt++)
		qp_yield(attempt);
}

uint32_t qi_list_pop_locked(struct qi_list *list, uint32_t want, uint32_t *pfns)
{
	uint32_t count = qi_list_count(list);
	uint32_t n = want < count ? want : count;
	const uint32_t *top = &list->slots[count];

	for (uint32_t i = 0; i < n; i++)
		pfns[i] = *--top;
	atomic_store_explicit(&list->count, count - n, memory_order_relaxed);
	qi_count(&list->nr_pops, n);
	return n;
}

bool qi_list_push_locked(struct qi_list *list, uint32_t n, const uint32_t *pfns)
{
	uint32_t count = qi_list_count(list);
	uint32_t *bottom = &list->slots[count];

	if (n > list->high || count > list->high - n)
		return false;
	for (uint32_t i = n; i > 0; i--)
		*bottom++ = pfns[i - 1];
	atomic_store_explicit(&list->count, count + n, memory_order_relaxed);
	qi_count(&list->nr_pushes, n);
	return true;
}

uint32_t qi_list_pop(struct qi_list *list, uint32_t want, uint32_t *pfns)
{
	uint32_t n;

	if (qi_list_count(list) == 0)
		return 0;
	if (!qi_list_try(list)) {
		qi_count_shared(&list->nr_busy, 1);
		return 0;
	}
	n = qi_list_pop_locked(list, want, pfns);
	qi_list_release(list);
	return n;
}

enum qi_push qi_list_push(struct qi_list *list, uint32_t n, const uint32_t *pfns)
{
	bool pushed;

	if (!qi_list_try(list)) {
		qi_count_shared(&list->nr_busy, 1);
		return QI_PUSH_BUSY;
	}
	pushed = qi_list_push_locked(list, n, pfns);
	qi_list_release(list);
	return pushed ? QI_PUSHED : QI_PUSH_FULL;
}
