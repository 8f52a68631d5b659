/* SPDX-License-Identifier: MIT */
/* Memory that the command itself needs; without it the command ends with a diagnostic. */
#ifndef TOOL_MEMORY_H
#define TOOL_MEMORY_H

#include <stddef.h>

/* Zeroed, resized, and a copy of a string; all ended by free(). */
void *need_zeroed(size_t nr, size_t width);
/* Not zeroed, and from the beginning of a cache line on. */
void *need_lines(size_t nr, size_t width);
void *need_resized(void *memory, size_t nr, size_t width);
char *need_copy(const char *text);

#endif /* TOOL_MEMORY_H */
