/* SPDX-License-Identifier: MIT */
/*
 * What the machine gives: everything that Quire asks of the system it runs on. One folder per port
 * implements it; machine.h there holds what must be inline. Nothing above this layer calls the
 * system.
 *
 * Inline, from machine.h:
 *
 *	struct qp_lock			a lock; all zero bytes is unlocked
 *	bool qp_lock_try(l)		take it if nobody has it. Never waits; safe in a handler.
 *	bool qp_lock(l)			take it; true if somebody else had it. A port where holders can be
 *					preempted spins briefly and then sleeps. Not in a handler.
 *	void qp_unlock(l)
 *
 *	qp_lock_try() and qp_unlock() are sequentially consistent operations on the lock's word: a store
 *	before a failed try is seen by whoever unlocks later and then looks (core/deferred.c builds on it).
 *
 *	void qp_pause(void)		a moment's wait, tens of cycles, for a loop that tries again
 *	unsigned qp_cpu(void)		the CPU this thread runs on, or ran on just now; any number if unknown
 *
 * Inline, the first from machine.h, the others from sections.h of the processor (doc/sections.md):
 * restartable sections on the live list of the CPU that the thread runs on, for threads that are
 * known. pcps is the first of nr_cpus records (lists.h). A result from QP_LEFT on says why nothing
 * was done; the others are what was asked for. Safe in a handler.
 *
 *	qp_section_known(key)	whether this thread may use them, and is of the process whose key this
 *					is (lists.h); its number is one
 *	qp_pop_one(pcps, nr_cpus, &pfn)	1, and a page above the low mark
 *	qp_push_one(pcps, nr_cpus, pfn)	1. Both: else QP_ABORTED, or QP_SHORT for every other reason
 *	qp_pop_batch(pcps, nr_cpus, to_low, want, pfns)	1 to want (<= QP_BATCH_MAX) pages, above the low
 *					mark or, if not to_low, above none
 *	qp_push_batch(pcps, nr_cpus, n, pfns)	n: all of them
 *
 *	uintptr_t qp_self(void)		this thread, for assertions; 0: not known
 *	uint64_t qp_process(void)	number of this process: QP_PROCESS_STEP more in a forked child
 *	bool qp_in_handler(void)	between qp_handler_enter() and qp_handler_exit() in this thread
 */
#ifndef QI_PORT_H
#define QI_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QP_CACHE_LINE 64

/* Data that the fast paths read: found without the table of symbols that others may replace. */
#define QP_HIDDEN __attribute__((visibility("hidden")))

#define qp_likely(x) __builtin_expect(!!(x), 1)
#define qp_unlikely(x) __builtin_expect(!!(x), 0)

/*
 * Lock order, outermost first (doc/zone.md). A thread that waits for a lock holds only locks of
 * lower or equal rank; equal ones are taken by ascending index. Debug builds assert it.
 */
enum qp_rank {
	QP_RANK_REGIONS = 1,
	QP_RANK_PCP, /* the drain lock of a CPU */
	QP_RANK_ZONE,
	QP_RANK_DEPOT,
};

#include "lists.h"
#include "machine.h"
#include "sections.h"

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

/* CPUs that qp_cpu() may return: 0 to this - 1. At least 1; constant. */
unsigned int qp_nr_cpus(void);

/*
 * CPUs where some thread of this process may run now, as bits of bytes: those of wanted are told, the
 * others may be either way, so that a few threads asked are often enough. CPUs that are offline are
 * not. Threads of tickers are the library's, not the process's. All are set if nobody knows. Not in
 * a handler.
 */
void qp_cpus_allowed(const unsigned char *wanted, unsigned char *allowed, size_t bytes);

/* Let others run, those of lower priority too if attempt keeps growing (0, 1, 2 …). */
void qp_yield(unsigned int attempt);

/*
 * Zeroed memory for metadata, aligned to a cache line; NULL if there is none, or never any on this
 * port.
 */
void *qp_memory_map(size_t bytes);
void qp_memory_unmap(void *memory, size_t bytes);
/* Whether this port can map memory at all. */
bool qp_memory_offered(void);

/* The widest vectors that this machine has, of those that code is compiled for. */
enum qp_vectors {
	QP_VECTORS_PLAIN, /* what every machine of this kind has */
	QP_VECTORS_AVX2,
	QP_VECTORS_AVX512, /* F, BW, DQ and VL */
};

enum qp_vectors qp_vectors(void);

/* One line of diagnostics, without a newline, to wherever they go by default. Safe in a handler. */
void qp_report(const char *line, size_t length);

/* The instance is damaged by a bug of Quire itself: say so and end the program. */
_Noreturn void qp_panic(const char *why);

/*
 * Whether this process can use sections, and why or why not: a static string. The same answer each
 * time, unless the system's mind changes before the first yes.
 */
bool qp_sections_offered(const char **why);

/*
 * Make this thread known to sections. false: it will not be, as the kernel does not watch it. Safe
 * in a handler.
 */
bool qp_section_enter(void);

/*
 * The grace period: every section that ran on that CPU and began before the call has committed or
 * will do nothing. Stores before the call are seen by every section that begins after it. false: the
 * system refused, and nothing is known. Not in a handler.
 */
bool qp_fence_cpu(unsigned int cpu);

/*
 * A thread of the library's own (struct qp_ticker, in machine.h) that calls tick(context) each
 * period_ms, the first time after one, with all signals blocked, until it is stopped. name is for
 * those who look at threads, at most 15 bytes. Start, stop and runs: one caller at a time. false:
 * there is no thread to be had; where they are not offered there is never one.
 */
bool qp_tickers_offered(void);
bool qp_ticker_start(struct qp_ticker *ticker, const char *name, uint32_t period_ms,
		     void (*tick)(void *context), void *context);
bool qp_ticker_runs(const struct qp_ticker *ticker);
/* When this returns, no tick is in progress, and there is no thread any more. Nothing if none runs. */
void qp_ticker_stop(struct qp_ticker *ticker);
/*
 * From when this returns until it is undone no tick is in progress: those that come due are left out.
 * They nest, and the ticker may be started and stopped meanwhile. Not in a tick.
 */
void qp_ticker_hold(struct qp_ticker *ticker);
void qp_ticker_let_go(struct qp_ticker *ticker);
/* None runs: before first use, and in a forked child, which has no such thread. */
void qp_ticker_forget(struct qp_ticker *ticker);

void qp_handler_enter(void);
void qp_handler_exit(void);

/*
 * Instances that take part in fork: before() runs in the parent before it, after(child) in both,
 * and returns whether the instance still takes part: false only in a child where it is dead. The
 * link is embedded in the instance and belongs to the port from register to unregister. Register
 * fails with false when the port has no room; ports without fork accept everything.
 */
struct qp_fork_link {
	void (*before)(struct qp_fork_link *link);
	bool (*after)(struct qp_fork_link *link, bool child);
	struct qp_fork_link *next;
};

bool qp_fork_register(struct qp_fork_link *link);
void qp_fork_unregister(struct qp_fork_link *link);

/*
 * Tell checking tools (QUIRE_AID_*) that memory has been given to a caller, contents undefined;
 * that it is the program's own, with its contents (reserved, or no longer registered); or taken
 * back. page_bytes: the parts that may pass to different hands later on.
 */
void qp_aid_allocated(uint32_t aids, void *memory, size_t bytes, size_t page_bytes);
void qp_aid_kept(uint32_t aids, void *memory, size_t bytes, size_t page_bytes);
void qp_aid_freed(uint32_t aids, void *memory, size_t bytes, size_t page_bytes);

#endif /* QI_PORT_H */
