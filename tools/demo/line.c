/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../format.h"
#include "../say.h"
#include "demo.h"

enum { INDENT = 3, LABEL = 12, TEXT_MAX = 1024 };

void demo_line(const char *label, const char *format, ...)
{
	char buffer[TEXT_MAX];
	const char *text = buffer;
	size_t part;
	va_list list;

	va_start(list, format);
	vsnprintf(buffer, sizeof(buffer), format, list);
	va_end(list);
	do {
		part = format_fit(text, DEMO_WIDTH - INDENT - LABEL);
		printf("%*s%-*s%.*s\n", INDENT, "", LABEL, label, (int)part, text);
		text += part;
		text += strspn(text, " ");
		label = "";
	} while (*text);
}

bool demo_verdict(bool held, const char *text)
{
	const char *colour = held ? "\033[32m" : "\033[31m";
	bool coloured = say_in_colour();

	printf("%*s%s%-*s%s%s\n", INDENT, "", coloured ? colour : "", LABEL, held ? "ok" : "FAILED",
	       coloured ? "\033[0m" : "", text);
	fflush(stdout);
	return held;
}
