/* SPDX-License-Identifier: MIT */
#include "format.h"

#include <stdio.h>
#include <string.h>

const char *format_count(char text[FORMAT_MAX], uint64_t count)
{
	char digits[FORMAT_MAX];
	int nr = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	char *out = text;
	int i;

	for (i = 0; i < nr; i++) {
		if (i && (nr - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return text;
}

const char *format_bytes(char text[FORMAT_MAX], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1024 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(text, FORMAT_MAX, "%.*f", unit ? 2 : 0, value);
	if (strchr(text, '.')) {
		text[strlen(text) - strspn(strrchr(text, '.') + 2, "0")] = '\0';
		if (strcmp(strchr(text, '.'), ".0") == 0)
			*strchr(text, '.') = '\0';
	}
	snprintf(text + strlen(text), FORMAT_MAX - strlen(text), " %s", units[unit]);
	return text;
}

const char *format_short(char text[FORMAT_MAX], uint64_t number)
{
	static const char suffixes[] = "KMGT";
	const char *suffix = NULL;

	while (number && number % 1024 == 0 && (!suffix || suffix[1])) {
		number /= 1024;
		suffix = suffix ? suffix + 1 : suffixes;
	}
	snprintf(text, FORMAT_MAX, "%llu%.1s", (unsigned long long)number, suffix ? suffix : "");
	return text;
}

const char *format_limit(char text[FORMAT_MAX], uint64_t bytes)
{
	char number[FORMAT_MAX];
	uint64_t unit = 1;
	size_t digits;

	while (bytes / 1024 >= unit)
		unit *= 1024;
	/* Two decimals of the unit say it all. */
	if (bytes % unit * 100 % unit == 0)
		return format_bytes(text, bytes);
	format_short(number, bytes);
	digits = strspn(number, "0123456789");
	snprintf(text, FORMAT_MAX, "%.*s %s%s", (int)digits, number, number + digits,
		 number[digits] ? "iB" : "B");
	return text;
}

const char *format_plural(uint64_t nr)
{
	return nr == 1 ? "" : "s";
}

size_t format_fit(const char *text, size_t width)
{
	size_t length = strlen(text), end = width;

	if (length <= width)
		return length;
	while (end && text[end] != ' ')
		end--;
	return end ? end : width;
}
