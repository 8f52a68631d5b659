/* SPDX-License-Identifier: MIT */
/*
 * Checking tools. The library is built without them; what the program was built with is known by
 * whether the tool's entry points are there (weak references), or, for Valgrind, by asking through
 * its own instructions.
 */
#include "port/port.h"

#include <quire/types.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_NOACCESS(memory, bytes) ((void)(memory), (void)(bytes))
#define VALGRIND_MAKE_MEM_UNDEFINED(memory, bytes) ((void)(memory), (void)(bytes))
#define VALGRIND_MAKE_MEM_DEFINED(memory, bytes) ((void)(memory), (void)(bytes))
#endif

void __asan_poison_memory_region(void const volatile *memory, size_t bytes) __attribute__((weak));
void __asan_unpoison_memory_region(void const volatile *memory, size_t bytes) __attribute__((weak));
void __tsan_acquire(void *memory) __attribute__((weak));
void __tsan_release(void *memory) __attribute__((weak));

/* What is handed over as one may go on in parts: each page has an order of its own. */
static void for_pages(void (*order)(void *), void *memory, size_t bytes, size_t page_bytes)
{
	for (size_t at = 0; order != NULL && at < bytes; at += page_bytes)
		order((char *)memory + at);
}

static void unpoison(uint32_t aids, void *memory, size_t bytes, size_t page_bytes)
{
	if ((aids & QUIRE_AID_TSAN) != 0)
		for_pages(__tsan_acquire, memory, bytes, page_bytes);
	if ((aids & QUIRE_AID_ASAN) != 0 && __asan_unpoison_memory_region != NULL)
		__asan_unpoison_memory_region(memory, bytes);
}

void qp_aid_allocated(uint32_t aids, void *memory, size_t bytes, size_t page_bytes)
{
	unpoison(aids, memory, bytes, page_bytes);
	if ((aids & QUIRE_AID_VALGRIND) != 0)
		(void)VALGRIND_MAKE_MEM_UNDEFINED(memory, bytes);
}

void qp_aid_kept(uint32_t aids, void *memory, size_t bytes, size_t page_bytes)
{
	unpoison(aids, memory, bytes, page_bytes);
	if ((aids & QUIRE_AID_VALGRIND) != 0)
		(void)VALGRIND_MAKE_MEM_DEFINED(memory, bytes);
}

void qp_aid_freed(uint32_t aids, void *memory, size_t bytes, size_t page_bytes)
{
	if ((aids & QUIRE_AID_VALGRIND) != 0)
		(void)VALGRIND_MAKE_MEM_NOACCESS(memory, bytes);
	if ((aids & QUIRE_AID_ASAN) != 0 && __asan_poison_memory_region != NULL)
		__asan_poison_memory_region(memory, bytes);
	if ((aids & QUIRE_AID_TSAN) != 0)
		for_pages(__tsan_release, memory, bytes, page_bytes);
}
