/* SPDX-License-Identifier: MIT */
/*
 * DPDK's rte_mempool: a ring of pointers to objects, and a cache of them in each lcore. Set up as a
 * program without privileges or huge pages can have it; the objects are in memory of ours, for
 * which huge pages are asked if the system offers them. A get or put is inlined up to the ring's.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_config.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <rte_version.h>

#include "../bench/measure.h"
#include "../machine.h"
#include "../say.h"
#include "peer.h"

const char peer_name[] = "rte_mempool";

/* Objects in an lcore's cache: the most that DPDK allows. */
enum { CACHE_OBJECTS = RTE_MEMPOOL_CACHE_MAX_SIZE };

/* Pages below which DPDK refuses such a cache. */
enum { PAGES_MIN = CACHE_OBJECTS * 3 / 2 };

static struct {
	struct rte_mempool *mp;
	uint64_t nr_pages;
	void *memory;
	size_t bytes;
} pool;

/* ---- Operations ----------------------------------------------------------------------------- */

/*
 * Each thread is an lcore, so it has a cache, and empties it before it goes, as the next one with
 * its number may never come.
 */
void loops_thread_begin(void)
{
	if (rte_thread_register() != 0)
		fail("no lcore for a thread (%s); DPDK has %d in all, give fewer --threads",
		     rte_strerror(rte_errno), RTE_MAX_LCORE);
}

void loops_thread_end(void)
{
	rte_mempool_cache_flush(rte_mempool_default_cache(pool.mp, rte_lcore_id()), pool.mp);
	rte_thread_unregister();
}

uint64_t seat_nr_managed(const struct cell *cell)
{
	(void)cell;
	return pool.nr_pages;
}

struct seat seat_make(const struct cell *cell, unsigned int thread)
{
	return (struct seat){
		.pool = pool.mp,
		.form = FORM_PAGE,
		.calls = cell->calls,
		.pattern = cell->pattern,
		.batch = cell->batch,
		.rng = rng_make(cell->seed, thread),
	};
}

INLINED size_t take(const struct seat *s, enum form form, enum calls calls, size_t first, size_t n)
{
	struct rte_mempool *mp = s->pool;
	void **pages = s->slots.pages + first;
	size_t i;

	(void)form;
	if (calls == CALLS_BULK)
		return rte_mempool_get_bulk(mp, pages, (unsigned int)n) == 0 ? n : 0;
	for (i = 0; i < n; i++) {
		if (rte_mempool_get(mp, &pages[i]) != 0)
			break;
	}
	return i;
}

INLINED size_t give(const struct seat *s, enum form form, enum calls calls, size_t first, size_t n)
{
	struct rte_mempool *mp = s->pool;
	void **pages = s->slots.pages + first;
	size_t i;

	(void)form;
	if (calls == CALLS_BULK) {
		rte_mempool_put_bulk(mp, pages, (unsigned int)n);
		return n;
	}
	for (i = 0; i < n; i++)
		rte_mempool_put(mp, pages[i]);
	return n;
}

#include "../bench/loops_body.h"

/* ---- The instance --------------------------------------------------------------------------- */

const char *peer_library_text(void)
{
	return rte_version();
}

/* A folder for what DPDK creates while it starts; nothing stays in it. */
static char run_folder[] = "/tmp/quire-peer-XXXXXX";

static void remove_run_folder(void)
{
	static const char *const inside[] = { "/dpdk/rte", "/dpdk", "" };
	char path[sizeof(run_folder) + 16];
	unsigned int i;

	for (i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", run_folder, inside[i]);
		rmdir(path);
	}
}

/* What DPDK's own heap has to hold: the ring of pointers, and the caches. */
static uint64_t heap_megabytes(uint64_t nr_pages)
{
	uint64_t ring = 1;

	while (ring <= nr_pages)
		ring *= 2;
	return 64 + ((ring * sizeof(void *)) >> 20);
}

static size_t first_cpu(const cpu_set_t *allowed)
{
	size_t cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, allowed))
		cpu++;
	return cpu;
}

/* One lcore is DPDK's own, so the others are left to threads that register. */
static int start(uint64_t nr_pages, const cpu_set_t *allowed)
{
	char megabytes[32], lcores[32];
	char *arguments[] = { (char *)(uintptr_t)peer_name,
			      "--no-huge",
			      "--no-shconf",
			      "--no-pci",
			      "--no-telemetry",
			      "--iova-mode=va",
			      "--log-level=error",
			      "-m",
			      megabytes,
			      lcores,
			      NULL };

	snprintf(megabytes, sizeof(megabytes), "%llu",
		 (unsigned long long)heap_megabytes(nr_pages));
	snprintf(lcores, sizeof(lcores), "--lcores=0@%zu", first_cpu(allowed));
	return rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])) - 1, arguments);
}

static void start_dpdk(uint64_t nr_pages)
{
	cpu_set_t allowed;
	int result;

	if (!mkdtemp(run_folder) || setenv("RUNTIME_DIRECTORY", run_folder, 1) != 0)
		fail("no folder of its own in /tmp (%s), which DPDK needs to start",
		     strerror(errno));
	sched_getaffinity(0, sizeof(allowed), &allowed);
	result = start(nr_pages, &allowed);
	remove_run_folder();
	if (result < 0)
		fail("DPDK does not start (%s); what it says stands above",
		     rte_strerror(rte_errno));
	/* It has bound this thread to one CPU, and new threads would inherit that. */
	sched_setaffinity(0, sizeof(allowed), &allowed);
}

static size_t object_bytes(void)
{
	return pool.mp->header_size + pool.mp->elt_size + pool.mp->trailer_size;
}

/* DPDK writes a list's links before each object, so all of the memory gets used. */
static void map_objects(void)
{
	const size_t huge = (size_t)2 << 20;
	uint64_t available = machine_available_bytes();

	pool.bytes = (pool.nr_pages * object_bytes() + 2 * huge) & ~(huge - 1);
	if (available && pool.bytes > available)
		fail("its %llu pages take %zu MiB of memory, and %llu MiB are available; give a "
		     "smaller --size",
		     (unsigned long long)pool.nr_pages, pool.bytes >> 20,
		     (unsigned long long)(available >> 20));
	pool.memory = mmap(NULL, pool.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	if (pool.memory == MAP_FAILED)
		fail("no memory for %llu pages (%s); give a smaller --size",
		     (unsigned long long)pool.nr_pages, strerror(errno));
	/* Only for speed; without it the pages are small. */
	madvise(pool.memory, pool.bytes, MADV_HUGEPAGE);
}

static void unmap_objects(struct rte_mempool_memhdr *header, void *opaque)
{
	(void)header;
	(void)opaque;
	munmap(pool.memory, pool.bytes);
}

static void make_pool(void)
{
	int nr;

	pool.mp = rte_mempool_create_empty("quire", (unsigned int)pool.nr_pages, PEER_PAGE_BYTES,
					   CACHE_OBJECTS, 0, SOCKET_ID_ANY, 0);
	if (!pool.mp)
		fail("no pool of %llu pages (%s); give a smaller --size",
		     (unsigned long long)pool.nr_pages, rte_strerror(rte_errno));
	map_objects();
	nr = rte_mempool_populate_iova(pool.mp, pool.memory, RTE_BAD_IOVA, pool.bytes,
				       unmap_objects, NULL);
	if (nr < 0 || (uint64_t)nr != pool.nr_pages)
		fail("the pool took %d of %llu pages (%s)", nr, (unsigned long long)pool.nr_pages,
		     rte_strerror(nr < 0 ? -nr : 0));
}

void peer_begin(uint64_t nr_pages)
{
	if (nr_pages < PAGES_MIN || nr_pages > UINT32_MAX / 2)
		fail("it can have %d to %u pages, and %llu are asked for; give another --size",
		     PAGES_MIN, UINT32_MAX / 2, (unsigned long long)nr_pages);
	pool.nr_pages = nr_pages;
	start_dpdk(nr_pages);
	make_pool();
}

void peer_end(void)
{
	rte_mempool_free(pool.mp);
	rte_eal_cleanup();
}
