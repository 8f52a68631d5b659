/* SPDX-License-Identifier: MIT */
/*
 * libquire: a page allocator for memory that the program owns.
 *
 * Register regions, take pages from them one or thousands at a time from any thread, give them
 * back. Nothing is written into a page (unless zeroing is asked for), so a region may be memory
 * that this CPU cannot even address. All that Quire knows lives in a metadata buffer of a size it
 * states beforehand.
 *
 * Returns: calls that count return a size_t count; others return 0 or a negative enum quire_err.
 * Those that return a page have a twin ending in _err that returns the error. On failure outputs
 * are untouched. A refused argument is described to config.report with value, limit and remedy. q
 * is always a live instance; only quire_destroy() accepts NULL.
 *
 * Three forms of "page" serve three kinds of user:
 *	pointer	where the CPU sees the page; NULL is none
 *	pfn	u32 number inside the instance, good as an index; QUIRE_NO_PFN is none
 *	offset	u64 bytes from the start of a region (what a UMEM or memory key wants); QUIRE_NO_OFFSET is none
 *
 * Contexts, referred to below:
 *	[any]	any thread, any number at once; not in a signal handler, where it might wait for
 *		the thread that it interrupted
 *	[signal] as [any], and in a signal handler, whatever the interrupted code was doing
 *	[quiet]	no other call on this instance may be in progress
 * A child made by vfork(), or a thread that shares another's thread-local memory, must not call at
 * all. Threads that the C library has not made may; they pass by the lists of QUIRE_CACHE_PCP.
 *
 * doc/semantics.md argues the choices; it is the longer text of which these comments are the short
 * one.
 */
#ifndef QUIRE_QUIRE_H
#define QUIRE_QUIRE_H

#include <quire/types.h>

#if defined(__GNUC__)
#define QUIRE_API __attribute__((visibility("default")))
#else
#define QUIRE_API
#endif

/* What the including build was made for: see QUIRE_AID_ASAN. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define QUIRE_BUILD_ASAN_ QUIRE_AID_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define QUIRE_BUILD_TSAN_ QUIRE_AID_TSAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(QUIRE_BUILD_ASAN_)
#define QUIRE_BUILD_ASAN_ QUIRE_AID_ASAN
#endif
#if defined(__SANITIZE_THREAD__) && !defined(QUIRE_BUILD_TSAN_)
#define QUIRE_BUILD_TSAN_ QUIRE_AID_TSAN
#endif
#ifndef QUIRE_BUILD_ASAN_
#define QUIRE_BUILD_ASAN_ 0u
#endif
#ifndef QUIRE_BUILD_TSAN_
#define QUIRE_BUILD_TSAN_ 0u
#endif
#ifdef QUIRE_USE_VALGRIND
#define QUIRE_BUILD_VALGRIND_ QUIRE_AID_VALGRIND
#else
#define QUIRE_BUILD_VALGRIND_ 0u
#endif
#define QUIRE_BUILD_AIDS_ (QUIRE_BUILD_ASAN_ | QUIRE_BUILD_TSAN_ | QUIRE_BUILD_VALGRIND_)

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Life of an instance -------------------------------------------------------------------- */

/* Library side of quire_config_init(); size is the caller's sizeof(struct quire_config). */
QUIRE_API void quire_config_init_sized(struct quire_config *config, size_t size, uint32_t aids);

/*
 * Fill *config with the defaults. The structure's size as this build knows it goes with it, so a
 * newer library serves programs built against an older header. Set max_pages next. [signal]
 */
static inline void quire_config_init(struct quire_config *config)
{
	quire_config_init_sized(config, sizeof(*config), QUIRE_BUILD_AIDS_);
}

/*
 * Bytes of metadata that an instance made from *config needs: at most 1.3 a page from 64 MiB of 4
 * KiB pages on (one region), plus the lists. Alignment slack is included, so a buffer of any
 * alignment will do. Returns 0 with *bytes set, -EINVAL for a bad config or NULL, -E2BIG for one
 * from a newer header that uses fields unknown here, -EOPNOTSUPP if config.require cannot be had.
 * [any]
 */
QUIRE_API int quire_metadata_size(const struct quire_config *config, size_t *bytes);

/*
 * Make an instance inside a buffer of the caller, of at least quire_metadata_size() bytes with any
 * contents (QUIRE_CONFIG_ZEROED says it is all zero). The buffer stays the caller's; it must live,
 * unmoved and untouched, until quire_destroy() has returned 0, and belong to one process only.
 * Returns 0 with *q set, quire_metadata_size()'s errors, -EINVAL for a NULL argument, -ENOSPC if
 * the buffer is too small, -ENOMEM if the port could not register the instance. [any]
 */
QUIRE_API int quire_init(const struct quire_config *config, void *buffer, size_t buffer_bytes,
			 struct quire **q);

/*
 * The same with metadata that the port allocates (Linux: anonymous memory). Returns as
 * quire_init(), and -ENOMEM; -EOPNOTSUPP on a port without memory of its own. [any]
 */
QUIRE_API int quire_create(const struct quire_config *config, struct quire **q);

/* Library side of quire_create_over(). */
QUIRE_API int quire_create_over_aided(void *memory, size_t bytes, uint32_t aids, struct quire **q);

/*
 * The shortest way to an instance: quire_create() with the defaults and one mapped region at
 * memory, which is a multiple of 4096, as is bytes, and stays in place until the instance is
 * destroyed. The region's id is 1. Returns their errors. [any]
 */
static inline int quire_create_over(void *memory, size_t bytes, struct quire **q)
{
	return quire_create_over_aided(memory, bytes, QUIRE_BUILD_AIDS_, q);
}

/*
 * End an instance. All pages must be back: otherwise -EBUSY, a report says how many are held, and
 * the instance goes on as before. Reserved pages do not count. After 0 the handle is dead, regions
 * and a buffer given to quire_init() belong to the caller alone again. -EOWNERDEAD never: a child
 * may destroy. q may be NULL (0). [quiet]
 */
QUIRE_API int quire_destroy(struct quire *q);

/* What q is, and why. info->size must be set to sizeof(*info). 0, or -EINVAL. [signal] */
QUIRE_API int quire_info_get(const struct quire *q, struct quire_info *info);

/* ---- Regions -------------------------------------------------------------------------------- */

/* Library side of quire_region_config_init(). */
QUIRE_API void quire_region_config_init_sized(struct quire_region_config *config, size_t size);

/*
 * Fill *config with the defaults: zone 0, alignment of a pageblock. Set addr or base, and bytes.
 * [signal]
 */
static inline void quire_region_config_init(struct quire_region_config *config)
{
	quire_region_config_init_sized(config, sizeof(*config));
}

/*
 * Register a region: its pages are free from now on. Others may be allocating. The memory stays the
 * caller's and is not touched; it must stay in place until the instance is destroyed. Returns 0
 * with *region set (region may be NULL), -EINVAL for misaligned or zero sizes, a wrong zone or
 * align_order, an end beyond 2^64, unknown flags; -E2BIG as for configs; -EEXIST if it overlaps a
 * region in addresses or in mapped memory (bases are compared within one zone); -ENOSPC if
 * max_regions or max_pages would be passed; -EOWNERDEAD. [any]
 */
QUIRE_API int quire_region_add(struct quire *q, const struct quire_region_config *config,
			       struct quire_region *region);

/*
 * Not in this version: -EOPNOTSUPP. It will take a region whose pages are all free out of the
 * instance. [any]
 */
QUIRE_API int quire_region_remove(struct quire *q, struct quire_region region);

/* What a region is. info->size must be set. 0, -EINVAL, or -ENOENT for no such region. [signal] */
QUIRE_API int quire_region_info_get(const struct quire *q, struct quire_region region,
				    struct quire_region_info *info);

/* ---- One page or block ---------------------------------------------------------------------- */

/*
 * Take a block of 2^order pages, order 0 to 18. It belongs to the caller until freed; its contents
 * are what the last owner left unless QUIRE_ZERO is given. Order 0 is the fast case.
 *
 * The twins return 0; -EINVAL (order or flags out of range, contradictory flags, NULL); -EOPNOTSUPP
 * (a flag whose engine is not in this version); -EFAULT (pointer form or QUIRE_ZERO, and a region
 * has no CPU mapping); -ENOMEM; -EAGAIN (QUIRE_ATOMIC and QUIRE_NOWAIT: a lock was held, so whether
 * memory is left is not known); -EOWNERDEAD. The others return NULL, QUIRE_NO_PFN or
 * QUIRE_NO_OFFSET.
 *
 * The offset form takes from the given region alone; in an instance made for several regions
 * (config.max_regions above 1) it goes to the zone and past the lists, so give each UMEM its own
 * instance where speed matters. -ENOENT: no such region.
 *
 * [any]; with QUIRE_ATOMIC or QUIRE_NOWAIT [signal].
 */
QUIRE_API void *quire_alloc(struct quire *q, quire_gfp gfp, unsigned int order);
QUIRE_API int quire_alloc_err(struct quire *q, quire_gfp gfp, unsigned int order, void **page);
QUIRE_API uint32_t quire_alloc_pfn(struct quire *q, quire_gfp gfp, unsigned int order);
QUIRE_API int quire_alloc_pfn_err(struct quire *q, quire_gfp gfp, unsigned int order,
				  uint32_t *pfn);
QUIRE_API uint64_t quire_alloc_offset(struct quire *q, struct quire_region region, quire_gfp gfp,
				      unsigned int order);
QUIRE_API int quire_alloc_offset_err(struct quire *q, struct quire_region region, quire_gfp gfp,
				     unsigned int order, uint64_t *offset);

/*
 * Give a block back; its order is known. A free never blocks, never spins and never fails for a
 * page that the caller holds. NULL, QUIRE_NO_PFN and, in a region that exists, QUIRE_NO_OFFSET are
 * ignored (0).
 *
 * Wrong pages change nothing, are counted and reported: -EINVAL (not of this instance, inside a
 * page or a block, reserved), -EALREADY (free already), -ENOENT (no such region), -EOWNERDEAD.
 * Racing double frees are only caught by QUIRE_CHECK_STRICT; with QUIRE_CHECK_OFF only foreign and
 * misaligned ones are.
 *
 * The _round forms accept any address inside the block's first page: descriptors come back from
 * devices with headroom added. [signal]
 */
QUIRE_API int quire_free(struct quire *q, void *page);
QUIRE_API int quire_free_round(struct quire *q, void *address);
QUIRE_API int quire_free_pfn(struct quire *q, uint32_t pfn);
QUIRE_API int quire_free_offset(struct quire *q, struct quire_region region, uint64_t offset);
QUIRE_API int quire_free_offset_round(struct quire *q, struct quire_region region, uint64_t offset);

/*
 * Turn a held block of order k into 2^k held pages, to be freed one by one in any order. 0; -EINVAL
 * or -EALREADY as for a free; -EOWNERDEAD; with QUIRE_CHECK_OFF for a page of order 0 nothing (0).
 * [any]
 */
QUIRE_API int quire_split(struct quire *q, void *page);
QUIRE_API int quire_split_pfn(struct quire *q, uint32_t pfn);

/*
 * Order of the held block that begins at pfn, 0 to 18; -EINVAL, which is an answer and not
 * reported, if none does. With QUIRE_CHECK_OFF pages of order 0 are taken to be held. [signal]
 */
QUIRE_API int quire_order(const struct quire *q, uint32_t pfn);

/*
 * Take nr_pages pages from pfn on out of play (memory that is in use already, a bad page): all of
 * them or none. They must be free; lists are drained to find them. 0; -EINVAL for a range that is
 * empty or not wholly inside one region; -EBUSY if one is held or reserved; -EAGAIN if one is free,
 * but other threads kept moving it between lists and zone (checked instances tell); -EOWNERDEAD.
 * Undone by quire_unreserve(), all pages or none, whose -EINVAL means that one of them is not
 * reserved; -EOWNERDEAD. [any]
 */
QUIRE_API int quire_reserve(struct quire *q, uint32_t pfn, uint32_t nr_pages);
QUIRE_API int quire_unreserve(struct quire *q, uint32_t pfn, uint32_t nr_pages);

/* ---- Many pages ----------------------------------------------------------------------------- */

/*
 * Take up to n blocks of one order into an output array (what it held before does not matter).
 * Returns how many were written, from slot 0 on without gaps: 0 to n; short only when memory is
 * short (or, with QUIRE_NORETRY, QUIRE_ATOMIC and QUIRE_NOWAIT, not quickly to be had). QUIRE_ALL:
 * n or 0, and slots are as before on 0. Pages come ascending and contiguous in stretches where
 * memory allows. n = 0 returns 0 and is reported once. Bad arguments return 0 and are reported.
 * Flags, forms and contexts as for quire_alloc().
 */
QUIRE_API size_t quire_alloc_bulk(struct quire *q, quire_gfp gfp, unsigned int order, size_t n,
				  void **pages);
QUIRE_API size_t quire_alloc_bulk_pfn(struct quire *q, quire_gfp gfp, unsigned int order, size_t n,
				      uint32_t *pfns);
QUIRE_API size_t quire_alloc_bulk_offset(struct quire *q, struct quire_region region, quire_gfp gfp,
					 unsigned int order, size_t n, uint64_t *offsets);

/*
 * Fill the holes of an array with pages of order 0: slots that hold NULL, QUIRE_NO_PFN or
 * QUIRE_NO_OFFSET; the others are left alone. Returns how many of the n slots are populated
 * afterwards, wherever the holes were; n when the array was full. QUIRE_ALL: every hole or none.
 * Otherwise as quire_alloc_bulk().
 */
QUIRE_API size_t quire_fill(struct quire *q, quire_gfp gfp, size_t n, void **pages);
QUIRE_API size_t quire_fill_pfn(struct quire *q, quire_gfp gfp, size_t n, uint32_t *pfns);
QUIRE_API size_t quire_fill_offset(struct quire *q, struct quire_region region, quire_gfp gfp,
				   size_t n, uint64_t *offsets);

/*
 * Give n blocks back, of any mix of orders and zones; holes are skipped. A wrong page is reported
 * and skipped, the rest are freed. Returns how many were freed, holes not counted. The array is not
 * changed. n = 0 returns 0. [signal]
 */
QUIRE_API size_t quire_free_bulk(struct quire *q, size_t n, void *const *pages);
QUIRE_API size_t quire_free_bulk_round(struct quire *q, size_t n, void *const *addresses);
QUIRE_API size_t quire_free_bulk_pfn(struct quire *q, size_t n, const uint32_t *pfns);
QUIRE_API size_t quire_free_bulk_offset(struct quire *q, struct quire_region region, size_t n,
					const uint64_t *offsets);
QUIRE_API size_t quire_free_bulk_offset_round(struct quire *q, struct quire_region region, size_t n,
					      const uint64_t *offsets);

/* ---- From one form to another --------------------------------------------------------------- */

/*
 * They only compute; whether the page is held is not asked. Addresses and offsets inside a page
 * give that page. None of the instance's pages: QUIRE_NO_PFN, NULL (also: not mapped),
 * QUIRE_NO_OFFSET. quire_pfn_to_base() gives the address in the region's own address space (base),
 * QUIRE_NO_OFFSET for none. region may be NULL. [signal]
 */
QUIRE_API uint32_t quire_page_to_pfn(const struct quire *q, const void *address);
QUIRE_API void *quire_pfn_to_page(const struct quire *q, uint32_t pfn);
QUIRE_API uint64_t quire_pfn_to_offset(const struct quire *q, uint32_t pfn,
				       struct quire_region *region);
QUIRE_API uint64_t quire_pfn_to_base(const struct quire *q, uint32_t pfn);
QUIRE_API uint32_t quire_offset_to_pfn(const struct quire *q, struct quire_region region,
				       uint64_t offset);

/* ---- Lists ---------------------------------------------------------------------------------- */

/*
 * Take pages out of a CPU's list (0 to nr_cpus - 1) or all of them (QUIRE_ALL_CPUS, and then the
 * depots as well when keep is 0) and give them to the zone, until at most keep are left in each.
 * A longer list of QUIRE_CACHE_PCP is taken as a whole, and of keep pages the full batches go to
 * the depot, if it has room; its owner does not wait, but its CPU is interrupted once, unless it is
 * isolated. Returns how many pages were moved: 0 too if another drain of that CPU did it, or if the
 * system refuses to interrupt it (doc/sections.md). An unknown CPU is reported and moves none. [any]
 */
QUIRE_API size_t quire_drain(struct quire *q, int cpu, size_t keep);

/*
 * A pass over idle lists: each CPU's list that holds pages and was not used (no page put in or handed
 * out) since the pass before is emptied into the zone, and so is the depot if it was not used. The
 * first pass only looks. Lists of CPUs where no thread of this process may run any more (they have
 * left its affinity masks, or are offline) are emptied by every pass, as nobody will. Requests do
 * nothing for this, and lists that are used are not touched. Emptying a list interrupts its CPU as
 * quire_drain() does. Passes may be made at once; each counts.
 * Returns how many pages were moved: 0 with QUIRE_CACHE_NONE, which has no lists. [any]
 */
QUIRE_API size_t quire_age(struct quire *q);

/*
 * Start a thread of the library's own that makes a pass each idle_ms milliseconds (1 to 3,600,000),
 * or end it: a list that is idle for that long, and at most twice that long, is emptied. There is none
 * until it is started. It is named quire-age, has all signals blocked, inherits the CPUs where it may
 * run and its scheduling policy from the caller, and is not one of the process's threads in the sense of quire_age(). In a
 * forked child there is none. quire_destroy() ends it, if it succeeds.
 *
 * Start returns 0; -EINVAL (idle_ms out of its limits); -EBUSY (it runs already; stop it first to
 * change idle_ms); -ENOMEM (the system has no thread); -EOPNOTSUPP (a port without threads: call
 * quire_age() yourself); -EOWNERDEAD. Stop returns 0, also if none runs, and no pass of the thread is
 * in progress any more then; -EOWNERDEAD. Stop may wait for a pass. [any]
 */
QUIRE_API int quire_age_start(struct quire *q, uint32_t idle_ms);
QUIRE_API int quire_age_stop(struct quire *q);

/*
 * Change the limits of all lists. high: most pages of one CPU's list from now on, 1 to quire_info.high;
 * it does not adapt to use then. 0: as at creation. batch: pages moved between list and zone at once,
 * 1 to 64 and at most a quarter of high; 0: as at creation, or a quarter of high if that is less.
 * (While high is 0, a quarter of what it begins with, quire_cpu_stats.high of a new instance.) Each
 * call sets both.
 *
 * Each request that begins after the call finds the new limits, in whatever state its CPU's list is.
 * Lists that hold more than high are drained in the call, which interrupts their CPUs as quire_drain()
 * does; where the system refuses that they keep their pages until they are used. Another batch empties the depot into the zone, whose most batches stay, or fewer if there is
 * no room for them. May be called under load, again and again. quire_info goes on to tell the limits
 * at creation; quire_cpu_stats tells the present ones.
 *
 * Returns 0; -EINVAL (high or batch out of its limits; not 0 in an instance without lists), and
 * nothing has changed; -EOWNERDEAD. [any]
 */
QUIRE_API int quire_lists_limit(struct quire *q, uint32_t high, uint32_t batch);

/*
 * From now on (isolate other than 0) drains of a CPU interrupt nobody there, for a CPU that is not to
 * be disturbed (nohz_full, a polling core); or they may again (0). A number from 0 to nr_cpus - 1, or
 * QUIRE_ALL_CPUS. Its own calls then commit to its list by an atomic instruction, and cost more; with
 * QUIRE_CACHE_LOCKED and QUIRE_CACHE_NONE drains interrupt nobody in any case, and nothing changes.
 * Isolating interrupts the CPU once, undoing it does not. May be called under load, again and again.
 * Returns 0, also if it is so already; -ENOENT for an unknown CPU; -EOPNOTSUPP if the system refuses
 * that one interruption: no CPU is isolated then that was not before; -EOWNERDEAD. [any]
 */
QUIRE_API int quire_cpu_isolate(struct quire *q, int cpu, int isolate);

/*
 * Close the lists of a CPU (0 to nr_cpus - 1) or all of them (QUIRE_ALL_CPUS) until they are enabled
 * again: they are emptied into the zone and stay empty, and what that CPU's calls free goes to the
 * zone. So it can be found at once, and coalesces. A depot is not emptied by this: quire_drain() does
 * it, called after this. Disabling interrupts the CPU once, if it is not isolated. Calls nest, for each
 * CPU: as many enables as disables. In an instance without lists both do nothing, and return 0.
 *
 * Return 0; -ENOENT for an unknown CPU; disable: -EOPNOTSUPP if the system refuses to interrupt a
 * CPU, and then nothing is closed that was not before; enable: -EINVAL if the lists of one of the
 * CPUs are not disabled, and then none is enabled; -EOWNERDEAD. [any]
 */
QUIRE_API int quire_lists_disable(struct quire *q, int cpu);
QUIRE_API int quire_lists_enable(struct quire *q, int cpu);

/*
 * Say that this thread is in a signal handler, and that it leaves it; they nest. Only needed where
 * QUIRE_CONFIG_NOIRQ is used, to keep handlers off the lists; harmless elsewhere. [signal]
 */
QUIRE_API void quire_handler_enter(void);
QUIRE_API void quire_handler_exit(void);

/* ---- What is going on ----------------------------------------------------------------------- */

/* Fill *stats; stats->size must be set. 0 or -EINVAL. Exact when quiet. [signal] */
QUIRE_API int quire_stats_get(const struct quire *q, struct quire_stats *stats);

/*
 * One CPU's list; stats->size must be set. 0, -EINVAL, or -ENOENT for no such CPU. Exact when
 * quiet. [signal]
 */
QUIRE_API int quire_cpu_stats_get(const struct quire *q, int cpu, struct quire_cpu_stats *stats);

/*
 * The statistics as text, a line each, in text[0 .. bytes). Always NUL-terminated if bytes > 0.
 * Returns the length of the whole text without the NUL, as snprintf() does. [signal]
 */
QUIRE_API size_t quire_stats_text(const struct quire *q, char *text, size_t bytes);

/* Pages held by callers now. Exact when quiet. [signal] */
QUIRE_API size_t quire_held(const struct quire *q);

/*
 * Visit every held block: visit(context, pfn, order) in ascending order, until it returns other
 * than 0, which is then returned; else 0. Blocks allocated or freed meanwhile may or may not be
 * seen. With QUIRE_CHECK_OFF lists are drained first, and the answer is only right when quiet.
 * visit may free the block it is given. -EINVAL if visit is NULL; -EOWNERDEAD. [any]
 */
QUIRE_API int quire_held_visit(struct quire *q,
			       int (*visit)(void *context, uint32_t pfn, unsigned int order),
			       void *context);

/* ---- Words ---------------------------------------------------------------------------------- */

/* Static strings, never NULL; err may be negative or positive. [signal] */
QUIRE_API const char *quire_strerror(int err);
QUIRE_API const char *quire_cache_name(uint32_t cache);
QUIRE_API const char *quire_check_name(uint32_t check);
QUIRE_API const char *quire_state_name(uint32_t state);
/* "0.1.0": version of the library that runs, which may differ from the header's. */
QUIRE_API const char *quire_version(void);

#ifdef __cplusplus
}
#endif

#endif /* QUIRE_QUIRE_H */
