/* SPDX-License-Identifier: MIT */
/*
 * Random mixed calls against a model, over every cache and check. A run is a sequence of worlds,
 * each of another shape; one that fails prints its own seed and the command that repeats it.
 *
 *	property [--seed N] [--ops N] [--cache NAME] [--check NAME]
 */
#include "cpu.h"
#include "property.h"
#include "sanitizer.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_OPS (UINT64_C(1000000) / QT_SLOWER) /* of each cache and check */
#define NR_CHECKS 3u

struct options {
	uint64_t seed;
	uint64_t ops;
	const char *cache;
	const char *check;
};

/*
 * The longest stretch between two full checks grows with the instance, so that they stay a part of
 * the time.
 */
static void run_world(const struct qt_cache *cache, uint32_t check, const char *program,
		      uint64_t seed, uint64_t ops)
{
	static struct world w;
	uint32_t stretch;

	world_begin(&w, program, cache, check, seed);
	stretch = 500 + w.model.nr_pfns / 4;
	for (w.op = 0; w.op < ops; w.op++) {
		if (qt_random_one_in(&w.random, 400))
			w.growing = !w.growing;
		if (qt_random_one_in(&w.random, 500))
			qt_cpu_bind(qt_random_below(&w.random, qt_nr_cpus()));
		world_operate(&w);
		world_check_quick(&w);
		if (qt_random_one_in(&w.random, stretch))
			world_check_all(&w);
		if (qt_random_one_in(&w.random, 20000))
			op_free_all(&w);
	}
	world_end(&w);
}

static void run(const struct options *o, const struct qt_cache *cache, uint32_t check,
		const char *program)
{
	struct qt_random seeds = qt_random_seed(o->seed);
	uint64_t seed = o->seed, left = o->ops;

	while (left > 0) {
		struct qt_random shape = qt_random_seed(seed ^ 0x51ab);
		uint64_t ops = 2000 + qt_random_below(&shape, 38000);

		if (ops > left)
			ops = left;
		run_world(cache, check, program, seed, ops);
		left -= ops;
		seed = qt_random_next(&seeds) >> 16;
	}
}

static uint64_t number(const char *text, const char *option)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno == 0 && end != text && *end == '\0' && *text != '-')
		return value;
	fprintf(stderr, "property: %s takes a number, not '%s'\n", option, text);
	exit(2);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "ops", required_argument, NULL, 'o' },
		{ "cache", required_argument, NULL, 'c' },
		{ "check", required_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 's':
			o->seed = number(optarg, "--seed");
			break;
		case 'o':
			o->ops = number(optarg, "--ops");
			break;
		case 'c':
			o->cache = optarg;
			break;
		case 'k':
			o->check = optarg;
			break;
		default:
			fprintf(stderr, "usage: property [--seed N] [--ops N] [--cache NAME] "
					"[--check on|off|strict]\n");
			exit(2);
		}
}

static bool chosen(const char *option, const char *name)
{
	return option == NULL || strcmp(option, name) == 0;
}

int main(int argc, char **argv)
{
	struct options o = { .seed = (uint64_t)time(NULL), .ops = DEFAULT_OPS };
	unsigned int nr = 0;

	parse(argc, argv, &o);
	printf("# seed %llu, %llu operations each\n", (unsigned long long)o.seed,
	       (unsigned long long)o.ops);
	for (size_t i = 0; i < qt_nr_caches; i++)
		for (uint32_t check = 0; check < NR_CHECKS; check++) {
			const char *name = quire_check_name(check);

			if (!chosen(o.cache, qt_caches[i].name) || !chosen(o.check, name))
				continue;
			run(&o, &qt_caches[i], check, argv[0]);
			printf("ok %u - property [%s, check %s]\n", ++nr, qt_caches[i].name, name);
			fflush(stdout);
		}
	if (nr == 0) {
		fprintf(stderr, "property: no cache '%s' with check '%s'\n",
			o.cache ? o.cache : "any", o.check ? o.check : "any");
		return 2;
	}
	printf("1..%u\n", nr);
	return 0;
}
