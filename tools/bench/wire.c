/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void wire_put_greeting(char line[WIRE_LINE], const char *name, const char *library)
{
	snprintf(line, WIRE_LINE, "quire-peer %d %s %s\n", WIRE_VERSION, name, library);
}

bool wire_get_greeting(const char *line, const char *name, char library[WIRE_LINE])
{
	char expected[WIRE_LINE];
	int length = snprintf(expected, sizeof(expected), "quire-peer %d %s ", WIRE_VERSION, name);

	if (strncmp(line, expected, (size_t)length) != 0)
		return false;
	snprintf(library, WIRE_LINE, "%s", line + length);
	library[strcspn(library, "\n")] = '\0';
	return true;
}

void wire_put_cell(char line[WIRE_LINE], const struct cell *cell)
{
	snprintf(line, WIRE_LINE,
		 "run %d %d %d %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		 (int)cell->workload, (int)cell->calls, (int)cell->pattern, cell->batch,
		 cell->threads, cell->work, cell->seed, cell->nr_held);
}

bool wire_get_cell(const char *line, struct cell *cell)
{
	unsigned int workload, calls, pattern;

	*cell = (struct cell){ .form = FORM_PAGE };
	if (sscanf(line, "run %u %u %u %" SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   &workload, &calls, &pattern, &cell->batch, &cell->threads, &cell->work,
		   &cell->seed, &cell->nr_held) != 8)
		return false;
	if (workload >= NR_WORKLOADS || calls > CALLS_BULK || pattern > PATTERN_RANDOM ||
	    !cell->batch || !cell->threads)
		return false;
	cell->workload = (enum workload)workload;
	cell->calls = (enum calls)calls;
	cell->pattern = (enum pattern)pattern;
	return true;
}

void wire_put_times(char line[WIRE_LINE], const struct times *times)
{
	snprintf(line, WIRE_LINE, "times %.9g %.9g %.9g %" PRIu64 " %.9g\n", times->alloc_ns,
		 times->free_ns, times->total_ns, times->nr_got, times->mpages_per_s);
}

bool wire_get_times(const char *line, struct times *times)
{
	return sscanf(line, "times %lf %lf %lf %" SCNu64 " %lf", &times->alloc_ns, &times->free_ns,
		      &times->total_ns, &times->nr_got, &times->mpages_per_s) == 5;
}
