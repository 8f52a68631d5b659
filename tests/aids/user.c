/* SPDX-License-Identifier: MIT */
/*
 * A user's program, built for a checking tool and linked with a library that was not: it does one
 * thing that is right, or one that the tool has to find. aids.py runs it and reads what the tool
 * says.
 *
 *	user CACHE CASE		prints "survived" if nothing stopped it; 77: no such cache here
 */
#include <quire/quire.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_PAGES 1024u
#define PAGE 4096u
#define NOT_OFFERED 77 /* exit status: the cache cannot be had here */

static struct quire *q;
static char *memory;

_Noreturn static void stop(const char *why)
{
	fprintf(stderr, "user: %s\n", why);
	exit(3);
}

static uint32_t cache_named(const char *name)
{
	static const struct {
		const char *name;
		uint32_t cache;
	} caches[] = {
		{ "none", QUIRE_CACHE_NONE },
		{ "locked", QUIRE_CACHE_LOCKED },
		{ "pcp", QUIRE_CACHE_PCP },
		{ "default", QUIRE_CACHE_DEFAULT },
	};

	for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++)
		if (strcmp(caches[i].name, name) == 0)
			return caches[i].cache;
	stop("no such cache");
}

static void open_instance(const char *cache)
{
	struct quire_config config;
	struct quire_region_config region;
	int err;

	quire_config_init(&config);
	config.max_pages = NR_PAGES;
	config.nr_cpus = 2;
	config.cache = config.require = cache_named(cache);
	memory = aligned_alloc(PAGE, (size_t)NR_PAGES * PAGE);
	quire_region_config_init(&region);
	region.addr = memory;
	region.bytes = (uint64_t)NR_PAGES * PAGE;
	err = quire_create(&config, &q);
	if (err == -QUIRE_EOPNOTSUPP)
		exit(NOT_OFFERED); /* the report has said why */
	if (!memory || err != 0 || quire_region_add(q, &region, NULL) != 0)
		stop("no instance");
}

/* The address is hidden from the compiler, which would otherwise know better than to read it. */
static volatile char *hide(void *address)
{
	volatile char *hidden = address;

	__asm__ volatile("" : "+r"(hidden));
	return hidden;
}

static char *take(unsigned int order)
{
	char *page = quire_alloc(q, 0, order);

	if (!page)
		stop("no page");
	return page;
}

static void held(void)
{
	void *pages[100];
	char *page = take(0), *block = take(4);

	memset(page, 1, PAGE);
	memset(block, 2, 16 * PAGE);
	if (quire_alloc_bulk(q, QUIRE_ZERO, 0, 100, pages) != 100)
		stop("no pages");
	for (int i = 0; i < 100; i++)
		memset(pages[i], 3, PAGE);
	quire_free(q, page);
	quire_free(q, block);
	quire_free_bulk(q, 100, pages);
	page = take(0); /* one that was free a moment ago */
	memset(page, 4, PAGE);
	quire_free(q, page);
}

static void read_freed(void)
{
	char *page = take(0);

	memset(page, 1, PAGE);
	quire_free(q, page);
	(void)hide(page)[100];
}

static void write_freed(void)
{
	char *page = take(0);

	quire_free_pfn(q, quire_page_to_pfn(q, page));
	hide(page)[PAGE - 1] = 1;
}

static void read_freed_block(void)
{
	char *block = take(3);

	memset(block, 1, 8 * PAGE);
	quire_free(q, block);
	(void)hide(block)[5 * PAGE];
}

static void read_freed_in_bulk(void)
{
	void *pages[64];

	if (quire_alloc_bulk(q, 0, 0, 64, pages) != 64)
		stop("no pages");
	quire_free_bulk(q, 64, pages);
	(void)hide(pages[63])[0];
}

static void read_behind_a_page(void)
{
	char *page = take(0);

	(void)hide(page)[PAGE]; /* nothing else is held */
}

static void read_never_allocated(void)
{
	(void)hide(memory)[17 * PAGE];
}

/* Memory out of play is in somebody's use, not free. */
static void reserved(void)
{
	uint32_t pfn = quire_page_to_pfn(q, memory + 100 * PAGE);

	if (quire_reserve(q, pfn, 50) != 0)
		stop("not reserved");
	memset(memory + 100 * PAGE, 5, 50 * PAGE);
	if (quire_unreserve(q, pfn, 50) != 0)
		stop("not unreserved");
}

static void read_unreserved(void)
{
	reserved();
	(void)hide(memory)[120 * PAGE];
}

/* The shortest way to an instance tells the tool no less. */
static void reopen_over(void)
{
	if (quire_destroy(q) != 0 || quire_create_over(memory, (size_t)NR_PAGES * PAGE, &q) != 0)
		stop("no instance over the memory");
}

static void over_held(void)
{
	reopen_over();
	held();
}

static void over_read_freed(void)
{
	reopen_over();
	read_freed();
}

static void over_read_never_allocated(void)
{
	reopen_over();
	read_never_allocated();
}

/* The memory is the program's own again. */
static void after_destroy(void)
{
	char *page = take(0);

	quire_free(q, page);
	if (quire_destroy(q) != 0)
		stop("not destroyed");
	q = NULL;
	memset(memory, 0, (size_t)NR_PAGES * PAGE);
}

/* ---- From thread to thread ---- */

static _Atomic(char *) passed;

/* The only free page is the one that the other thread gives back: nothing else orders the two. */
static void *take_over(void *unused)
{
	char *page;

	(void)unused;
	while ((page = quire_alloc(q, 0, 0)) == NULL)
		;
	for (unsigned int i = 0; i < PAGE; i++)
		page[i] = (char)i;
	quire_free(q, page);
	return NULL;
}

static void hand_over(void)
{
	static void *pages[NR_PAGES];
	pthread_t thread;

	if (quire_alloc_bulk(q, 0, 0, NR_PAGES, pages) != NR_PAGES)
		stop("no pages");
	if (pthread_create(&thread, NULL, take_over, NULL) != 0)
		stop("no thread");
	for (int round = 0; round < 1000; round++)
		for (unsigned int i = 0; i < PAGE; i += 64)
			((char *)pages[5])[i] = (char)round;
	quire_free_bulk(q, 1, &pages[5]);
	pthread_join(thread, NULL);
	pages[5] = NULL;
	quire_free_bulk(q, NR_PAGES, pages);
}

/*
 * Four neighbours, freed as one block and taken singly, or the other way round. Their order is told
 * page by page: one that is told of the block's first page alone leaves three pages that race.
 */
#define PART_ORDER 2u
#define NR_PARTS (1u << PART_ORDER)

static void write_pages(char *at, unsigned int nr)
{
	for (unsigned int i = 0; i < nr * PAGE; i += 64)
		at[i] = (char)i;
}

/* Takes one page and keeps it: what is taken together is ordered by any page of it. */
static void *take_part(void *unused)
{
	char *page;

	(void)unused;
	while ((page = quire_alloc(q, 0, 0)) == NULL)
		;
	write_pages(page, 1);
	return page;
}

static void split_over(void)
{
	static void *pages[NR_PAGES - NR_PARTS];
	char *block = take(PART_ORDER);
	pthread_t threads[NR_PARTS];
	void *parts[NR_PARTS];

	if (quire_alloc_bulk(q, 0, 0, NR_PAGES - NR_PARTS, pages) != NR_PAGES - NR_PARTS)
		stop("no pages");
	for (unsigned int i = 0; i < NR_PARTS; i++)
		if (pthread_create(&threads[i], NULL, take_part, NULL) != 0)
			stop("no thread");
	write_pages(block, NR_PARTS);
	quire_free(q, block);
	for (unsigned int i = 0; i < NR_PARTS; i++)
		pthread_join(threads[i], &parts[i]);
	quire_free_bulk(q, NR_PARTS, parts);
	quire_free_bulk(q, NR_PAGES - NR_PARTS, pages);
}

static void *take_whole(void *unused)
{
	char *block;

	(void)unused;
	while ((block = quire_alloc(q, 0, PART_ORDER)) == NULL)
		;
	write_pages(block, NR_PARTS);
	return block;
}

/* Each page is written after those before it were freed: their order does not hold for it. */
static void merge_over(void)
{
	static void *pages[NR_PAGES];
	size_t block_bytes = NR_PARTS * PAGE;
	char *parts = memory + (block_bytes - (uintptr_t)memory % block_bytes) % block_bytes;
	pthread_t thread;
	void *block;

	if (quire_alloc_bulk(q, 0, 0, NR_PAGES, pages) != NR_PAGES)
		stop("no pages");
	if (pthread_create(&thread, NULL, take_whole, NULL) != 0)
		stop("no thread");
	for (unsigned int i = 0; i < NR_PARTS; i++) {
		write_pages(parts + i * PAGE, 1);
		quire_free(q, parts + i * PAGE);
	}
	pthread_join(thread, &block);
	if (block != parts)
		stop("not the block that was freed in parts");
	quire_free(q, block);
	for (unsigned int i = 0; i < NR_PAGES; i++)
		if ((char *)pages[i] < parts || (char *)pages[i] >= parts + block_bytes)
			quire_free(q, pages[i]);
}

static void *take_by_pointer(void *unused)
{
	char *page;

	(void)unused;
	while ((page = atomic_load_explicit(&passed, memory_order_relaxed)) == NULL)
		;
	for (unsigned int i = 0; i < PAGE; i++)
		page[i] = (char)i;
	return NULL;
}

/* The same past the allocator: the tool has to see this one. */
static void race(void)
{
	char *page = take(0);
	pthread_t thread;

	if (pthread_create(&thread, NULL, take_by_pointer, NULL) != 0)
		stop("no thread");
	for (unsigned int i = 0; i < PAGE;
	     i += 64) /* not memset(), whose stores the tool may not see */
		page[i] = 9;
	atomic_store_explicit(&passed, page, memory_order_relaxed);
	pthread_join(thread, NULL);
	quire_free(q, page);
}

static void *take_one_and_by_pointer(void *unused)
{
	char *own;

	while ((own = quire_alloc(q, 0, 0)) == NULL)
		;
	take_by_pointer(unused);
	return own;
}

/* What the allocator hands over is ordered; a page that goes past it in the meantime is not. */
static void race_beside(void)
{
	static void *pages[NR_PAGES];
	pthread_t thread;
	void *own;

	if (quire_alloc_bulk(q, 0, 0, NR_PAGES, pages) != NR_PAGES)
		stop("no pages");
	if (pthread_create(&thread, NULL, take_one_and_by_pointer, NULL) != 0)
		stop("no thread");
	quire_free(q, pages[5]);
	write_pages(pages[6], 1);
	atomic_store_explicit(&passed, (char *)pages[6], memory_order_relaxed);
	pthread_join(thread, &own);
	pages[5] = own;
	quire_free_bulk(q, NR_PAGES, pages);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{ "held", held },
		{ "read-freed", read_freed },
		{ "write-freed", write_freed },
		{ "read-freed-block", read_freed_block },
		{ "read-freed-in-bulk", read_freed_in_bulk },
		{ "read-behind-a-page", read_behind_a_page },
		{ "read-never-allocated", read_never_allocated },
		{ "reserved", reserved },
		{ "read-unreserved", read_unreserved },
		{ "over-held", over_held },
		{ "over-read-freed", over_read_freed },
		{ "over-read-never-allocated", over_read_never_allocated },
		{ "after-destroy", after_destroy },
		{ "hand-over", hand_over },
		{ "split-over", split_over },
		{ "merge-over", merge_over },
		{ "race", race },
		{ "race-beside", race_beside },
	};

	if (argc != 3)
		stop("usage: user CACHE CASE");
	open_instance(argv[1]);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, argv[2]) == 0) {
			cases[i].run();
			puts("survived");
			return 0;
		}
	stop("no such case");
}
