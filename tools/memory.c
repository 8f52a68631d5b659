/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

static void *checked(void *memory, size_t nr, size_t width)
{
	if (!memory)
		fail("no memory for %zu elements of %zu bytes; try a smaller --size", nr, width);
	return memory;
}

void *need_zeroed(size_t nr, size_t width)
{
	return checked(calloc(nr ? nr : 1, width), nr, width);
}

void *need_lines(size_t nr, size_t width)
{
	enum { LINE = 64 };
	size_t bytes;

	if (__builtin_mul_overflow(nr, width, &bytes) || bytes > SIZE_MAX - LINE)
		return checked(NULL, nr, width);
	return checked(aligned_alloc(LINE, (bytes / LINE + 1) * LINE), nr, width);
}

void *need_resized(void *memory, size_t nr, size_t width)
{
	return checked(reallocarray(memory, nr ? nr : 1, width), nr, width);
}

char *need_copy(const char *text)
{
	return checked(strdup(text), strlen(text) + 1, 1);
}
