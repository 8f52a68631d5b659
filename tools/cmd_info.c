/* SPDX-License-Identifier: MIT */
/*
 * `quire info`: what the machine offers, which cache an instance would use here and why, and what
 * sizes cost in metadata.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <quire/quire.h>

#include "command.h"
#include "format.h"
#include "machine.h"
#include "parse.h"
#include "report.h"
#include "say.h"
#include "table.h"

enum { PAGE_SHIFT = 12, NR_CACHES = 4, CPUS_MAX = 65536, SIZES_MAX = 4, WIDTH = 80, LABEL = 13 };

struct info_options {
	uint64_t pages[SIZES_MAX];
	unsigned int nr_pages;
	uint32_t cpus[3];
	unsigned int nr_cpus;
	uint32_t cache; /* enum quire_cache; the default: any */
	const char *json; /* NULL, or where to */
	const char *sized_by; /* the option that gave the one size; NULL: none did */
};

/* What one size costs. */
struct cost {
	uint64_t pages;
	uint32_t cpus;
	uint64_t bytes;
	uint64_t list_bytes;
};

static void help(void)
{
	printf("Usage: quire info [OPTION]...\n\n"
	       "Shows what this machine offers to Quire, which cache an instance would use here\n"
	       "and why, and what instances cost in metadata: in all, for each page, and the\n"
	       "part of it that is lists, which grows with the CPUs and not with the pages.\n\n"
	       "Options:\n"
	       "  --max-pages N   only instances of N pages of 4 KiB\n"
	       "  --bytes SIZE    the same as bytes of memory (K, M, G, T)\n"
	       "  --cpus N        only for N CPUs with lists\n"
	       "  --cache NAME    none, locked, pcp, magazine: required, never replaced\n"
	       "  --json [FILE]   JSON to FILE, or instead of the text\n"
	       "  --help          this text\n\n"
	       "Examples:\n"
	       "  quire info\n"
	       "  quire info --bytes 64G --cpus 128\n"
	       "  quire info --cache none --json\n");
}

static uint32_t parse_cache(const char *text)
{
	struct word words[NR_CACHES];
	struct values values;
	uint32_t i;

	for (i = 0; i < NR_CACHES; i++)
		words[i] = (struct word){ quire_cache_name(i + 1), i + 1 };
	parse_words("--cache", text, words, NR_CACHES, &values);
	if (values.nr != 1)
		fail_usage("--cache: '%s' is a list; give one name", text);
	return values.value[0];
}

static void set_pages(struct info_options *options, const char *name, uint64_t pages)
{
	if (options->sized_by && strcmp(options->sized_by, name) != 0)
		fail_usage("%s and %s are two names of one size; give one of them",
			   options->sized_by, name);
	options->sized_by = name;
	options->pages[0] = pages;
	options->nr_pages = 1;
}

static void set_bytes(struct info_options *options, const char *text)
{
	uint64_t page = UINT64_C(1) << PAGE_SHIFT;
	uint64_t bytes = parse_size("--bytes", text, page, QUIRE_MAX_PAGES << PAGE_SHIFT);

	if (bytes % page)
		fail_usage(
			"--bytes: '%s' is not a multiple of the page size, %llu bytes; round it up "
			"to %llu",
			text, (unsigned long long)page,
			(unsigned long long)(bytes + page - bytes % page));
	set_pages(options, "--bytes", bytes >> PAGE_SHIFT);
}

static void set_option(struct info_options *options, int option, int argc, char **argv)
{
	switch (option) {
	case 'n':
		set_pages(options, "--max-pages",
			  parse_count("--max-pages", optarg, 1, QUIRE_MAX_PAGES));
		break;
	case 'b':
		set_bytes(options, optarg);
		break;
	case 'c':
		options->cpus[0] = (uint32_t)parse_count("--cpus", optarg, 1, CPUS_MAX);
		options->nr_cpus = 1;
		break;
	case 'k':
		options->cache = parse_cache(optarg);
		break;
	case 'j':
		options->json = parse_json(argc, argv);
		break;
	case 'h':
		help();
		exit(say_result_written() ? EXIT_DONE : EXIT_FAILED);
	default:
		break;
	}
}

static void parse(struct info_options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{ "max-pages", required_argument, NULL, 'n' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "cache", required_argument, NULL, 'k' },
		{ "json", optional_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:h", table, NULL)) != -1) {
		if (option == ':' || option == '?')
			parse_refuse(option, argv, table);
		set_option(options, option, argc, argv);
	}
	if (optind < argc)
		fail_usage("'%s' is not an option; options begin with --", argv[optind]);
}

/* Each number of CPUs once: two sizes to compare with others', and this machine's own. */
static void default_cpus(struct info_options *options, const struct machine *machine)
{
	options->cpus[options->nr_cpus++] = 2;
	options->cpus[options->nr_cpus++] = 256;
	if (machine->cpus_possible != 2 && machine->cpus_possible != 256)
		options->cpus[options->nr_cpus++] = machine->cpus_possible;
}

static struct info_options default_options(void)
{
	return (struct info_options){
		.pages = { 64, 4096, UINT64_C(1) << 20, UINT64_C(1) << 28 },
		.nr_pages = SIZES_MAX,
	};
}

static struct quire_config make_config(const struct info_options *options, uint64_t pages,
				       uint32_t cpus)
{
	struct quire_config config;

	quire_config_init(&config);
	config.max_pages = pages;
	config.nr_cpus = cpus;
	config.cache = options->cache;
	config.require = options->cache;
	return config;
}

/*
 * Make an instance and ask it; without regions its metadata is address space that nobody touches.
 */
static struct quire_info ask(const struct info_options *options, uint64_t pages, uint32_t cpus)
{
	struct quire_config config = make_config(options, pages, cpus);
	struct quire_info info = { .size = sizeof(info) };
	struct quire *q;
	int error = quire_create(&config, &q);

	if (error == -QUIRE_EOPNOTSUPP)
		fail("the cache '%s' cannot be had here; the library says why above",
		     quire_cache_name(options->cache));
	if (error)
		fail("no instance for %llu page%s and %u CPU%s: %s", (unsigned long long)pages,
		     format_plural(pages), cpus, format_plural(cpus), quire_strerror(error));
	if (quire_info_get(q, &info) != 0 || quire_destroy(q) != 0)
		fail("the library does not describe its own instance");
	return info;
}

static struct cost find_cost(const struct info_options *options, uint64_t pages, uint32_t cpus)
{
	struct quire_config config = make_config(options, pages, cpus);
	struct cost cost = { .pages = pages, .cpus = cpus };
	size_t bytes;
	int error = quire_metadata_size(&config, &bytes);

	if (error)
		fail("the size for %llu page%s and %u CPU%s is not known: %s",
		     (unsigned long long)pages, format_plural(pages), cpus, format_plural(cpus),
		     quire_strerror(error));
	cost.bytes = bytes;
	cost.list_bytes = ask(options, pages, cpus).list_bytes;
	return cost;
}

/* "  label   text", wrapped to the width of a terminal. */
static void print_item(const char *label, const char *text)
{
	size_t part;

	do {
		part = format_fit(text, WIDTH - LABEL - 2);
		printf("  %-*s%.*s\n", LABEL, label, (int)part, text);
		text += part;
		text += strspn(text, " ");
		label = "";
	} while (*text);
}

static void print_machine(const struct machine *machine)
{
	char text[256], size[FORMAT_MAX];
	unsigned int i;

	printf("quire %s, %s library\n\nMachine\n", quire_version(), command_linkage);
	printf("  kernel       Linux %s, %s, %s\n", machine->kernel, machine->arch, machine->libc);
	printf("  CPUs         %u possible, %u online, %u for this process; %s\n",
	       machine->cpus_possible, machine->cpus_online, machine->cpus_allowed, machine->cpu);
	printf("  memory       %s in pages of %zu bytes\n",
	       format_bytes(size, machine->memory_bytes), machine->page_size);
	printf("  huge pages   transparent: %s\n", *machine->thp ? machine->thp : "not offered");
	for (i = 0; i < machine->nr_huge; i++)
		printf("               of %s: %llu reserved, %llu of them free\n",
		       format_bytes(size, machine->huge[i].bytes),
		       (unsigned long long)machine->huge[i].nr,
		       (unsigned long long)machine->huge[i].nr_free);
	if (machine->rseq_size)
		printf("  rseq         registered by libc for each thread, %u bytes\n",
		       machine->rseq_size);
	else
		printf("  rseq         not registered by libc: no 'pcp'\n");
	print_item("membarrier", machine_membarrier_text(machine, text, sizeof(text)));
	print_item("", machine_fences_cpus(machine)
			       ? "single CPUs can be fenced, as drains of 'pcp' need"
			       : "single CPUs cannot be fenced: no 'pcp'");
	printf("  sections     %s for %s\n",
	       machine->has_sections ? "written" : "not written: no 'pcp'", machine->arch);
}

static void print_cache(const struct quire_info *info)
{
	printf("\nCache\n");
	print_item(quire_cache_name(info->cache), info->reason ? info->reason : "");
	print_item("check", quire_check_name(info->check));
}

static void print_costs(const struct cost *costs, unsigned int nr)
{
	char text[FORMAT_MAX];
	struct table table;
	unsigned int i;

	table_init(&table);
	table_column(&table, "pages", "", COLUMN_NUMBER);
	table_column(&table, "memory", "4 KiB each", COLUMN_NUMBER);
	table_column(&table, "CPUs", "", COLUMN_NUMBER);
	table_column(&table, "metadata", "bytes", COLUMN_NUMBER);
	table_column(&table, "a page", "bytes", COLUMN_NUMBER);
	table_column(&table, "of it lists", "bytes", COLUMN_NUMBER);
	table_column(&table, "a page, no lists", "bytes", COLUMN_NUMBER);
	for (i = 0; i < nr; i++) {
		double pages = (double)costs[i].pages;

		table_count(&table, costs[i].pages);
		table_cell(&table, "%s", format_bytes(text, costs[i].pages << PAGE_SHIFT));
		table_cell(&table, "%u", costs[i].cpus);
		table_count(&table, costs[i].bytes);
		table_cell(&table, "%.3f", (double)costs[i].bytes / pages);
		table_count(&table, costs[i].list_bytes);
		table_cell(&table, "%.3f", (double)(costs[i].bytes - costs[i].list_bytes) / pages);
	}
	printf("\nMetadata\n");
	table_print(&table, stdout, 2);
	table_free(&table);
}

/* What `pcp` needs of the machine, and what speaks against it there. */
static json_t *pcp_object(const struct machine *machine)
{
	json_t *pcp = json_object();

	report_member(pcp, "sections", json_boolean(machine->has_sections));
	report_member(pcp, "rseq", json_boolean(machine->rseq_size > 0));
	report_member(pcp, "fence", json_boolean(machine_fences_cpus(machine)));
	if (machine_warning(machine))
		report_text(pcp, "warning", machine_warning(machine));
	else
		report_member(pcp, "warning", json_null());
	return pcp;
}

static void write_json(const struct info_options *options, const struct machine *machine,
		       const struct quire_info *info, const struct cost *costs, unsigned int nr)
{
	json_t *report = report_new("info", machine), *cache = json_object();
	unsigned int i;

	report_text(report_options(report), "cache", quire_cache_name(options->cache));
	report_text(cache, "name", quire_cache_name(info->cache));
	report_text(cache, "reason", info->reason ? info->reason : "");
	report_text(cache, "check", quire_check_name(info->check));
	report_member(cache, "pcp", pcp_object(machine));
	report_member(report, "cache", cache);
	for (i = 0; i < nr; i++) {
		json_t *row = report_row(report);

		report_count(row, "pages", costs[i].pages);
		report_count(row, "cpus", costs[i].cpus);
		report_count(row, "bytes", costs[i].bytes);
		report_real(row, "bytes_per_page", (double)costs[i].bytes / (double)costs[i].pages);
		report_count(row, "list_bytes", costs[i].list_bytes);
	}
	report_write(report, options->json);
}

int cmd_info(int argc, char **argv)
{
	struct info_options options = default_options();
	struct cost costs[SIZES_MAX * 3];
	struct machine machine;
	struct quire_info info;
	unsigned int size, cpus, nr = 0;

	say_command("quire info");
	parse(&options, argc, argv);
	report_open(options.json);
	machine_look(&machine);
	/* As a program would make it: the CPUs are the machine's unless others are asked for. */
	info = ask(&options, options.nr_pages == 1 ? options.pages[0] : options.pages[2],
		   options.cpus[0]);
	if (!options.nr_cpus)
		default_cpus(&options, &machine);
	for (cpus = 0; cpus < options.nr_cpus; cpus++) {
		for (size = 0; size < options.nr_pages; size++)
			costs[nr++] = find_cost(&options, options.pages[size], options.cpus[cpus]);
	}
	if (!options.json || strcmp(options.json, "-") != 0) {
		print_machine(&machine);
		print_cache(&info);
		print_costs(costs, nr);
	}
	if (options.json)
		write_json(&options, &machine, &info, costs, nr);
	if (machine_warning(&machine))
		say("%s", machine_warning(&machine));
	return EXIT_DONE;
}
