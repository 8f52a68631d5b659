/* SPDX-License-Identifier: MIT */
/* Stands in for cmd_bench.c where the build leaves the benchmarks out. */
#include "command.h"
#include "say.h"

int cmd_bench(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	say_command("quire bench");
	fail("this build has no benchmarks; configure it with -Dbenches=true");
}
