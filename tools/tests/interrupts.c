/* SPDX-License-Identifier: MIT */
/*
 * What the command finds in a table of interrupts, for the test that knows what is there: FILE and
 * CPU, then the number, or "-".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../interrupts.h"

int main(int argc, char **argv)
{
	uint64_t nr = 0;
	FILE *file;

	if (argc != 3)
		return 2;
	file = fopen(argv[1], "r");
	if (!file)
		return 1;
	if (interrupts_read(file, (unsigned int)atoi(argv[2]), &nr))
		printf("%" PRIu64 "\n", nr);
	else
		printf("-\n");
	fclose(file);
	return 0;
}
