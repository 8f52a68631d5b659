/* SPDX-License-Identifier: MIT */
/*
 * A program without libc, as a small kernel is: metadata in its own image, memory that has no
 * address here. Its exit status is the number of the step that failed.
 */
#include <quire/quire.h>

enum {
	NR_PAGES = 1 << 14,
	METADATA_BYTES = 1 << 16,
	NR_BULK = 100,
};

static unsigned char metadata[METADATA_BYTES];

void *memset(void *to, int byte, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
_Noreturn void begin(void);

void *memset(void *to, int byte, size_t bytes)
{
	for (unsigned char *at = to; bytes > 0; bytes--)
		*at++ = (unsigned char)byte;
	return to;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
	const unsigned char *source = from;

	for (unsigned char *at = to; bytes > 0; bytes--)
		*at++ = *source++;
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	const unsigned char *source = from;
	unsigned char *at = to;

	if (at <= source)
		return memcpy(to, from, bytes);
	while (bytes-- > 0)
		at[bytes] = source[bytes];
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const unsigned char *left = a;
	const unsigned char *right = b;

	for (size_t i = 0; i < bytes; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

static int set_up(struct quire **q)
{
	struct quire_config config;
	struct quire_region_config region;

	quire_config_init(&config);
	config.max_pages = NR_PAGES;
	if (quire_init(&config, metadata, sizeof(metadata), q) != 0)
		return 1;
	quire_region_config_init(&region);
	region.base = UINT64_C(1) << 40;
	region.bytes = (uint64_t)NR_PAGES << 12;
	return quire_region_add(*q, &region, NULL) == 0 ? 0 : 2;
}

static int use(struct quire *q)
{
	static uint32_t pfns[NR_BULK];
	uint32_t block;

	if (quire_reserve(q, 0, 16) != 0)
		return 3;
	if (quire_alloc_bulk_pfn(q, 0, 0, NR_BULK, pfns) != NR_BULK)
		return 4;
	block = quire_alloc_pfn(q, 0, QUIRE_PAGEBLOCK_ORDER);
	if (block == QUIRE_NO_PFN || quire_order(q, block) != (int)QUIRE_PAGEBLOCK_ORDER)
		return 5;
	if (quire_free_bulk_pfn(q, NR_BULK, pfns) != NR_BULK || quire_free_pfn(q, block) != 0)
		return 6;
	if (quire_free_pfn(q, block) == 0)
		return 7;
	return quire_destroy(q) == 0 ? 0 : 8;
}

static _Noreturn void leave(long status)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall" : : "a"(231L), "D"(status) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x0 __asm__("x0") = status;
	register long x8 __asm__("x8") = 94;

	__asm__ volatile("svc 0" : : "r"(x0), "r"(x8) : "memory");
#endif
	for (;;)
		;
}

/* Nobody called this function, so the stack is not aligned as a caller would have left it. */
#if defined(__x86_64__)
__attribute__((force_align_arg_pointer))
#endif
_Noreturn void
begin(void)
{
	struct quire *q;
	int failed = set_up(&q);

	leave(failed != 0 ? failed : use(q));
}
