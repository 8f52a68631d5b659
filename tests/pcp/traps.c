/* SPDX-License-Identifier: MIT */
#include "traps.h"

#include "port/port.h"

#include <linux/rseq.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

const char *const traps_names[TRAPS_NR_SECTIONS] = { "pop-one", "push-one", "pop-batch",
						     "push-batch" };

enum {
	MOST = 256, /* sections, inlined wherever they are used */
};

static struct {
	uint64_t abort_ip;
	enum traps_section section;
} known[MOST];
static size_t nr_known;

/* Made by the linker, from the name of the section that the descriptors are in. */
extern const struct rseq_cs __start___rseq_cs[];
extern const struct rseq_cs __stop___rseq_cs[];

static bool holds(const struct rseq_cs *cs, const void *bytes, size_t n)
{
	const unsigned char *code = (const unsigned char *)(uintptr_t)cs->start_ip;

	for (size_t i = 0; i + n <= cs->post_commit_offset; i++)
		if (memcmp(code + i, bytes, n) == 0)
			return true;
	return false;
}

/*
 * By what is added to the header: a constant for one page less or more. Batches compute it, and
 * only the one that pops limits its number, by a conditional move.
 */
static bool classify(const struct rseq_cs *cs, enum traps_section *section)
{
	const uint32_t less = (uint32_t)QP_POPPED_ONE, more = (uint32_t)QP_PUSHED_ONE;
	bool pops_one = holds(cs, &less, sizeof(less));
	bool pushes_one = holds(cs, &more, sizeof(more));
	bool limits = holds(cs, "\x0f\x47", 2);

	if (pops_one)
		*section = TRAPS_POP_ONE;
	else if (pushes_one)
		*section = TRAPS_PUSH_ONE;
	else
		*section = limits ? TRAPS_POP_BATCH : TRAPS_PUSH_BATCH;
	return pops_one + pushes_one + limits <= 1;
}

bool traps_learn(void)
{
	unsigned int found = 0;

	nr_known = 0;
	for (const struct rseq_cs *cs = __start___rseq_cs; cs < __stop___rseq_cs; cs++) {
		if (nr_known == MOST || !classify(cs, &known[nr_known].section))
			return false;
		known[nr_known].abort_ip = cs->abort_ip;
		found |= 1u << known[nr_known++].section;
	}
	return found == (1u << TRAPS_NR_SECTIONS) - 1;
}

bool traps_find(void *context, struct trap *trap)
{
	const greg_t *regs = ((const ucontext_t *)context)->uc_mcontext.gregs;
	uint64_t ip = (uint64_t)regs[REG_RIP];

	trap->point = -(int32_t)regs[REG_R11];
	for (size_t i = 0; i < nr_known; i++)
		if (known[i].abort_ip == ip) {
			trap->section = known[i].section;
			return true;
		}
	return false;
}
