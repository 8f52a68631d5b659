/* SPDX-License-Identifier: MIT */
/*
 * A user's program, built for a checking tool and linked with a library that was not: it does one
 * thing that is right, or one that the tool has to find. aids.py runs it and reads what the tool
 * says.
 *
 *	user CACHE CASE		prints "survived" if nothing stopped it
 */
#include <quire/quire.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_PAGES 1024u
#define PAGE 4096u

static struct quire *q;
static char *memory;

_Noreturn static void stop(const char *why)
{
	fprintf(stderr, "user: %s\n", why);
	exit(3);
}

static void open_instance(const char *cache)
{
	struct quire_config config;
	struct quire_region_config region;

	quire_config_init(&config);
	config.max_pages = NR_PAGES;
	config.nr_cpus = 2;
	config.cache = config.require = strcmp(cache, "none") == 0 ? QUIRE_CACHE_NONE
								   : QUIRE_CACHE_LOCKED;
	memory = aligned_alloc(PAGE, (size_t)NR_PAGES * PAGE);
	quire_region_config_init(&region);
	region.addr = memory;
	region.bytes = (uint64_t)NR_PAGES * PAGE;
	if (!memory || quire_create(&config, &q) != 0 || quire_region_add(q, &region, NULL) != 0)
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
		{ "race", race },
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
