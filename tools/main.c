/* SPDX-License-Identifier: MIT */
/* The `quire` command: finds the command named, and says what there is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <quire/quire.h>

#include "command.h"
#include "say.h"

const char command_linkage[] = TOOL_LINKAGE;

static const struct {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "info", "what this machine offers, and what a size costs in metadata", cmd_info },
	{ "bench", "measure allocation speed and fragmentation", cmd_bench },
	{ "demo", "see it work, in under a minute", cmd_demo },
};

enum { NR_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int help(void)
{
	unsigned int i;

	printf("Usage: quire COMMAND [OPTION]...\n\n"
	       "Quire allocates pages of memory that the program itself owns. This command shows\n"
	       "what the library does on this machine.\n\n"
	       "Commands:\n");
	for (i = 0; i < NR_COMMANDS; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].summary);
	printf("\n"
	       "Options:\n"
	       "  --help      this text; 'quire COMMAND --help' for a command's own\n"
	       "  --version   version of the library in use\n\n"
	       "Examples:\n"
	       "  quire demo\n"
	       "  quire info --bytes 1G\n"
	       "  quire bench pagealloc --cache locked --calls single,bulk\n\n"
	       "Results go to standard output, everything else to standard error. Exit status:\n"
	       "0 done, 1 something failed, 2 the command line was wrong.\n");
	return EXIT_DONE;
}

static int version(void)
{
	printf("quire %s (%s library)\n", quire_version(), command_linkage);
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	unsigned int i;

	if (argc < 2)
		fail_usage("no command given; choose from info, bench, demo");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return help();
	if (strcmp(argv[1], "--version") == 0)
		return version();
	for (i = 0; i < NR_COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	fail_usage("'%s' is not a command; choose from info, bench, demo", argv[1]);
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	if (!say_result_written() && status == EXIT_DONE)
		status = EXIT_FAILED;
	return status;
}
