/* SPDX-License-Identifier: MIT */
/*
 * A ring between one thread that fills places and one that empties them. A place stands for a batch
 * of slots that both threads see; the ring itself holds two counters. Each side keeps what it last
 * saw of the other's counter and looks again only when that says "wait", so a ring that is neither
 * full nor empty costs a shared line now and then.
 */
#ifndef TOOL_RING_H
#define TOOL_RING_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two lines: processors fetch the neighbour too. */
enum { RING_LINES = 128, RING_PATIENCE = 10000 };

struct ring {
	_Alignas(RING_LINES) _Atomic uint64_t nr_put; /* written by the producer, release */
	uint64_t seen_taken; /* the producer's */
	_Alignas(RING_LINES) _Atomic uint64_t nr_taken; /* written by the consumer, release */
	uint64_t seen_put; /* the consumer's */
	_Alignas(RING_LINES) uint64_t nr_places; /* a power of two; never changes */
	_Atomic bool stopped; /* set by the producer: what is in the ring is all there will be */
};

static inline void ring_init(struct ring *ring, uint64_t nr_places)
{
	atomic_init(&ring->nr_put, 0);
	atomic_init(&ring->nr_taken, 0);
	atomic_init(&ring->stopped, false);
	ring->seen_taken = 0;
	ring->seen_put = 0;
	ring->nr_places = nr_places;
}

/* A turn of a waiting loop: the other side may need this very CPU. */
static inline void ring_wait(unsigned int *turns)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
	if (++*turns % RING_PATIENCE == 0)
		sched_yield();
}

/* The place to fill next, once it is empty. */
static inline size_t ring_place_to_fill(struct ring *ring)
{
	uint64_t put = atomic_load_explicit(&ring->nr_put, memory_order_relaxed);
	unsigned int turns = 0;

	while (put - ring->seen_taken >= ring->nr_places) {
		/* Pairs with ring_taken(): the place was read before it is written again. */
		ring->seen_taken = atomic_load_explicit(&ring->nr_taken, memory_order_acquire);
		if (put - ring->seen_taken >= ring->nr_places)
			ring_wait(&turns);
	}
	return (size_t)(put & (ring->nr_places - 1));
}

static inline void ring_put(struct ring *ring)
{
	uint64_t put = atomic_load_explicit(&ring->nr_put, memory_order_relaxed);

	atomic_store_explicit(&ring->nr_put, put + 1, memory_order_release);
}

static inline void ring_stop(struct ring *ring)
{
	atomic_store_explicit(&ring->stopped, true, memory_order_release);
}

/* The place to empty next, once it is full. False: the producer has stopped and all is taken. */
static inline bool ring_place_to_empty(struct ring *ring, size_t *place)
{
	uint64_t taken = atomic_load_explicit(&ring->nr_taken, memory_order_relaxed);
	unsigned int turns = 0;
	bool stopped;

	while (taken == ring->seen_put) {
		/* In this order: what was put before the stop is seen. Pairs with ring_stop(). */
		stopped = atomic_load_explicit(&ring->stopped, memory_order_acquire);
		/* Pairs with ring_put(): the place's slots are written. */
		ring->seen_put = atomic_load_explicit(&ring->nr_put, memory_order_acquire);
		if (taken != ring->seen_put)
			break;
		if (stopped)
			return false;
		ring_wait(&turns);
	}
	*place = (size_t)(taken & (ring->nr_places - 1));
	return true;
}

static inline void ring_taken(struct ring *ring)
{
	uint64_t taken = atomic_load_explicit(&ring->nr_taken, memory_order_relaxed);

	atomic_store_explicit(&ring->nr_taken, taken + 1, memory_order_release);
}

#endif /* TOOL_RING_H */
