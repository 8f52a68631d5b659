/* SPDX-License-Identifier: MIT */
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "say.h"

enum { TEXT_MAX = 512 };

/* Exponent of a size suffix; -1 for a character that is none. */
static int suffix_shift(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	case 't':
	case 'T':
		return 40;
	default:
		return -1;
	}
}

/* The whole of text as a number with an optional suffix ("64K", "1GiB"). */
static bool read_number(const char *text, uint64_t *number)
{
	unsigned long long value;
	char *end;
	int shift = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		shift = suffix_shift(*end++);
		if (shift < 0)
			return false;
		if (*end && strcmp(end, "iB") != 0 && strcmp(end, "B") != 0)
			return false;
	}
	if (value > UINT64_MAX >> shift)
		return false;
	*number = (uint64_t)value << shift;
	return true;
}

/* With a word (NULL: none) that might have stood there instead, and was not found. */
static uint64_t read_count(const char *option, const char *text, uint64_t min, uint64_t max,
			   const struct word *word)
{
	uint64_t number;

	if (read_number(text, &number) && number >= min && number <= max)
		return number;
	fail_usage("%s: '%s' is not a number from %llu to %llu%s%s", option, text,
		   (unsigned long long)min, (unsigned long long)max, word ? ", nor " : "",
		   word ? word->name : "");
}

uint64_t parse_count(const char *option, const char *text, uint64_t min, uint64_t max)
{
	return read_count(option, text, min, max, NULL);
}

uint64_t parse_size(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char low[FORMAT_MAX], high[FORMAT_MAX];
	uint64_t number;

	if (read_number(text, &number) && number >= min && number <= max)
		return number;
	fail_usage(
		"%s: '%s' is not a size from %s to %s; give bytes, or a number with K, M, G or T",
		option, text, format_limit(low, min), format_limit(high, max));
}

/* "1", "0.25": digits with at most three more behind a point. */
static bool read_milliseconds(const char *text, uint64_t *milliseconds)
{
	size_t whole = strspn(text, "0123456789"), part = 0;
	uint64_t scale = 1000;

	if (!whole || whole > 9)
		return false;
	*milliseconds = strtoull(text, NULL, 10) * scale;
	text += whole;
	if (*text == '.') {
		part = strspn(++text, "0123456789");
		if (!part || part > 3)
			return false;
	}
	for (; part; part--)
		*milliseconds += (uint64_t)(*text++ - '0') * (scale /= 10);
	return *text == '\0';
}

uint64_t parse_milliseconds(const char *option, const char *text, uint64_t min, uint64_t max)
{
	uint64_t number;

	if (read_milliseconds(text, &number) && number >= min && number <= max)
		return number;
	fail_usage("%s: '%s' is not a number of seconds from %g to %g; give it as 2 or 0.25, with "
		   "at most three digits behind the point",
		   option, text, (double)min / 1000, (double)max / 1000);
}

static void add_value(const char *option, struct values *values, uint32_t value, const char *item)
{
	unsigned int i;

	for (i = 0; i < values->nr; i++) {
		if (values->value[i] == value)
			fail_usage("%s: '%s' is in the list twice; name each value once", option,
				   item);
	}
	if (values->nr == VALUES_MAX)
		fail_usage("%s: the list has more than %d values; split it over several runs",
			   option, VALUES_MAX);
	values->value[values->nr++] = value;
}

/* A range "first-last"; what is refused is named whole. */
static void read_range(const char *option, const char *item, uint32_t min, uint32_t max,
		       uint64_t *first, uint64_t *last)
{
	char copy[TEXT_MAX], *dash;

	strcpy(copy, item);
	dash = strchr(copy, '-');
	*dash = '\0';
	if (!read_number(copy, first) || !read_number(dash + 1, last) || *first < min ||
	    *last < min || *first > max || *last > max)
		fail_usage("%s: '%s' is not a range of numbers from %u to %u", option, item, min,
			   max);
	if (*last < *first)
		fail_usage("%s: the range %s runs backwards; write the smaller number first",
			   option, item);
}

/* A number, or a range. A dash in front is a sign, and no number here has one. */
static void add_counts(const char *option, const char *item, uint32_t min, uint32_t max,
		       const struct word *word, struct values *values)
{
	uint64_t first, last;
	char digits[FORMAT_MAX];

	if (item[0] != '-' && strchr(item, '-'))
		read_range(option, item, min, max, &first, &last);
	else
		first = last = read_count(option, item, min, max, word);
	for (; first <= last; first++) {
		snprintf(digits, sizeof(digits), "%u", (uint32_t)first);
		add_value(option, values, (uint32_t)first, digits);
	}
}

static void add_word(const char *option, const char *item, const struct word *words,
		     unsigned int nr_words, struct values *values)
{
	char allowed[TEXT_MAX] = "";
	size_t used = 0;
	unsigned int i;

	for (i = 0; i < nr_words; i++) {
		if (strcmp(item, words[i].name) == 0) {
			add_value(option, values, words[i].value, item);
			return;
		}
		used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s",
					 i ? ", " : "", words[i].name);
	}
	fail_usage("%s: '%s' is not known; choose from %s", option, item, allowed);
}

/* A copy of a list's text that strtok_r() may cut up. */
static void copy_list(const char *option, const char *text, char copy[TEXT_MAX])
{
	size_t length = strlen(text);

	if (length && (text[0] == ',' || text[length - 1] == ',' || strstr(text, ",,")))
		fail_usage("%s: '%s' has a comma with no value beside it; give values with one "
			   "comma between two",
			   option, text);
	if (length >= TEXT_MAX)
		fail_usage("%s: the list is longer than %d characters; split it over several runs",
			   option, TEXT_MAX - 1);
	strcpy(copy, text);
}

void parse_counts(const char *option, const char *text, uint32_t min, uint32_t max,
		  struct values *values)
{
	parse_counts_or(option, text, min, max, NULL, values);
}

void parse_counts_or(const char *option, const char *text, uint32_t min, uint32_t max,
		     const struct word *word, struct values *values)
{
	char copy[TEXT_MAX], *item, *rest;

	if (!*text)
		fail_usage("%s: '' names no value; give numbers from %u to %u%s%s", option, min,
			   max, word ? ", or " : "", word ? word->name : "");
	copy_list(option, text, copy);
	values->nr = 0;
	for (item = strtok_r(copy, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
		if (word && strcmp(item, word->name) == 0)
			add_value(option, values, word->value, item);
		else
			add_counts(option, item, min, max, word, values);
	}
}

void parse_words(const char *option, const char *text, const struct word *words,
		 unsigned int nr_words, struct values *values)
{
	char copy[TEXT_MAX], *item, *rest;

	if (!*text)
		fail_usage("%s: '' names no value; see the help for the values", option);
	copy_list(option, text, copy);
	values->nr = 0;
	for (item = strtok_r(copy, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
		add_word(option, item, words, nr_words, values);
}

const char *parse_json(int argc, char **argv)
{
	const char *file = optarg;

	if (!file && optind < argc && (argv[optind][0] != '-' || !argv[optind][1]))
		file = argv[optind++];
	if (file && !*file)
		fail_usage("--json: the file's name is empty; give one, or - for standard output");
	return file ? file : "-";
}

/* How many names of the table begin with the first length characters of name, and which. */
static unsigned int list_names(const struct option *table, const char *name, size_t length,
			       char text[TEXT_MAX])
{
	unsigned int nr = 0;
	size_t used = 0;

	text[0] = '\0';
	for (; table->name; table++) {
		if (strncmp(table->name, name, length) != 0)
			continue;
		if (used < TEXT_MAX)
			used += (size_t)snprintf(text + used, TEXT_MAX - used, "%s--%s",
						 nr ? ", " : "", table->name);
		nr++;
	}
	return nr;
}

/* An option that begins with "--", whole or in part, with or without a value. */
static _Noreturn void refuse_long(const char *argument, const struct option *table)
{
	size_t length = strcspn(argument + 2, "=");
	char names[TEXT_MAX];
	unsigned int nr = length ? list_names(table, argument + 2, length, names) : 0;

	if (nr > 1)
		fail_usage("'%s' is short for several options: %s; write out the one that is meant",
			   argument, names);
	if (nr == 1)
		fail_usage("'%s': the option %s takes no value; leave the value out", argument,
			   names);
	list_names(table, "", 0, names);
	fail_usage("'%.*s' is not an option here; there are %s", (int)length + 2, argument, names);
}

/*
 * getopt_long() leaves in optopt the letter of an option that has one letter, and 0 for a long one
 * that it does not know; for one with a value too much, the value that the table has for it.
 */
static bool is_long(const char *argument, const struct option *table)
{
	size_t length;

	if (!optopt)
		return true;
	if (strncmp(argument, "--", 2) != 0)
		return false;
	length = strcspn(argument + 2, "=");
	for (; table->name; table++) {
		if (table->val == optopt && table->has_arg == no_argument && argument[2 + length] &&
		    strncmp(table->name, argument + 2, length) == 0)
			return true;
	}
	return false;
}

void parse_refuse(int result, char **argv, const struct option *table)
{
	const char *argument = argv[optind - 1];
	char names[TEXT_MAX];

	if (result == ':')
		fail_usage("the option '%s' needs a value", argument);
	if (is_long(argument, table))
		refuse_long(argument, table);
	list_names(table, "", 0, names);
	fail_usage("'-%c' is not an option here; there are %s", optopt, names);
}

struct values values_one(uint32_t value)
{
	return (struct values){ .value = { value }, .nr = 1 };
}

static int compare_values(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void values_sort(struct values *values)
{
	qsort(values->value, values->nr, sizeof(values->value[0]), compare_values);
}
