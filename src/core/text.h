/* SPDX-License-Identifier: MIT */
/*
 * Text without a C library: diagnostics and statistics are written by hosted programs and small
 * kernels alike. Formats know %s (const char *), %u and %x (both uint64_t: wrap numbers in QI_U),
 * and %%.
 */
#ifndef QI_CORE_TEXT_H
#define QI_CORE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define QI_U(number) ((uint64_t)(number))

struct qi_text {
	char *buffer; /* NUL-terminated after each call if room > 0 */
	size_t room;
	size_t length; /* of the whole text, whether or not it fitted */
};

void qi_text_init(struct qi_text *text, char *buffer, size_t room);
void qi_text_add(struct qi_text *text, const char *format, ...);
void qi_text_add_list(struct qi_text *text, const char *format, va_list arguments);
/* A number right-aligned in that many columns. */
void qi_text_number(struct qi_text *text, uint64_t number, size_t columns);

#endif /* QI_CORE_TEXT_H */
