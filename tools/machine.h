/* SPDX-License-Identifier: MIT */
/* What the machine and its system offer, as far as Quire or a reader of figures cares. */
#ifndef TOOL_MACHINE_H
#define TOOL_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MACHINE_TEXT = 128, MACHINE_HUGE_SIZES = 8 };

struct machine {
	char kernel[MACHINE_TEXT]; /* release, as uname -r */
	char arch[MACHINE_TEXT];
	char cpu[MACHINE_TEXT]; /* model name, or "unknown" */
	char libc[MACHINE_TEXT];
	char compiler[MACHINE_TEXT]; /* that built the command */
	unsigned int cpus_possible; /* CPU numbers are below this */
	unsigned int cpus_online;
	unsigned int cpus_allowed; /* by this process's affinity */
	size_t page_size;
	uint64_t memory_bytes;
	bool has_sections; /* Quire's restartable sections are written for this processor */
	unsigned int rseq_size; /* bytes that libc registered for each thread; 0: not registered */
	long membarrier; /* bits of supported commands, or a negative errno */
	char thp[MACHINE_TEXT]; /* transparent huge pages, the system's own words */
	struct {
		uint64_t bytes;
		uint64_t nr;
		uint64_t nr_free;
	} huge[MACHINE_HUGE_SIZES]; /* reserved huge pages, by size */
	unsigned int nr_huge;
};

void machine_look(struct machine *machine);

/* Memory that can be had without swapping, as the system estimates it; 0: it does not say. */
uint64_t machine_available_bytes(void);

/* "PRIVATE_EXPEDITED, ..." of machine->membarrier, in a buffer of the caller. */
const char *machine_membarrier_text(const struct machine *machine, char *text, size_t bytes);

/* Whether one CPU can be fenced by its number, which remote drains of `pcp` need. */
bool machine_fences_cpus(const struct machine *machine);

/* What a user of `pcp` should know of this kernel, a sentence; NULL if nothing. */
const char *machine_warning(const struct machine *machine);

/*
 * Threads may be bound to the nth CPU (modulo their number) that this process may use. False: not
 * bound.
 */
bool machine_bind_thread(unsigned int nth);

#endif /* TOOL_MACHINE_H */
