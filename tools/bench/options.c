/* SPDX-License-Identifier: MIT */
/*
 * Options of the benches: one table gives the parser, the help and the limits, so that the three
 * cannot disagree.
 */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <quire/quire.h>

#include "../format.h"
#include "../say.h"
#include "lists.h"

enum { PAGE_BYTES = 4096, FIRST_OPTION = 256 };

#define MAX_BATCH (1u << 20)
#define MAX_RATE 1000000u
#define MAX_DRAINS UINT64_C(1000000000)
#define MAX_MILLISECONDS (UINT64_C(3600) * 1000)
#define MAX_PAGES (UINT64_C(1) << 31)

#define NR(words) ((unsigned int)(sizeof(words) / sizeof((words)[0])))

/* Quire comes first, whatever the list's order, and "all" is every one there is. */
static void set_allocator(struct bench_options *options, const char *name, const char *text)
{
	struct word words[NR_ALLOCATORS + 1];
	struct values given;
	uint32_t i, present = 0;

	for (i = 0; i < NR_ALLOCATORS; i++)
		words[i] = (struct word){ bench_allocator_name(i), i };
	words[NR_ALLOCATORS] = (struct word){ "all", NR_ALLOCATORS };
	parse_words(name, text, words, NR(words), &given);
	for (i = 0; i < given.nr; i++)
		present |= UINT32_C(1) << given.value[i];
	options->allocator_all = present >> NR_ALLOCATORS;
	options->allocator.nr = 0;
	for (i = 0; i < NR_ALLOCATORS; i++) {
		if (options->allocator_all || present >> i & 1)
			options->allocator.value[options->allocator.nr++] = i;
	}
}

static void set_cache(struct bench_options *options, const char *name, const char *text)
{
	const struct word words[] = {
		{ quire_cache_name(QUIRE_CACHE_NONE), QUIRE_CACHE_NONE },
		{ quire_cache_name(QUIRE_CACHE_LOCKED), QUIRE_CACHE_LOCKED },
		{ quire_cache_name(QUIRE_CACHE_PCP), QUIRE_CACHE_PCP },
		{ quire_cache_name(QUIRE_CACHE_MAGAZINE), QUIRE_CACHE_MAGAZINE },
	};

	parse_words(name, text, words, NR(words), &options->cache);
}

static void set_check(struct bench_options *options, const char *name, const char *text)
{
	const struct word words[] = {
		{ quire_check_name(QUIRE_CHECK_ON), QUIRE_CHECK_ON },
		{ quire_check_name(QUIRE_CHECK_OFF), QUIRE_CHECK_OFF },
		{ quire_check_name(QUIRE_CHECK_STRICT), QUIRE_CHECK_STRICT },
	};

	parse_words(name, text, words, NR(words), &options->check);
}

/* Biased comes first, whatever the list's order, and shared is compared. */
static void set_mode(struct bench_options *options, const char *name, const char *text)
{
	const struct word words[] = {
		{ bench_mode_name(MODE_BIASED), MODE_BIASED },
		{ bench_mode_name(MODE_SHARED), MODE_SHARED },
	};

	parse_words(name, text, words, NR(words), &options->mode);
	values_sort(&options->mode);
}

/* Single calls come first, whatever the list's order: bulk rows show their ratio to them. */
static void set_calls(struct bench_options *options, const char *name, const char *text)
{
	const struct word words[] = {
		{ bench_calls_name(CALLS_SINGLE), CALLS_SINGLE },
		{ bench_calls_name(CALLS_BULK), CALLS_BULK },
	};

	parse_words(name, text, words, NR(words), &options->calls);
	if (options->calls.nr == 2) {
		options->calls.value[0] = CALLS_SINGLE;
		options->calls.value[1] = CALLS_BULK;
	}
}

static void set_form(struct bench_options *options, const char *name, const char *text)
{
	const struct word words[] = {
		{ bench_form_name(FORM_PAGE), FORM_PAGE },
		{ bench_form_name(FORM_PFN), FORM_PFN },
		{ bench_form_name(FORM_OFFSET), FORM_OFFSET },
	};

	parse_words(name, text, words, NR(words), &options->form);
}

static void set_pattern(struct bench_options *options, const char *name, const char *text)
{
	const struct word words[] = {
		{ bench_pattern_name(PATTERN_INORDER), PATTERN_INORDER },
		{ bench_pattern_name(PATTERN_RANDOM), PATTERN_RANDOM },
	};

	parse_words(name, text, words, NR(words), &options->pattern);
}

static void set_order(struct bench_options *options, const char *name, const char *text)
{
	parse_counts(name, text, 0, QUIRE_MAX_ORDER, &options->order);
}

static void set_batch(struct bench_options *options, const char *name, const char *text)
{
	parse_counts(name, text, 1, MAX_BATCH, &options->batch);
}

static void set_level(struct bench_options *options, const char *name, const char *text)
{
	parse_counts(name, text, 0, 99, &options->level);
}

static void set_threads(struct bench_options *options, const char *name, const char *text)
{
	options->threads = (uint32_t)parse_count(name, text, 1, 1024);
}

static void set_thread_list(struct bench_options *options, const char *name, const char *text)
{
	parse_counts(name, text, 1, 1024, &options->thread_list);
}

static void set_pairs(struct bench_options *options, const char *name, const char *text)
{
	parse_counts(name, text, 1, 512, &options->pairs);
}

/* The busy CPU comes first, and without drains before it is drained: rows are set against that. */
static void set_victim(struct bench_options *options, const char *name, const char *text)
{
	const struct word words[] = {
		{ bench_victim_name(VICTIM_BUSY), VICTIM_BUSY },
		{ bench_victim_name(VICTIM_PACED), VICTIM_PACED },
		{ bench_victim_name(VICTIM_IDLE), VICTIM_IDLE },
	};

	parse_words(name, text, words, NR(words), &options->victim);
	values_sort(&options->victim);
}

static void set_rate(struct bench_options *options, const char *name, const char *text)
{
	const struct word max = { bench_rate_name(RATE_MAX), RATE_MAX };

	parse_counts_or(name, text, 0, MAX_RATE, &max, &options->rate);
	values_sort(&options->rate);
}

static void set_target(struct bench_options *options, const char *name, const char *text)
{
	const struct word words[] = {
		{ bench_target_name(TARGET_ONE), TARGET_ONE },
		{ bench_target_name(TARGET_ALL), TARGET_ALL },
	};

	parse_words(name, text, words, NR(words), &options->target);
}

static void set_drains(struct bench_options *options, const char *name, const char *text)
{
	options->drains = parse_count(name, text, 1, MAX_DRAINS);
}

static void set_seconds(struct bench_options *options, const char *name, const char *text)
{
	options->milliseconds = parse_milliseconds(name, text, 1, MAX_MILLISECONDS);
}

static void set_pages(struct bench_options *options, const char *name, const char *text)
{
	options->nr_pages = parse_count(name, text, QUIRE_PAGEBLOCK_PAGES, MAX_PAGES);
}

static void set_size(struct bench_options *options, const char *name, const char *text)
{
	uint64_t bytes = parse_size(name, text, (uint64_t)QUIRE_PAGEBLOCK_PAGES * PAGE_BYTES,
				    MAX_PAGES * PAGE_BYTES);

	if (bytes % PAGE_BYTES)
		fail_usage("%s: '%s' is not a multiple of the page size, %d bytes; round it up to "
			   "%llu",
			   name, text, PAGE_BYTES,
			   (unsigned long long)(bytes + PAGE_BYTES - bytes % PAGE_BYTES));
	options->nr_pages = bytes / PAGE_BYTES;
}

static void set_whole(struct bench_options *options, const char *name, const char *text)
{
	(void)name;
	(void)text;
	options->whole = true;
}

static void set_work(struct bench_options *options, const char *name, const char *text)
{
	options->work = parse_count(name, text, 1, UINT64_C(1) << 40);
}

static void set_rounds(struct bench_options *options, const char *name, const char *text)
{
	options->rounds = (uint32_t)parse_count(name, text, 1, 1000000);
}

static void set_runs(struct bench_options *options, const char *name, const char *text)
{
	options->runs = (uint32_t)parse_count(name, text, 1, 10000);
}

static void set_seed(struct bench_options *options, const char *name, const char *text)
{
	options->seed = parse_count(name, text, 0, UINT64_MAX);
}

static void set_json(struct bench_options *options, const char *name, const char *text)
{
	(void)name;
	options->json = text;
}

struct entry {
	unsigned int bit;
	const char *name;
	const char *value; /* NULL: takes none */
	const char *help;
	void (*set)(struct bench_options *options, const char *name, const char *text);
};

static const struct entry entries[] = {
	{ OPTION_ALLOCATOR, "allocator", "LIST", "quire, rte_mempool; all: those that were built",
	  set_allocator },
	{ OPTION_CACHE, "cache", "LIST", "required: none, locked, pcp, magazine", set_cache },
	{ OPTION_CHECK, "check", "LIST", "on, off, strict: what frees verify", set_check },
	{ OPTION_MODE, "mode", "LIST", "biased, shared: of pcp's CPUs; shared is isolated",
	  set_mode },
	{ OPTION_CALLS, "calls", "LIST", "single, bulk: a call a block, or a call a batch",
	  set_calls },
	{ OPTION_FORM, "form", "LIST", "page (pointers), pfn, offset", set_form },
	{ OPTION_PATTERN, "pattern", "LIST", "inorder, random: the order of frees", set_pattern },
	{ OPTION_ORDER, "order", "LIST", "blocks of 2^order pages, 0 to 18", set_order },
	{ OPTION_BATCH, "batch", "LIST", "blocks taken before any is given back", set_batch },
	{ OPTION_LEVEL, "level", "LIST", "percent that is held, 0 to 99", set_level },
	{ OPTION_THREADS, "threads", "N", "threads, each bound to a CPU in turn", set_threads },
	{ OPTION_THREAD_LIST, "threads", "LIST", "threads, each bound to a CPU in turn",
	  set_thread_list },
	{ OPTION_PAIRS, "pairs", "LIST", "pairs of threads: one allocates, the other frees",
	  set_pairs },
	{ OPTION_VICTIM, "victim", "LIST", "busy, paced, idle: what the drained CPU does",
	  set_victim },
	{ OPTION_TARGET, "target", "LIST", "one, all: the victim's list is drained, or every CPU's",
	  set_target },
	{ OPTION_RATE, "rate", "LIST", "drains a second, or max; 0, the control, is in", set_rate },
	{ OPTION_DRAINS, "drains", "N", "end a run after so many drains, not by time; one run",
	  set_drains },
	{ OPTION_SECONDS, "seconds", "S", "length of each run of a row, as 1 or 0.05",
	  set_seconds },
	{ OPTION_SIZE, "size", "BYTES", "size of the region (K, M, G, T)", set_size },
	{ OPTION_SIZE, "pages", "N", "the same in pages of 4 KiB", set_pages },
	{ OPTION_WHOLE, "whole", NULL, "allocate the whole region in batches, then free it all",
	  set_whole },
	{ OPTION_WORK, "work", "N", "blocks that each timed section allocates", set_work },
	{ OPTION_ROUNDS, "rounds", "N", "rounds of freeing and allocating again", set_rounds },
	{ OPTION_RUNS, "runs", "N", "runs of each row; their median is shown", set_runs },
	{ OPTION_SEED, "seed", "N", "seed of the random order", set_seed },
	{ OPTION_JSON, "json", "[FILE]", "JSON to FILE, or instead of the table", set_json },
};

/* Append the names or numbers of a list: "single,bulk". */
static void show_list(char *text, size_t bytes, const struct values *values,
		      const char *(*name)(uint32_t value))
{
	size_t used = 0;
	unsigned int i;

	for (i = 0; i < values->nr && used < bytes; i++)
		used += (size_t)(name ? snprintf(text + used, bytes - used, "%s%s", i ? "," : "",
						 name(values->value[i]))
				      : snprintf(text + used, bytes - used, "%s%u", i ? "," : "",
						 values->value[i]));
}

static const char *cache_default_name(uint32_t cache)
{
	return cache == QUIRE_CACHE_DEFAULT ? "the best offered" : quire_cache_name(cache);
}

/* A number option's value; 0: none, or chosen when the others are known. */
static uint64_t number_of(unsigned int bit, const struct bench_options *options)
{
	switch (bit) {
	case OPTION_THREADS:
		return options->threads;
	case OPTION_SIZE:
		return options->nr_pages * PAGE_BYTES;
	case OPTION_WORK:
		return options->work;
	case OPTION_ROUNDS:
		return options->rounds;
	case OPTION_RUNS:
		return options->runs;
	case OPTION_SEED:
		return options->seed;
	default:
		return 0;
	}
}

/* The value that an option has when it is not given; "" if it is chosen from the others. */
static void show_default(char *text, size_t bytes, const struct entry *entry,
			 const struct bench_options *options)
{
	struct option_list lists[LISTS_MAX];
	unsigned int nr = lists_of(options, lists), i;
	uint64_t number = number_of(entry->bit, options);
	char digits[FORMAT_MAX];

	text[0] = '\0';
	for (i = 0; i < nr && lists[i].bit != entry->bit; i++)
		;
	if (i < nr)
		show_list(text, bytes, lists[i].values,
			  entry->bit == OPTION_CACHE ? cache_default_name : lists[i].word);
	else if (entry->bit == OPTION_WORK && !options->work)
		snprintf(text, bytes, "about %u ms", options->section_ms);
	else if (entry->bit == OPTION_SECONDS)
		snprintf(text, bytes, "%g", (double)options->milliseconds / 1000);
	else if (number && entry->set != set_pages)
		snprintf(text, bytes, "%s", format_short(digits, number));
}

static void help_option(const struct entry *entry, const struct bench_options *defaults)
{
	char left[32], value[128];

	snprintf(left, sizeof(left), "--%s %s", entry->name, entry->value ? entry->value : "");
	show_default(value, sizeof(value), entry, defaults);
	printf("  %-16s %s%s%s%s\n", left, entry->help, *value ? " [" : "", value,
	       *value ? "]" : "");
}

static void help(const struct bench *bench, const struct bench_options *defaults)
{
	unsigned int i;

	printf("Usage: quire bench %s [OPTION]...\n\n%s\n\n"
	       "Options (LIST: a,b or 0-4; what holds without them stands in brackets):\n",
	       bench->name, bench->text);
	for (i = 0; i < NR(entries); i++) {
		if (bench->accepts & entries[i].bit)
			help_option(&entries[i], defaults);
	}
	printf("  %-16s %s\n\nExamples:\n%s", "--help", "this text", bench->examples);
}

static int argument_of(const struct entry *entry)
{
	if (entry->bit == OPTION_JSON)
		return optional_argument;
	return entry->value ? required_argument : no_argument;
}

/* getopt_long()'s table of what this bench accepts; returned values are FIRST_OPTION + entry. */
static void long_options(const struct bench *bench, struct option *table)
{
	unsigned int i;

	for (i = 0; i < NR(entries); i++) {
		if (bench->accepts & entries[i].bit)
			*table++ = (struct option){ entries[i].name, argument_of(&entries[i]), NULL,
						    FIRST_OPTION + (int)i };
	}
	*table++ = (struct option){ "help", no_argument, NULL, 'h' };
	*table = (struct option){ 0 };
}

/* Two names of one value: the entry that was given last time stands in by_size. */
static void check_size_once(const struct entry *entry, const struct entry **by_size)
{
	if (entry->bit != OPTION_SIZE)
		return;
	if (*by_size && *by_size != entry)
		fail_usage("--%s and --%s are two names of the region's size; give one of them",
			   (*by_size)->name, entry->name);
	*by_size = entry;
}

/* What is Quire's alone, and would be passed over in silence where only others are measured. */
static void check_for_quire(const struct bench_options *options, unsigned int given)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} quires[] = {
		{ OPTION_CACHE, "--cache" }, { OPTION_CHECK, "--check" }, { OPTION_MODE, "--mode" },
		{ OPTION_FORM, "--form" },   { OPTION_ORDER, "--order" },
	};
	unsigned int i;

	for (i = 0; i < options->allocator.nr; i++) {
		if (options->allocator.value[i] == ALLOCATOR_QUIRE)
			return;
	}
	for (i = 0; i < NR(quires); i++) {
		if (given & quires[i].bit)
			fail_usage("%s is for Quire alone, and --allocator does not name it; leave "
				   "%s out, or add quire to --allocator",
				   quires[i].name, quires[i].name);
	}
}

/* Modes would be passed over in silence where no cache has them. */
static void check_for_pcp(const struct bench_options *options)
{
	unsigned int i;

	if (!(options->given & OPTION_MODE))
		return;
	for (i = 0; i < options->cache.nr; i++) {
		if (options->cache.value[i] == QUIRE_CACHE_PCP ||
		    options->cache.value[i] == QUIRE_CACHE_DEFAULT)
			return;
	}
	fail_usage("--mode is for the cache pcp alone, and --cache does not name it; leave --mode "
		   "out, or add pcp to --cache");
}

void bench_parse(const struct bench *bench, struct bench_options *options, int argc, char **argv)
{
	const struct bench_options defaults = *options;
	struct option table[NR(entries) + 2];
	const struct entry *entry, *by_size = NULL;
	char name[32];
	int result;

	long_options(bench, table);
	opterr = 0;
	optind = 1;
	while ((result = getopt_long(argc, argv, "+:h", table, NULL)) != -1) {
		if (result == 'h') {
			help(bench, &defaults);
			exit(say_result_written() ? EXIT_DONE : EXIT_FAILED);
		}
		if (result < FIRST_OPTION)
			parse_refuse(result, argv, table);
		entry = &entries[result - FIRST_OPTION];
		check_size_once(entry, &by_size);
		options->given |= entry->bit;
		snprintf(name, sizeof(name), "--%s", entry->name);
		entry->set(options, name,
			   entry->bit == OPTION_JSON ? parse_json(argc, argv) : optarg);
	}
	if (optind < argc)
		fail_usage("'%s' is not an option; options begin with --", argv[optind]);
	check_for_quire(options, options->given);
	check_for_pcp(options);
}
