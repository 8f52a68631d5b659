/* SPDX-License-Identifier: MIT */
/*
 * Quire without a C library: the bare port, linked with nothing but this file, which is all the kernel
 * there is. It starts at _start, says what it finds in TAP, and ends; two system calls stand for a console
 * and a power switch.
 */
#include <quire/quire.h>

enum {
	NR_PAGES = 6000,
	METADATA_BYTES = 64 * 1024,
};

static unsigned char metadata[METADATA_BYTES];
static uint32_t held[NR_PAGES];
static int nr_tests;
static int nr_failed;
static int nr_reports;

#if defined(__x86_64__)
enum {
	SYS_WRITE = 1,
	SYS_EXIT = 60,
};

static long system_call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
enum {
	SYS_WRITE = 64,
	SYS_EXIT = 93,
};

static long system_call(long number, long a, long b, long c)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
#endif

/* What a compiler may call on its own, and all that Quire asks of its surroundings. */
void *memset(void *to, int byte, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

void *memset(void *to, int byte, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((volatile unsigned char *)to)[i] = (unsigned char)byte;
	return to;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((volatile unsigned char *)to)[i] = ((const unsigned char *)from)[i];
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	if ((uintptr_t)to < (uintptr_t)from)
		return memcpy(to, from, bytes);
	for (size_t i = bytes; i > 0; i--)
		((volatile unsigned char *)to)[i - 1] = ((const unsigned char *)from)[i - 1];
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (((const unsigned char *)a)[i] != ((const unsigned char *)b)[i])
			return ((const unsigned char *)a)[i] < ((const unsigned char *)b)[i] ? -1
											     : 1;
	return 0;
}

static void print(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0')
		length++;
	system_call(SYS_WRITE, 1, (long)text, (long)length);
}

static void print_number(int number)
{
	char digit[2] = { (char)('0' + number % 10), '\0' };

	if (number >= 10)
		print_number(number / 10);
	print(digit);
}

static void check(int right, const char *what)
{
	nr_failed += !right;
	print(right ? "ok " : "not ok ");
	print_number(++nr_tests);
	print(" - ");
	print(what);
	print("\n");
}

static void report(void *context, const struct quire_report *what)
{
	(void)context;
	(void)what;
	nr_reports++;
}

static struct quire *boot(void)
{
	struct quire_config config;
	struct quire_region_config memory;
	struct quire *q = NULL;
	size_t bytes = 0;

	quire_config_init(&config);
	config.max_pages = NR_PAGES;
	config.report = report;
	check(quire_create(&config, &q) == -QUIRE_EOPNOTSUPP, "the port has no memory of its own");
	check(quire_metadata_size(&config, &bytes) == 0 && bytes <= METADATA_BYTES,
	      "metadata fits");
	memset(metadata, 0xa5, sizeof(metadata));
	check(quire_init(&config, metadata, sizeof(metadata), &q) == 0,
	      "an instance in a static buffer");
	quire_region_config_init(&memory);
	memory.base = 0x100000;
	memory.bytes = (uint64_t)NR_PAGES << 12;
	check(quire_region_add(q, &memory, NULL) == 0, "physical memory from 1 MiB on");
	return q;
}

static size_t take_all(struct quire *q)
{
	size_t n = 0;

	while (n < NR_PAGES && (held[n] = quire_alloc_pfn(q, 0, 0)) != QUIRE_NO_PFN)
		n++;
	return n;
}

static void run(struct quire *q)
{
	uint32_t first = quire_offset_to_pfn(q, (struct quire_region){ 1 }, 0);
	uint32_t block;
	size_t n;

	check(quire_pfn_to_base(q, first) == 0x100000, "the first page is at the base");
	check(quire_reserve(q, first, 300) == 0, "the image's pages are reserved");
	n = take_all(q);
	check(n == NR_PAGES - 300, "every other page can be had");
	check(quire_held(q) == n, "and is held");
	check(quire_free_pfn(q, first) == -QUIRE_EINVAL, "a reserved page is not freed");
	check(quire_free_bulk_pfn(q, n, held) == n, "all come back");
	check(quire_free_pfn(q, held[7]) == -QUIRE_EALREADY && nr_reports == 3, "but once");
	block = quire_alloc_pfn(q, QUIRE_ATOMIC, 9);
	check(block != QUIRE_NO_PFN && quire_split_pfn(q, block) == 0, "a block in pages");
	for (uint32_t i = 0; i < 512; i++)
		n += quire_free_pfn(q, block + i) != 0;
	check(n == NR_PAGES - 300 && quire_held(q) == 0, "which are freed one by one");
	check(quire_lists_limit(q, 40, 10) == 0, "limits of lists change");
	check(quire_age_start(q, 100) == -QUIRE_EOPNOTSUPP && nr_reports == 4,
	      "the port has no threads of its own");
	check(quire_age(q) == 0 && quire_age(q) > 0, "a pass of ours empties what is idle");
	check(quire_age_stop(q) == 0, "and there is nothing to stop");
	check(quire_destroy(q) == 0, "the end");
}

_Noreturn void _start(void);

/* The stack is as the loader left it: aligned for a program, not for a function. */
#if defined(__x86_64__)
__attribute__((force_align_arg_pointer))
#endif
_Noreturn void
_start(void)
{
	run(boot());
	print("1..");
	print_number(nr_tests);
	print("\n");
	system_call(SYS_EXIT, nr_failed != 0, 0, 0);
	for (;;)
		;
}
