/* SPDX-License-Identifier: MIT */
/*
 * Two clocks. now_ns() is the system's monotonic one, right over any stretch, about 20 ns a read.
 * ticks() is the processor's counter, ordered against the work around it and cheap enough to stand
 * between two calls; what a tick lasts is found by holding it against the other.
 */
#ifndef TOOL_CLOCK_H
#define TOOL_CLOCK_H

#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline uint64_t ticks(void)
{
#if defined(__x86_64__)
	_mm_lfence();
	return __rdtsc();
#elif defined(__aarch64__)
	uint64_t count;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count)::"memory");
	return count;
#else
	return now_ns();
#endif
}

/* Nanoseconds of a tick, found once, which takes a few milliseconds. */
double ticks_ns(void);

/* What one call of ticks() adds to a stretch that it closes, in ticks. */
double ticks_cost(void);

#endif /* TOOL_CLOCK_H */
