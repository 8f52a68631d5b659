/* SPDX-License-Identifier: MIT */
/* How often a CPU was interrupted, as the system counts it. */
#ifndef TOOL_INTERRUPTS_H
#define TOOL_INTERRUPTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Function-call interrupts of a CPU since the system began: what one CPU sends another to have
 * something done there. A fence is one of them; so are some wake-ups, so compare with a control.
 * False, and *nr as it was, if the system does not tell.
 */
bool interrupts_of_calls(unsigned int cpu, uint64_t *nr);

/*
 * The same from a file laid out as /proc/interrupts is: a line that names the CPUs that have a
 * column, then a line for each kind, with a label, a number a column and a description.
 */
bool interrupts_read(FILE *file, unsigned int cpu, uint64_t *nr);

#endif /* TOOL_INTERRUPTS_H */
