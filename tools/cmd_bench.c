/* SPDX-License-Identifier: MIT */
/* `quire bench`: finds the benchmark named and hands it its options. */
#include <stdio.h>
#include <string.h>

#include <quire/quire.h>

#include "bench/bench.h"
#include "command.h"
#include "say.h"

static const struct bench *const benches[] = {
	&bench_pagealloc, &bench_repeat, &bench_cross, &bench_contend,
	&bench_fill,	  &bench_drain,	 &bench_reach, &bench_frag,
};

enum { NR_BENCHES = sizeof(benches) / sizeof(benches[0]) };

/* "pagealloc, fill, frag" */
static const char *names(void)
{
	static char text[256];
	size_t used = 0;
	unsigned int i;

	for (i = 0; i < NR_BENCHES; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "",
					 benches[i]->name);
	return text;
}

static int help(void)
{
	unsigned int i;

	printf("Usage: quire bench NAME [OPTION]...\n\nBenchmarks:\n");
	for (i = 0; i < NR_BENCHES; i++)
		printf("  %-10s %s\n", benches[i]->name, benches[i]->summary);
	printf("\n"
	       "'quire bench NAME --help' describes a benchmark and its options. Times are per\n"
	       "page and are medians of several runs; the spread is the distance of the\n"
	       "quartiles. With --json a result is written for programs, with the machine and\n"
	       "the options in it. 'quire-shared' in the build folder is the same command with\n"
	       "the shared library.\n\n"
	       "Examples:\n"
	       "  quire bench pagealloc --calls single,bulk\n"
	       "  quire bench fill --cache none,locked\n"
	       "  quire bench frag --cache locked --threads 2 --json frag.json\n");
	return EXIT_DONE;
}

/* Lists that were not given become the one value that every bench starts from. */
static struct bench_options common_defaults(void)
{
	return (struct bench_options){
		.allocator = values_one(ALLOCATOR_QUIRE),
		.cache = values_one(QUIRE_CACHE_DEFAULT),
		.check = values_one(QUIRE_CHECK_ON),
		.mode = values_one(MODE_BIASED),
		.calls = values_one(CALLS_SINGLE),
		.form = values_one(FORM_PAGE),
		.pattern = values_one(PATTERN_INORDER),
		.order = values_one(0),
		.batch = values_one(64),
		.thread_list = values_one(1),
		.pairs = values_one(1),
		.threads = 1,
		.section_ms = 30,
		.seed = 1,
	};
}

static int run(const struct bench *bench, int argc, char **argv)
{
	static char name[64];
	struct bench_options options = common_defaults();

	snprintf(name, sizeof(name), "quire bench %s", bench->name);
	say_command(name);
	bench->defaults(&options);
	bench_parse(bench, &options, argc, argv);
	return bench->run(&options);
}

int cmd_bench(int argc, char **argv)
{
	unsigned int i;

	say_command("quire bench");
	if (argc < 2)
		fail_usage("no benchmark given; choose from %s", names());
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help();
	for (i = 0; i < NR_BENCHES; i++) {
		if (strcmp(argv[1], benches[i]->name) == 0)
			return run(benches[i], argc - 1, argv + 1);
	}
	fail_usage("'%s' is not a benchmark; choose from %s", argv[1], names());
}
