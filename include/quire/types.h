/* SPDX-License-Identifier: MIT */
/*
 * Words, errors, flags and structures of libquire. Included by quire.h; it needs only a
 * freestanding C11 or C++17 compiler. The calls, and what they do with all this, are in quire.h.
 *
 * Words: a page is 2^page_shift bytes; a pfn is the u32 number of a page inside one instance; a
 * block of order k is 2^k pages, aligned to its own size; a pageblock is a block of order 9; a
 * region is a range of memory that the program registered; a zone is a set of regions behind one
 * lock.
 */
#ifndef QUIRE_TYPES_H
#define QUIRE_TYPES_H

#include <stddef.h>
#include <stdint.h>

#define QUIRE_VERSION_MAJOR 0
#define QUIRE_VERSION_MINOR 1
#define QUIRE_VERSION_PATCH 0

/* Largest order of a block: 2^18 pages, 1 GiB of 4 KiB pages. */
#define QUIRE_MAX_ORDER 18u
/* Order of a pageblock: 512 pages, 2 MiB of 4 KiB pages. */
#define QUIRE_PAGEBLOCK_ORDER 9u
#define QUIRE_PAGEBLOCK_PAGES (1u << QUIRE_PAGEBLOCK_ORDER)
#define QUIRE_MIN_PAGE_SHIFT 11u
#define QUIRE_MAX_PAGE_SHIFT 21u

/*
 * Most pages of one instance (config.max_pages), and most pfns it can number: a little under 2^32,
 * so that no pfn equals QUIRE_NO_PFN.
 */
#define QUIRE_MAX_PAGES (UINT64_C(0xffff0000))

/*
 * "No page": the pfn and offset forms' NULL. Pfn 0 and offset 0 are pages, so a zeroed array of
 * pfns or offsets is not an array of holes; set its slots to these values.
 */
#define QUIRE_NO_PFN UINT32_MAX
#define QUIRE_NO_OFFSET UINT64_MAX

/* For a CPU's number: every CPU, where a call says so. */
#define QUIRE_ALL_CPUS (-1)

/*
 * Errors. The values are Linux's errno values, on every port; calls return them negated. errno
 * itself is never touched.
 */
enum quire_err {
	QUIRE_OK = 0,
	QUIRE_ENOENT = 2, /* no such region, CPU or page */
	QUIRE_E2BIG = 7, /* a structure is larger than known here, and its tail is not zero */
	QUIRE_EAGAIN = 11, /* may not wait, and a lock was held by somebody else */
	QUIRE_ENOMEM =
		12, /* no page or block of that order is free; no memory for metadata; no thread */
	QUIRE_EFAULT = 14, /* pointers or zeroing asked for, but a region has no CPU mapping */
	QUIRE_EBUSY = 16, /* pages of it are held; or what is to be started runs already */
	QUIRE_EEXIST = 17, /* overlaps a region that is registered already */
	QUIRE_EINVAL = 22, /* an argument is out of its limits; a report names it */
	QUIRE_ENOSPC = 28, /* max_pages or max_regions is used up, or a buffer is too small */
	QUIRE_EOPNOTSUPP = 95, /* this machine or this version of the library cannot do that */
	QUIRE_EALREADY = 114, /* the page is free already: a double free */
	QUIRE_EOWNERDEAD = 130, /* used in a forked child; see QUIRE_CONFIG_INHERIT */
};

/*
 * What an allocation may do (the kernel's gfp flags). 0 is the normal effort: it may wait for
 * locks, and before it fails it has emptied deferred pages, the depot and every CPU's lists. Only
 * normal context: a signal handler passes QUIRE_ATOMIC or QUIRE_NOWAIT.
 */
typedef uint32_t quire_gfp;

/* Fill the pages with zero bytes. Refused with -EFAULT where a region has no CPU mapping. */
#define QUIRE_ZERO (UINT32_C(1) << 0)
/* Bulk calls: all or nothing. */
#define QUIRE_ALL (UINT32_C(1) << 1)
/* Only the fast pass: what the local lists and the zone give at once; no drain, no second try. */
#define QUIRE_NORETRY (UINT32_C(1) << 2)
/*
 * May not wait: every lock is only tried; then a small stash that is not behind a lock. Signal-
 * safe.
 */
#define QUIRE_ATOMIC (UINT32_C(1) << 3)
/* May not wait and may not use the stash. Signal-safe. */
#define QUIRE_NOWAIT (UINT32_C(1) << 4)
/*
 * Settled, and refused with -EOPNOTSUPP until their engine is there: wait for a page to be freed;
 * never fail; try hard, but do fail; may use the reserve below the low watermark; only the local
 * node.
 */
#define QUIRE_WAIT (UINT32_C(1) << 5)
#define QUIRE_NOFAIL (UINT32_C(1) << 6)
#define QUIRE_RETRY_MAYFAIL (UINT32_C(1) << 7)
#define QUIRE_HIGH (UINT32_C(1) << 8)
#define QUIRE_THISNODE (UINT32_C(1) << 9)

/* Order-0 front ends; doc/caches.md compares them. */
enum quire_cache {
	QUIRE_CACHE_DEFAULT = 0, /* the best one that the machine offers */
	QUIRE_CACHE_NONE = 1, /* every request at the zone's lock */
	QUIRE_CACHE_LOCKED = 2, /* per-CPU lists, each behind a lock that is only tried */
	/*
	 * Per-CPU lists in restartable sequences, without lock or atomic. The default where they can be
	 * had: x86-64 and aarch64 on Linux with rseq and membarrier.
	 */
	QUIRE_CACHE_PCP = 3,
	QUIRE_CACHE_MAGAZINE = 4, /* a few magazines behind spin locks (not in this version) */
};

/* How much a free, and a bulk call, verify. */
enum quire_check {
	QUIRE_CHECK_ON = 0, /* every bad free is caught, but for two that race with each other */
	QUIRE_CHECK_OFF = 1, /* order-0 frees are trusted; a wrong one corrupts the instance */
	QUIRE_CHECK_STRICT = 2, /* racing double frees too: one atomic exchange a page */
};

/* config.flags. Unknown bits are refused with -EINVAL. */

/*
 * A forked child may go on with its own copy of the instance. Only right where metadata and regions
 * are private (copied on write), or unmapped and not used by the parent any more.
 */
#define QUIRE_CONFIG_INHERIT (UINT32_C(1) << 0)
/*
 * QUIRE_CACHE_LOCKED: lists belong to normal context alone; requests with QUIRE_ATOMIC or
 * QUIRE_NOWAIT, and those between quire_handler_enter() and quire_handler_exit(), go to the zone.
 * Other caches ignore it.
 */
#define QUIRE_CONFIG_NOIRQ (UINT32_C(1) << 1)
/* The buffer given to quire_init() is all zero bytes: it need not be cleared. */
#define QUIRE_CONFIG_ZEROED (UINT32_C(1) << 2)
/*
 * The port offers no CPU numbers, or one list should serve all threads: everybody uses list 0. Not
 * with QUIRE_CACHE_PCP.
 */
#define QUIRE_CONFIG_ONE_LIST (UINT32_C(1) << 3)
/* Every CPU is isolated from the start, as by quire_cpu_isolate(): no drain interrupts any. */
#define QUIRE_CONFIG_ISOLATED (UINT32_C(1) << 4)

/*
 * config.aids: tell a checking tool which pages are free. quire_config_init() sets what the
 * including build was made for (-fsanitize=address, -fsanitize=thread), QUIRE_AID_VALGRIND when
 * QUIRE_USE_VALGRIND is defined. Aids cost time on every call; 0 costs nothing.
 */
#define QUIRE_AID_ASAN (UINT32_C(1) << 0)
#define QUIRE_AID_TSAN (UINT32_C(1) << 1)
#define QUIRE_AID_VALGRIND (UINT32_C(1) << 2)

#ifdef __cplusplus
extern "C" {
#endif

/* An instance: opaque, at the front of its metadata buffer. */
struct quire;

/* A registered region, valid for the instance that gave it. id 0 is no region. */
struct quire_region {
	uint32_t id;
};

enum quire_report_kind {
	QUIRE_REPORT_BAD_CALL = 1, /* a call was refused: an argument out of its limits */
	QUIRE_REPORT_BAD_FREE = 2, /* a free was refused: wrong page; the instance is undamaged */
	QUIRE_REPORT_NOTE = 3, /* legal, but probably not meant (n = 0); given once per instance */
};

/*
 * One diagnostic. Pointers are valid during the callback only. pfn, offset and region are the "no"
 * values where no page is concerned.
 */
struct quire_report {
	uint32_t size; /* sizeof this structure in the library that reports */
	uint32_t kind; /* enum quire_report_kind */
	int32_t error; /* negative enum quire_err that the call returns; 0 for a note */
	uint32_t pfn;
	uint64_t offset; /* bytes from the start of region */
	uint64_t address; /* as the caller gave it (pointer, offset or pfn) */
	struct quire_region region;
	uint32_t state; /* the page's state byte; quire_state_name() says it in words */
	const char *call; /* name of the public call */
	const char *text; /* a sentence: value found, limit, remedy; NUL-terminated, no newline */
};

/*
 * Called with no lock held, in the context of the call that reports: in a signal handler if that
 * call was made there, so a callback used with handlers is async-signal-safe. It may use the
 * instance.
 */
typedef void quire_report_fn(void *context, const struct quire_report *report);

/*
 * What an instance is to be. Always begin with quire_config_init(); fields added later then have
 * their defaults. Zero means "the default" in every field but max_pages, which must be set.
 */
struct quire_config {
	uint32_t size; /* set by quire_config_init(): sizeof this structure in the caller's build */
	uint32_t flags; /* QUIRE_CONFIG_*, default 0 */
	uint64_t max_pages; /* most pages of all regions together; 1 to QUIRE_MAX_PAGES */
	uint32_t max_regions; /* 1 to 4096, default 1 */
	uint32_t max_zones; /* 1 to 16, default 1 */
	uint32_t page_shift; /* 11 to 21, default 12 (4 KiB) */
	uint32_t max_align_order; /* largest align_order of a region; 9 to 18, default 9 */
	uint32_t nr_cpus; /* CPUs with lists, 1 to 65536; default: the machine's possible CPUs */
	uint32_t cache; /* enum quire_cache: the one preferred */
	uint32_t require; /* enum quire_cache: rather -EOPNOTSUPP than another; 0: any will do */
	uint32_t check; /* enum quire_check */
	uint32_t aids; /* QUIRE_AID_* */
	/*
	 * Most pages of one CPU's list, at most 2048; 0: chosen from max_pages, and adapting to use.
	 * Lowered where all lists together would hold more than 1/8 of max_pages;
	 * quire_info_get() has the outcome.
	 */
	uint32_t high;
	uint32_t batch; /* pages moved between list and zone at once, 1 to 64; 0: chosen */
	/*
	 * Pages kept where QUIRE_ATOMIC finds them without a lock, at most 64; 0: chosen; UINT32_MAX: none.
	 * No reserve: normal requests that find nothing else take them.
	 */
	uint32_t nr_stash;
	/* Most full batches in the depot, at most 4096; 0: chosen; UINT32_MAX: none. */
	uint32_t nr_depot;
	uint32_t reserved; /* 0 */
	quire_report_fn *report; /* NULL: a line on standard error, the first ten of an instance */
	void *report_context;
};

/* region_config.flags. Unknown bits are refused with -EINVAL. */
/* base is given, although addr is too; without it the base of a mapped region is its addr. */
#define QUIRE_REGION_BASE (UINT32_C(1) << 0)

/* One region to register. Begin with quire_region_config_init(). */
struct quire_region_config {
	uint32_t size; /* set by quire_region_config_init() */
	uint32_t flags; /* QUIRE_REGION_* */
	void *addr; /* where the CPU sees it, a multiple of the page size; NULL: it does not */
	/* Its address in whatever space matters (physical, I/O, file); with addr only by the flag. */
	uint64_t base;
	uint64_t bytes; /* length, a multiple of the page size, at least one page */
	uint64_t cookie; /* the user's own: buffer index, memory key, file descriptor */
	uint32_t zone; /* zone it belongs to, below max_zones */
	/*
	 * Blocks up to this order are aligned to their size in the address space of base; larger
	 * ones are contiguous, and aligned to 2^align_order pages. 9 to max_align_order; default 9.
	 * Aligning to more than a pageblock may leave up to 2^align_order - 1 pfns unused.
	 */
	uint32_t align_order;
};

/* What is known of a registered region. */
struct quire_region_info {
	uint32_t size; /* in: sizeof this structure; out: bytes filled */
	uint32_t zone;
	void *addr; /* NULL: not mapped */
	uint64_t base;
	uint64_t bytes;
	uint64_t cookie;
	uint32_t first_pfn; /* pfn of its first page; the others follow without gaps */
	uint32_t nr_pages;
};

/* What an instance is. Strings are static. */
struct quire_info {
	uint32_t size; /* in: sizeof this structure; out: bytes filled */
	uint32_t cache; /* enum quire_cache in use */
	uint32_t asked; /* enum quire_cache asked for */
	uint32_t check;
	uint32_t page_shift;
	uint32_t nr_cpus;
	uint32_t
		high; /* most pages of one CPU's list, ever; 0: lists are bypassed (tiny instance) */
	uint32_t batch;
	uint32_t nr_stash;
	uint32_t nr_depot; /* most batches in a zone's depot */
	uint32_t nr_regions;
	uint32_t nr_zones;
	uint64_t max_pages;
	uint64_t nr_pfns; /* every valid pfn is below this */
	uint64_t metadata_bytes; /* all of it, lists included */
	uint64_t list_bytes; /* the part that is lists and depots */
	const char *reason; /* why this cache: one sentence */
};

/*
 * Where all pages are, and what has been done. At a moment without calls in progress
 *	managed = reserved + held + free_zone + free_lists + free_depot + free_stash + deferred
 * exactly; a pass of the library's own thread (quire_age_start()) is such a call. Under load the parts
 * are read one after the other and pages are on their way between them; held is what remains, never
 * below 0.
 */
struct quire_stats {
	uint32_t size; /* in: sizeof this structure; out: bytes filled */
	uint32_t reserved0; /* 0 */
	/* pages */
	uint64_t managed; /* pages of all regions */
	uint64_t reserved; /* taken out of play by quire_reserve() */
	uint64_t held; /* owned by callers */
	uint64_t free_zone; /* free in the zones' bitmaps */
	uint64_t free_lists; /* in CPUs' lists */
	uint64_t free_depot; /* in depots */
	uint64_t free_stash; /* in stashes */
	uint64_t deferred; /* freed while a lock was held; the next holder takes them up */
	uint64_t free_pageblocks; /* wholly free blocks of 512 pages, part of free_zone */
	/* events since creation, in pages where not said otherwise */
	uint64_t list_pops; /* handed out by lists; these two count modulo 2^46 a list */
	uint64_t list_pushes; /* put into lists by frees and refills */
	uint64_t refills; /* refills of a list (times) */
	uint64_t refill_pages;
	uint64_t overflows; /* overflows of a list (times) */
	uint64_t overflow_pages;
	uint64_t depot_in;
	uint64_t depot_out;
	uint64_t zone_taken; /* taken from bitmaps */
	uint64_t zone_given; /* given back to bitmaps */
	uint64_t zone_locks; /* acquisitions of zone locks (times) */
	uint64_t zone_contended; /* of these, not at the first try (times) */
	uint64_t zone_busy; /* tries given up because a zone lock was held (times) */
	uint64_t deferred_pages; /* ever deferred */
	uint64_t stash_taken;
	uint64_t drains; /* lists drained, on request or for one that would have failed (times) */
	uint64_t drained_pages;
	uint64_t slow_paths; /* requests that needed the slow path (times) */
	uint64_t failures; /* requests that got less than they asked for (times) */
	uint64_t bad_frees; /* frees refused (pages) */
	uint64_t bad_calls; /* calls refused (times) */
	uint64_t aborts; /* sections interrupted, or beaten by a drain, and begun again (times) */
};

/* One CPU's list. */
struct quire_cpu_stats {
	uint32_t size; /* in: sizeof this structure; out: bytes filled */
	uint32_t count; /* pages in it now */
	uint32_t high; /* most pages, now; it adapts to use */
	uint32_t batch;
	uint64_t pops; /* pages handed out */
	uint64_t pushes; /* pages put in */
	uint64_t busy; /* QUIRE_CACHE_LOCKED: times a request found it locked */
	uint64_t aborts; /* QUIRE_CACHE_PCP: the same for this CPU's sections (times) */
	uint32_t
		isolated; /* 1: by quire_cpu_isolate(); 0 without lists, where nobody is interrupted */
	uint32_t disabled; /* quire_lists_disable() calls that are not undone yet */
	uint64_t drains; /* QUIRE_CACHE_PCP: times a drain took its list away, modulo 2^32 */
};

#ifdef __cplusplus
}
#endif

#endif /* QUIRE_TYPES_H */
