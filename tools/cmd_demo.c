/* SPDX-License-Identifier: MIT */
/* `quire demo`: in one screen and less than a minute, what the library does. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <quire/quire.h>

#include "clock.h"
#include "command.h"
#include "demo/demo.h"
#include "format.h"
#include "machine.h"
#include "parse.h"
#include "region.h"
#include "say.h"

#define DEFAULT_BYTES (UINT64_C(256) << 20)
#define MIN_BYTES (UINT64_C(16) << 20)
#define MAX_BYTES (UINT64_C(1) << 40)

enum { DEFAULT_OPERATIONS = 10000000, DEFAULT_SECONDS = 3 };

static void help(void)
{
	printf("Usage: quire demo [OPTION]...\n\n"
	       "Maps memory, gives it to Quire and shows what happens: no page is touched, what\n"
	       "calls cost, how a double free is caught, and that no page is lost under threads,\n"
	       "signals and drains. Exit status 1 if any of it fails.\n\n"
	       "Options:\n"
	       "  --size BYTES     memory to map (256M; K, M, G)\n"
	       "  --operations N   calls made before the memory is looked at again (10000000)\n"
	       "  --seconds N      how long threads and signals run (3)\n"
	       "  --threads N      how many threads (twice the CPUs)\n"
	       "  --seed N         seed of all that is random (1)\n"
	       "  --help           this text\n\n"
	       "Examples:\n"
	       "  quire demo\n"
	       "  quire demo --size 1G --seconds 30 --threads 16\n");
}

static void set_option(struct demo *demo, int option)
{
	switch (option) {
	case 's':
		demo->memory.bytes = parse_size("--size", optarg, MIN_BYTES, MAX_BYTES);
		if (demo->memory.bytes % DEMO_PAGE_BYTES)
			fail_usage("--size: '%s' is not a multiple of the page size, %d bytes",
				   optarg, DEMO_PAGE_BYTES);
		break;
	case 'o':
		demo->nr_operations = parse_count("--operations", optarg, 1, UINT64_C(1) << 40);
		break;
	case 't':
		demo->seconds = (unsigned int)parse_count("--seconds", optarg, 1, 86400);
		break;
	case 'n':
		demo->threads = (unsigned int)parse_count("--threads", optarg, 1, 256);
		break;
	case 'r':
		demo->seed = parse_count("--seed", optarg, 0, UINT64_MAX);
		break;
	case 'h':
		help();
		exit(say_result_written() ? EXIT_DONE : EXIT_FAILED);
	default:
		break;
	}
}

static void parse(struct demo *demo, int argc, char **argv)
{
	static const struct option table[] = {
		{ "size", required_argument, NULL, 's' },
		{ "operations", required_argument, NULL, 'o' },
		{ "seconds", required_argument, NULL, 't' },
		{ "threads", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:h", table, NULL)) != -1) {
		if (option == ':' || option == '?')
			parse_refuse(option, argv, table);
		set_option(demo, option);
	}
	if (optind < argc)
		fail_usage("'%s' is not an option; options begin with --", argv[optind]);
}

/* All of the memory gets written: half of what can be had leaves the other programs alone. */
static void check_memory(uint64_t bytes)
{
	uint64_t available = machine_available_bytes(), limit = available / 2;
	char size[FORMAT_MAX], most[FORMAT_MAX], all[FORMAT_MAX];

	if (!available || bytes <= limit)
		return;
	fail_usage("--size: %s is more than %s, half of the memory that is available (%s); give a "
		   "smaller --size, such as %lluM",
		   format_bytes(size, bytes), format_bytes(most, limit),
		   format_bytes(all, available), (unsigned long long)(limit >> 20));
}

static unsigned int twice_the_cpus(void)
{
	long nr = sysconf(_SC_NPROCESSORS_ONLN);

	return nr < 1 ? 2 : nr > 128 ? 256 : 2 * (unsigned int)nr;
}

int cmd_demo(int argc, char **argv)
{
	struct demo demo = {
		.memory.bytes = DEFAULT_BYTES,
		.nr_operations = DEFAULT_OPERATIONS,
		.threads = twice_the_cpus(),
		.seconds = DEFAULT_SECONDS,
		.seed = 1,
	};
	uint64_t begin = now_ns();
	bool held;

	say_command("quire demo");
	parse(&demo, argc, argv);
	check_memory(demo.memory.bytes);
	region_map(&demo.memory, demo.memory.bytes);
	held = demo_untouched(&demo);
	held = demo_pace(&demo) && held;
	held = demo_mistake(&demo) && held;
	held = demo_conserve(&demo) && held;
	region_unmap(&demo.memory);
	printf("\n%s; quire %s, %.1f s\n", held ? "All of it held" : "NOT all of it held",
	       quire_version(), (double)(now_ns() - begin) / 1e9);
	return held ? EXIT_DONE : EXIT_FAILED;
}
