/* SPDX-License-Identifier: MIT */
#include "interrupts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Labels differ between processors ("CAL", "IPI1"), this does not. */
static const char calls[] = "Function call interrupts";

/* The CPU's place among the columns, from 0 on; -1: it has none, as when it is offline. */
static int column_of(const char *line, unsigned int cpu)
{
	int column = 0;

	while ((line = strstr(line, "CPU"))) {
		line += strlen("CPU");
		if (isdigit((unsigned char)*line) && strtoul(line, NULL, 10) == cpu)
			return column;
		column++;
	}
	return -1;
}

/* The number in a column of a line that is described so. */
static bool number_of(const char *line, int column, uint64_t *nr)
{
	uint64_t number = 0;
	char *end;
	int i;

	if (!strstr(line, calls))
		return false;
	line = strchr(line, ':');
	for (i = 0; line && i <= column; i++) {
		line += strcspn(line, " \t");
		line += strspn(line, " \t");
		if (!isdigit((unsigned char)*line))
			return false;
		number = strtoull(line, &end, 10);
		line = end;
	}
	if (line)
		*nr = number;
	return line;
}

bool interrupts_read(FILE *file, unsigned int cpu, uint64_t *nr)
{
	char *line = NULL;
	size_t bytes = 0;
	int column = -1;
	bool found = false;

	if (getline(&line, &bytes, file) > 0)
		column = column_of(line, cpu);
	while (column >= 0 && !found && getline(&line, &bytes, file) > 0)
		found = number_of(line, column, nr);
	free(line);
	return found;
}

bool interrupts_of_calls(unsigned int cpu, uint64_t *nr)
{
	FILE *file = fopen("/proc/interrupts", "re");
	bool found;

	if (!file)
		return false;
	found = interrupts_read(file, cpu, nr);
	fclose(file);
	return found;
}
