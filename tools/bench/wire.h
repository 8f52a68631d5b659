/* SPDX-License-Identifier: MIT */
/*
 * What the command and a peer's program say to each other: a line each way for each run, over the
 * program's standard input and output. The program begins with a greeting; then it reads, runs and
 * answers until its input ends, and between two lines it sleeps.
 *
 *	quire-peer VERSION NAME LIBRARY...		greeting; the library's name and version
 *	run WORKLOAD CALLS PATTERN BATCH THREADS WORK SEED HELD
 *	times ALLOC FREE TOTAL GOT MPAGES		nanoseconds per page; WORKLOAD_REACH's count;
 *							million pages a second
 *
 * A program that cannot go on says why on standard error and ends.
 */
#ifndef TOOL_WIRE_H
#define TOOL_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "measure.h"
#include "run.h"

enum { WIRE_VERSION = 2, WIRE_LINE = 256 };

/* Each writes a line with its newline. */
void wire_put_greeting(char line[WIRE_LINE], const char *name, const char *library);
void wire_put_cell(char line[WIRE_LINE], const struct cell *cell);
void wire_put_times(char line[WIRE_LINE], const struct times *times);

/*
 * Each reads a line; false if it is none of its kind. wire_get_greeting() leaves the library's text
 * in its argument, without the newline.
 */
bool wire_get_greeting(const char *line, const char *name, char library[WIRE_LINE]);
bool wire_get_cell(const char *line, struct cell *cell);
bool wire_get_times(const char *line, struct times *times);

#endif /* TOOL_WIRE_H */
