/* SPDX-License-Identifier: MIT */
/*
 * Pages that know their owner. Whoever takes a block claims each of its pages in a side array, and
 * writes into those that are mapped; whoever gives it back finds all that as it was. A page handed
 * out twice fails the claim, one that somebody else wrote into fails the check. Safe in a signal
 * handler.
 */
#ifndef QT_STRESS_H
#define QT_STRESS_H

#include "random.h"

#include <quire/quire.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STRESS_RING 256u
#define STRESS_HANDLER_HELD 8u

struct stress {
	struct quire *q;
	uint32_t nr_pfns;
	_Atomic uint32_t *owner; /* of each pfn; 0: nobody */
	_Atomic uint8_t *order; /* of each held block, at its first pfn */
	_Atomic uint32_t ring[STRESS_RING]; /* pages left for somebody else, or QUIRE_NO_PFN */
	atomic_uint reserved; /* ranges that were reserved and given back */
	/* what went wrong; asserted to be 0 by main */
	atomic_uint doubled;
	atomic_uint damaged;
	atomic_uint refused;
	atomic_uint nonsense;
};

/* What a signal handler holds from one run to the next; of its thread alone. */
struct stress_handler {
	struct qt_random random;
	uint32_t held[STRESS_HANDLER_HELD];
	uint32_t nr_held;
};

bool stress_init(struct stress *s, struct quire *q);
void stress_end(struct stress *s);

/* A block was handed out to who (not 0). */
void stress_take(struct stress *s, uint32_t who, uint32_t pfn, unsigned int order);
/* Check a held block and give up the claim: the caller frees it next. Returns its order. */
unsigned int stress_give(struct stress *s, uint32_t pfn);
/* That, and free it. */
void stress_free(struct stress *s, uint32_t pfn);
void stress_free_bulk(struct stress *s, size_t n, const uint32_t *pfns);
/* What a handler does, by calls that are safe there: take some blocks if it can, and free some. */
void stress_interrupt(struct stress *s, uint32_t who, struct stress_handler *h);
/* Turn a held block into pages; how many, each a block of its own from now on. */
uint32_t stress_split(struct stress *s, uint32_t pfn);
/* Take free pages out of play if they all are, and back: nobody may have them meanwhile. */
void stress_reserve(struct stress *s, uint32_t who, uint32_t pfn, uint32_t n);
/* Leave a page in the ring for whoever comes by, and take what was there (or QUIRE_NO_PFN). */
uint32_t stress_exchange(struct stress *s, uint32_t place, uint32_t pfn);

#endif /* QT_STRESS_H */
