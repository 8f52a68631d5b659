/* SPDX-License-Identifier: MIT */
/*
 * Values of options. Whatever cannot be taken ends the command with EXIT_USAGE and a line that
 * names the option, the value found, the values allowed and what to give instead.
 */
#ifndef TOOL_PARSE_H
#define TOOL_PARSE_H

#include <getopt.h>
#include <stdint.h>

enum { VALUES_MAX = 32 };

/* A list given to one option: "1,2,4" or "0-4". Invariant: nr <= VALUES_MAX, no value twice. */
struct values {
	uint32_t value[VALUES_MAX];
	unsigned int nr;
};

/* A word an option accepts. */
struct word {
	const char *name;
	uint32_t value;
};

/* A number; K, M, G and T multiply by powers of 1024. */
uint64_t parse_count(const char *option, const char *text, uint64_t min, uint64_t max);

/* The same for bytes: limits in the message are shown as sizes. */
uint64_t parse_size(const char *option, const char *text, uint64_t min, uint64_t max);

/* Seconds with up to three digits after the point, in milliseconds; so are the limits. */
uint64_t parse_milliseconds(const char *option, const char *text, uint64_t min, uint64_t max);

/* Comma lists of numbers (a range "0-4" stands for all in it) and of words. */
void parse_counts(const char *option, const char *text, uint32_t min, uint32_t max,
		  struct values *values);
/* Numbers as parse_counts() takes them, and one word that stands for a value beyond them. */
void parse_counts_or(const char *option, const char *text, uint32_t min, uint32_t max,
		     const struct word *word, struct values *values);
void parse_words(const char *option, const char *text, const struct word *words,
		 unsigned int nr_words, struct values *values);

/*
 * The file of --json, an option whose argument getopt_long() took for optional: "--json=FILE",
 * "--json FILE", or "-" where the next argument is another option or none.
 */
const char *parse_json(int argc, char **argv);

/* getopt_long() gave ':' or '?': say which of its complaints about which argument it is. */
_Noreturn void parse_refuse(int result, char **argv, const struct option *table);

/* A list of the one value; a list's values in ascending order. */
struct values values_one(uint32_t value);
void values_sort(struct values *values);

#endif /* TOOL_PARSE_H */
