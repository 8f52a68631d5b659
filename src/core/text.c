/* SPDX-License-Identifier: MIT */
#include "core/text.h"

enum {
	MAX_DIGITS = 20,
};

void qi_text_init(struct qi_text *text, char *buffer, size_t room)
{
	text->buffer = buffer;
	text->room = room;
	text->length = 0;
	if (room > 0)
		buffer[0] = '\0';
}

static void add_char(struct qi_text *text, char c)
{
	if (text->length + 1 < text->room) {
		text->buffer[text->length] = c;
		text->buffer[text->length + 1] = '\0';
	}
	text->length++;
}

static void add_string(struct qi_text *text, const char *string)
{
	while (*string != '\0')
		add_char(text, *string++);
}

static void add_number(struct qi_text *text, uint64_t number, unsigned int base, size_t columns)
{
	char digits[MAX_DIGITS];
	size_t n = 0;

	do {
		digits[n++] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number > 0);
	for (; columns > n; columns--)
		add_char(text, ' ');
	while (n > 0)
		add_char(text, digits[--n]);
}

void qi_text_number(struct qi_text *text, uint64_t number, size_t columns)
{
	add_number(text, number, 10, columns);
}

void qi_text_add_list(struct qi_text *text, const char *format, va_list arguments)
{
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			add_char(text, *format);
			continue;
		}
		switch (*++format) {
		case 's':
			add_string(text, va_arg(arguments, const char *));
			break;
		case 'u':
			add_number(text, va_arg(arguments, uint64_t), 10, 0);
			break;
		case 'x':
			add_string(text, "0x");
			add_number(text, va_arg(arguments, uint64_t), 16, 0);
			break;
		case '%':
			add_char(text, '%');
			break;
		default: /* a format that is not ours; or its end */
			return;
		}
	}
}

void qi_text_add(struct qi_text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	qi_text_add_list(text, format, arguments);
	va_end(arguments);
}
