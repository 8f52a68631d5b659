/* SPDX-License-Identifier: MIT */
/* Numbers as people read them. Each returns the buffer it was given. */
#ifndef TOOL_FORMAT_H
#define TOOL_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum { FORMAT_MAX = 48 };

/* 1048576 as "1,048,576". */
const char *format_count(char text[FORMAT_MAX], uint64_t count);

/* 1073741824 as "1 GiB", 1536 as "1.5 KiB". */
const char *format_bytes(char text[FORMAT_MAX], uint64_t bytes);

/* The same where that is exact, else in a unit that is ("16776960 MiB"): a limit is no estimate. */
const char *format_limit(char text[FORMAT_MAX], uint64_t bytes);

/* What makes a plural of a word: "s", or "" for 1. */
const char *format_plural(uint64_t nr);

/* 16384 as "16K" where that is exact, as options take it; else the digits. */
const char *format_short(char text[FORMAT_MAX], uint64_t number);

/*
 * Length of the part of text that fits into width columns, broken at a space if there is one. What
 * follows is text + length, less its leading spaces.
 */
size_t format_fit(const char *text, size_t width);

#endif /* TOOL_FORMAT_H */
