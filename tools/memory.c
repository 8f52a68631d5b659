/* SPDX-License-Identifier: MIT */
#include "memory.h"

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

void *need_resized(void *memory, size_t nr, size_t width)
{
	return checked(reallocarray(memory, nr ? nr : 1, width), nr, width);
}

char *need_copy(const char *text)
{
	return checked(strdup(text), strlen(text) + 1, 1);
}
