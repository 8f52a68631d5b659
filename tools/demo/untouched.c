/* SPDX-License-Identifier: MIT */
/*
 * Memory that the program filled with its own data before it registered it. The metadata lies in a
 * buffer of the program, and after millions of allocations and frees every word of the memory is
 * what it was.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <quire/quire.h>

#include "../clock.h"
#include "../format.h"
#include "../memory.h"
#include "../rng.h"
#include "../say.h"
#include "demo.h"

enum { HELD_MAX = 1 << 14, BULK_MAX = 64, ORDER_MAX = 9 };

/* Blocks held, of any order, and pages that is. Invariant: nr <= HELD_MAX. */
struct holding {
	struct quire *q;
	struct rng rng;
	uint32_t pfn[HELD_MAX];
	unsigned char order[HELD_MAX];
	size_t nr;
	uint64_t nr_pages;
	uint64_t max_pages;
	uint64_t nr_refused; /* frees that the library did not take */
};

static void fill(const struct region *memory, uint64_t seed)
{
	struct rng rng = rng_make(seed, 0);
	uint64_t *words = memory->addr;
	uint64_t i;

	for (i = 0; i < memory->bytes / sizeof(*words); i++)
		words[i] = rng_next(&rng);
}

static uint64_t checksum(const struct region *memory)
{
	const uint64_t *words = memory->addr;
	uint64_t sum = 0, i;

	for (i = 0; i < memory->bytes / sizeof(*words); i++)
		sum = (sum ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15) + (sum >> 32);
	return sum;
}

static void hold(struct holding *h, uint32_t pfn, unsigned int order)
{
	h->pfn[h->nr] = pfn;
	h->order[h->nr++] = (unsigned char)order;
	h->nr_pages += UINT64_C(1) << order;
}

/* One call that allocates: mostly single pages, then bulks, sometimes a larger block. */
static void allocate(struct holding *h)
{
	size_t kind = rng_below(&h->rng, 100), n, i;
	uint32_t pfns[BULK_MAX], pfn;
	unsigned int order = 0;

	if (kind < 20) {
		n = 1 + rng_below(&h->rng, BULK_MAX);
		n = quire_alloc_bulk_pfn(h->q, 0, 0, n, pfns);
		for (i = 0; i < n; i++)
			hold(h, pfns[i], 0);
		return;
	}
	if (kind < 25)
		order = 1 + (unsigned int)rng_below(&h->rng, ORDER_MAX);
	pfn = quire_alloc_pfn(h->q, 0, order);
	if (pfn != QUIRE_NO_PFN)
		hold(h, pfn, order);
}

/* Move a random block to the end of the arrays, and forget it. Returns it. */
static uint32_t let_go(struct holding *h)
{
	size_t i = rng_below(&h->rng, h->nr);
	uint32_t pfn = h->pfn[i];

	h->nr_pages -= UINT64_C(1) << h->order[i];
	h->nr--;
	h->pfn[i] = h->pfn[h->nr];
	h->order[i] = h->order[h->nr];
	return pfn;
}

/* One call that frees: a block, or a mix of orders in bulk. */
static void release(struct holding *h)
{
	uint32_t pfns[BULK_MAX];
	size_t n = 0, want;

	if (rng_below(&h->rng, 100) >= 20) {
		h->nr_refused += quire_free_pfn(h->q, let_go(h)) != 0;
		return;
	}
	want = 1 + rng_below(&h->rng, BULK_MAX);
	while (n < want && h->nr)
		pfns[n++] = let_go(h);
	h->nr_refused += n - quire_free_bulk_pfn(h->q, n, pfns);
}

/* Returns how many calls were made: nr_operations, and then those that free what is held. */
static uint64_t operate(struct holding *h, uint64_t nr_operations)
{
	uint64_t done;
	bool full;

	for (done = 0; done < nr_operations; done++) {
		full = h->nr + BULK_MAX > HELD_MAX || h->nr_pages + 512 > h->max_pages;
		if (h->nr && (full || rng_next(&h->rng) & 1))
			release(h);
		else
			allocate(h);
	}
	for (; h->nr; done++)
		release(h);
	return done;
}

/* An instance in a buffer of the program's, and the cost of it. */
static struct quire *make_instance(const struct demo *demo, void **buffer, size_t *bytes)
{
	struct quire_config config;
	struct quire *q = NULL;
	int error;

	quire_config_init(&config);
	config.max_pages = demo->memory.bytes / DEMO_PAGE_BYTES;
	error = quire_metadata_size(&config, bytes);
	if (!error) {
		*buffer = need_zeroed(*bytes, 1);
		error = quire_init(&config, *buffer, *bytes, &q);
	}
	return demo_register(demo, q, error);
}

static void print_cost(const struct demo *demo, const struct quire *q, size_t bytes)
{
	struct quire_info info = { .size = sizeof(info) };
	double pages = (double)(demo->memory.bytes / DEMO_PAGE_BYTES);
	char all[FORMAT_MAX], lists[FORMAT_MAX];

	if (quire_info_get(q, &info) != 0)
		fail("the library does not describe its own instance");
	demo_line("metadata", "%s bytes in a buffer of the program, outside the pages:",
		  format_count(all, bytes));
	demo_line("", "%.3f a page, and %s for the CPUs' lists",
		  ((double)bytes - (double)info.list_bytes) / pages,
		  format_count(lists, info.list_bytes));
	demo_line("cache", "%s: %s", quire_cache_name(info.cache), info.reason);
}

bool demo_untouched(const struct demo *demo)
{
	struct holding *h = need_zeroed(1, sizeof(*h));
	uint64_t before, after, nr_calls, begin;
	char size[FORMAT_MAX], pages[FORMAT_MAX];
	void *buffer = NULL;
	size_t bytes;
	bool held;

	printf("1. Memory that this program mapped: %s, %s pages\n",
	       format_bytes(size, demo->memory.bytes),
	       format_count(pages, demo->memory.bytes / DEMO_PAGE_BYTES));
	fill(&demo->memory, demo->seed);
	before = checksum(&demo->memory);
	h->q = make_instance(demo, &buffer, &bytes);
	h->rng = rng_make(demo->seed, 1);
	h->max_pages = demo->memory.bytes / DEMO_PAGE_BYTES * 3 / 4;
	print_cost(demo, h->q, bytes);
	progress("%s operations", format_count(pages, demo->nr_operations));
	begin = now_ns();
	nr_calls = operate(h, demo->nr_operations);
	progress_end();
	demo_line("operations", "%s: single and bulk, orders 0 to 9, in %.1f s",
		  format_count(pages, nr_calls), (double)(now_ns() - begin) / 1e9);
	held = !h->nr_refused && quire_destroy(h->q) == 0;
	after = checksum(&demo->memory);
	demo_line("checksum", "%016" PRIx64 " before, %016" PRIx64 " after", before, after);
	held = held && before == after;
	free(buffer);
	free(h);
	return demo_verdict(held, held ? "not a word of the memory has changed"
				       : "the memory has changed, or a free was refused");
}
