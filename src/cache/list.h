/* SPDX-License-Identifier: MIT */
/*
 * One list of free pages, worked on by whoever has it to himself: under the lock of `locked`, or, for
 * `pcp`, where sections cannot be, in an idle list. The same steps as the sections, in C.
 *
 * A batch is taken from the top in the order in which it lies there, so a batch pushed ascending
 * comes out ascending.
 */
#ifndef QI_CACHE_LIST_H
#define QI_CACHE_LIST_H

#include "core/zone.h"

_Static_assert((int)QI_SCRATCH == (int)QP_BATCH_MAX, "a section moves one scratch");

/*
 * Copy pfns from or to slots that threads share by turns. Never a call of the library's memcpy(),
 * which a race detector in the user's program would see without seeing what orders the turns.
 */
static inline void qi_copy_slots(uint32_t *restrict to, const uint32_t *restrict from, uint32_t n)
{
	enum { WIDE = 16 };
	uint32_t i = 0;

	for (; n - i >= WIDE; i += WIDE)
		__builtin_memcpy(to + i, from + i, WIDE * sizeof(*to));
	for (; i < n; i++) {
		to[i] = from[i];
		__asm__("" : "+r"(i)); /* or the compiler would make a call of this loop */
	}
}

/* Limits of a list as they are opened. */
struct qi_limits {
	uint32_t high;
	uint32_t low;
};

static inline uint64_t qi_header(const struct qp_list *list)
{
	return atomic_load_explicit((_Atomic uint64_t *)&list->header, memory_order_relaxed);
}

static inline uint32_t qi_header_count(uint64_t header)
{
	return (uint32_t)(header & QP_COUNT_MASK);
}

/* Both modulo 2^46, as ops wraps. */
static inline uint64_t qi_header_pushes(uint64_t header)
{
	uint64_t ops = header >> QP_OPS_SHIFT;

	return ((ops + qi_header_count(header)) & (UINT64_MAX >> QP_OPS_SHIFT)) / 2;
}

static inline uint64_t qi_header_pops(uint64_t header)
{
	uint64_t ops = header >> QP_OPS_SHIFT;

	return ((ops - qi_header_count(header)) & (UINT64_MAX >> QP_OPS_SHIFT)) / 2;
}

static inline uint32_t qi_list_high(const struct qp_list *list)
{
	return atomic_load_explicit((_Atomic uint32_t *)&list->high, memory_order_relaxed);
}

static inline uint32_t qi_list_low(const struct qp_list *list)
{
	return atomic_load_explicit((_Atomic uint32_t *)&list->low, memory_order_relaxed);
}

/*
 * Release, as for a section's commit: whoever sees the count sees the slots.
 */
static inline void qi_list_commit(struct qp_list *list, uint64_t header)
{
	atomic_store_explicit(&list->header, header, memory_order_release);
}

/* Top page above the low mark, or QI_NO_PFN. */
static inline uint32_t qi_list_pop_one_locked(struct qp_list *list)
{
	uint64_t header = qi_header(list);
	uint32_t count = qi_header_count(header);
	uint32_t pfn;

	if (qp_unlikely(count <= qi_list_low(list)))
		return QI_NO_PFN;
	pfn = list->slots[count - 1];
	qi_list_commit(list, header + QP_POPPED_ONE);
	return pfn;
}

static inline bool qi_list_push_one_locked(struct qp_list *list, uint32_t pfn)
{
	uint64_t header = qi_header(list);
	uint32_t count = qi_header_count(header);

	if (qp_unlikely(count >= qi_list_high(list)))
		return false;
	list->slots[count] = pfn;
	qi_list_commit(list, header + QP_PUSHED_ONE);
	return true;
}

/*
 * What lp of a CPU names while its lists are closed: of no CPU, with no slots, never written.
 */
extern const struct qp_list qi_closed_list;

/* Bytes of a list with that many slots. */
size_t qi_list_bytes(uint32_t capacity);
/* An empty list, closed. */
void qi_list_init(struct qp_list *list, uint32_t capacity);
/* From idle to live, and back. It is empty. */
void qi_list_open(struct qp_list *list, const struct qi_limits *limits);
void qi_list_close(struct qp_list *list);
/*
 * From live to idle while shared sections may be inside: from now on their commits fail, and what is
 * in it is the caller's. And back, with the limits that it had.
 */
void qi_list_close_shared(struct qp_list *list);
void qi_list_reopen(struct qp_list *list);

/* Up to want pages while more than keep are left; how many. */
uint32_t qi_list_pop_locked(struct qp_list *list, uint32_t keep, uint32_t want, uint32_t *pfns);
/* All n pages, or none if they do not fit below high. */
bool qi_list_push_locked(struct qp_list *list, uint32_t n, const uint32_t *pfns);

#endif /* QI_CACHE_LIST_H */
