/* SPDX-License-Identifier: MIT */
/*
 * The timed loops. A seat is what one thread needs to allocate and free batches; nothing in it is
 * shared, but for the slots of two that pass batches on. Each loop is compiled once for every form
 * and kind of call, so a timed section holds the calls, their results' stores and one comparison,
 * and no decision.
 *
 * loops.c gives Quire's operations and a peer's program gives the peer's; the loops over them are
 * in loops_body.h for both. What stands here is all that the rest of a measurement knows of an
 * allocator.
 */
#ifndef TOOL_LOOPS_H
#define TOOL_LOOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <quire/types.h>

#include "../rng.h"
#include "bench.h"
#include "ring.h"

#define INLINED static inline __attribute__((always_inline))

struct quire;
struct cell;

struct seat {
	struct quire *q;
	struct quire_region region;
	void *pool; /* a peer's allocator, which has no q and no region */
	enum form form;
	enum calls calls;
	enum pattern pattern;
	unsigned int order;
	size_t batch;
	size_t nr_slots;
	union {
		void *any;
		void **pages;
		uint32_t *pfns;
		uint64_t *offsets;
	} slots; /* as many as nr_slots, in the seat's form */
	struct rng rng;
};

/* Time of allocating and of freeing in ticks(); each section holds one reading of the clock too. */
struct split {
	uint64_t alloc_ticks;
	uint64_t free_ticks;
	uint64_t nr_sections; /* of each of the two */
};

/* What an allocator wants to be told of threads: at the begin and the end of each that has a seat. */
void loops_thread_begin(void);
void loops_thread_end(void);

/* A seat without slots for one thread of a cell; pages that the cell's allocator manages. */
struct seat seat_make(const struct cell *cell, unsigned int thread);
uint64_t seat_nr_managed(const struct cell *cell);

/* Of one slot in the seat's form. */
size_t seat_slot_bytes(const struct seat *seat);

/*
 * seat_end() ends what seat_begin() began. The slots are touched, so that no timed loop does it
 * first.
 */
void seat_begin(struct seat *seat, size_t nr_slots);
void seat_end(struct seat *seat);

/*
 * Allocate a batch, free it, repetitions times. False if memory ran short; what was got is freed.
 */
bool loops_pairs(struct seat *seat, size_t repetitions);

/* The same with the clock read between the two, and frees in the seat's pattern. */
bool loops_split(struct seat *seat, size_t repetitions, struct split *split);

/*
 * The other way round: the slots are a pool of held pages; free a batch of random ones of them,
 * allocate as many. False if memory ran short: the pool has shrunk then, to seat->nr_slots.
 */
bool loops_churn(struct seat *seat, size_t repetitions, struct split *split);

/*
 * One thread allocates batches and passes them through the ring, the other takes them out and frees
 * them; the slots of both seats are the ring's. With a split, the calls are timed and the waiting
 * is not. False if memory ran short, in both.
 */
bool loops_produce(struct seat *seat, struct ring *ring, size_t repetitions, struct split *split);
bool loops_consume(struct seat *seat, struct ring *ring, size_t repetitions, struct split *split);

/* Fill slots 0 to n - 1, batch by batch; returns how many came. Free slots 0 to n - 1 as well. */
size_t loops_take(struct seat *seat, size_t n);
size_t loops_give(struct seat *seat, size_t n);

/* Put slots 0 to n - 1 into random order. */
void loops_shuffle(struct seat *seat, size_t n);

#endif /* TOOL_LOOPS_H */
