/* SPDX-License-Identifier: MIT */
#include "stress.h"

#include <stdlib.h>
#include <string.h>

bool stress_init(struct stress *s, struct quire *q)
{
	struct quire_info info = { .size = sizeof(info) };

	memset(s, 0, sizeof(*s));
	if (quire_info_get(q, &info) != 0)
		return false;
	s->q = q;
	s->nr_pfns = (uint32_t)info.nr_pfns;
	s->owner = calloc(s->nr_pfns, sizeof(*s->owner));
	s->order = calloc(s->nr_pfns, sizeof(*s->order));
	for (uint32_t i = 0; i < STRESS_RING; i++)
		atomic_store(&s->ring[i], QUIRE_NO_PFN);
	return s->owner && s->order;
}

void stress_end(struct stress *s)
{
	free(s->owner);
	free(s->order);
}

static uint64_t tag(uint32_t who, uint32_t pfn)
{
	return ((uint64_t)who << 32 | pfn) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Both ends of a page. */
static void write_tag(const struct stress *s, uint32_t who, uint32_t pfn)
{
	uint64_t *page = quire_pfn_to_page(s->q, pfn);

	if (page)
		page[0] = page[511] = tag(who, pfn);
}

static bool has_tag(const struct stress *s, uint32_t who, uint32_t pfn)
{
	const uint64_t *page = quire_pfn_to_page(s->q, pfn);

	return !page || (page[0] == tag(who, pfn) && page[511] == tag(who, pfn));
}

void stress_take(struct stress *s, uint32_t who, uint32_t pfn, unsigned int order)
{
	if (pfn >= s->nr_pfns || (pfn & ((1u << order) - 1)) != 0) {
		atomic_fetch_add(&s->nonsense, 1);
		return;
	}
	for (uint32_t i = 0; i < 1u << order; i++) {
		uint32_t nobody = 0;

		if (!atomic_compare_exchange_strong_explicit(&s->owner[pfn + i], &nobody, who,
							     memory_order_relaxed,
							     memory_order_relaxed))
			atomic_fetch_add(&s->doubled, 1);
		write_tag(s, who, pfn + i);
	}
	atomic_store_explicit(&s->order[pfn], (uint8_t)order, memory_order_relaxed);
}

unsigned int stress_give(struct stress *s, uint32_t pfn)
{
	unsigned int order = atomic_load_explicit(&s->order[pfn], memory_order_relaxed);

	for (uint32_t i = 0; i < 1u << order; i++) {
		uint32_t who = atomic_load_explicit(&s->owner[pfn + i], memory_order_relaxed);

		if (who == 0 || !has_tag(s, who, pfn + i))
			atomic_fetch_add(&s->damaged, 1);
		if (!atomic_compare_exchange_strong_explicit(&s->owner[pfn + i], &who, 0,
							     memory_order_relaxed,
							     memory_order_relaxed))
			atomic_fetch_add(&s->doubled, 1);
	}
	return order;
}

void stress_free(struct stress *s, uint32_t pfn)
{
	stress_give(s, pfn);
	if (quire_free_pfn(s->q, pfn) != 0)
		atomic_fetch_add(&s->refused, 1);
}

void stress_free_bulk(struct stress *s, size_t n, const uint32_t *pfns)
{
	for (size_t i = 0; i < n; i++)
		stress_give(s, pfns[i]);
	if (quire_free_bulk_pfn(s->q, n, pfns) != n)
		atomic_fetch_add(&s->refused, 1);
}

static void allocate_in_handler(struct stress *s, uint32_t who, struct stress_handler *h)
{
	quire_gfp gfp = qt_random_one_in(&h->random, 2) ? QUIRE_ATOMIC : QUIRE_NOWAIT;
	unsigned int order = qt_random_one_in(&h->random, 8) ? qt_random_below(&h->random, 4) : 0;
	uint32_t room = STRESS_HANDLER_HELD - h->nr_held;
	uint32_t *slots = &h->held[h->nr_held];
	size_t n;

	n = quire_alloc_bulk_pfn(s->q, gfp, order, 1 + qt_random_below(&h->random, room), slots);
	for (size_t i = 0; i < n; i++)
		stress_take(s, who, slots[i], order);
	h->nr_held += (uint32_t)n;
}

void stress_interrupt(struct stress *s, uint32_t who, struct stress_handler *h)
{
	if (h->nr_held < STRESS_HANDLER_HELD)
		allocate_in_handler(s, who, h);
	if (qt_random_one_in(&h->random, 2) && h->nr_held > 0) {
		stress_free_bulk(s, h->nr_held, h->held);
		h->nr_held = 0;
	} else if (h->nr_held > 0) {
		stress_free(s, h->held[--h->nr_held]);
	}
}

uint32_t stress_split(struct stress *s, uint32_t pfn)
{
	uint32_t n = 1u << atomic_load_explicit(&s->order[pfn], memory_order_relaxed);

	if (quire_split_pfn(s->q, pfn) != 0)
		atomic_fetch_add(&s->refused, 1);
	for (uint32_t i = 0; i < n; i++)
		atomic_store_explicit(&s->order[pfn + i], 0, memory_order_relaxed);
	return n;
}

void stress_reserve(struct stress *s, uint32_t who, uint32_t pfn, uint32_t n)
{
	if (quire_reserve(s->q, pfn, n) != 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		stress_take(s, who, pfn + i, 0);
	for (uint32_t i = 0; i < n; i++)
		stress_give(s, pfn + i);
	if (quire_unreserve(s->q, pfn, n) != 0)
		atomic_fetch_add(&s->refused, 1);
	atomic_fetch_add(&s->reserved, 1);
}

uint32_t stress_exchange(struct stress *s, uint32_t place, uint32_t pfn)
{
	return atomic_exchange_explicit(&s->ring[place % STRESS_RING], pfn, memory_order_acq_rel);
}
