/* SPDX-License-Identifier: MIT */
#include "traps.h"

#include "port/port.h"

#include <linux/rseq.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

const char *const traps_names[TRAPS_NR_SECTIONS] = { "pop-one",	   "push-one", "pop-batch",
						     "push-batch", "pop-wide", "push-wide" };

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

typedef bool found_fn(const unsigned char *code);

static bool holds(const struct rseq_cs *cs, found_fn *found, size_t n)
{
	const unsigned char *code = (const unsigned char *)(uintptr_t)cs->start_ip;

	for (size_t i = 0; i + n <= cs->post_commit_offset; i++)
		if (found(code + i))
			return true;
	return false;
}

static bool is_number(const unsigned char *code, uint64_t number)
{
	uint32_t low = (uint32_t)number;

	return memcmp(code, &low, sizeof(low)) == 0;
}

static bool one_less(const unsigned char *code)
{
	return is_number(code, QP_POPPED_ONE);
}

static bool one_more(const unsigned char *code)
{
	return is_number(code, QP_PUSHED_ONE);
}

/* cmova between registers. */
static bool limits(const unsigned char *code)
{
	return code[0] == 0x0f && code[1] == 0x47 && code[2] >= 0xc0;
}

/* vmovdqu between 32 bytes of memory and a register, behind a prefix of two bytes or of three. */
static bool moves_eight(const unsigned char *code, unsigned char opcode)
{
	if (code[0] == 0xc4)
		return (code[1] & 0x1f) == 1 && (code[2] & 0x07) == 6 && code[3] == opcode;
	return code[0] == 0xc5 && (code[1] & 0x07) == 6 && code[2] == opcode;
}

static bool loads_eight(const unsigned char *code)
{
	return moves_eight(code, 0x6f);
}

static bool stores_eight(const unsigned char *code)
{
	return moves_eight(code, 0x7f);
}

/*
 * Pages in wide registers are loaded or stored by eights. The others are told by what is added to
 * the header: a constant for one page less or more. Batches compute it, and only the one that pops
 * limits its number, by a conditional move. Each section has one of these marks, or none.
 */
static const struct {
	found_fn *found;
	size_t n; /* bytes that it looks at */
	enum traps_section section;
} marks[] = {
	{ one_less, 4, TRAPS_POP_ONE },	      { one_more, 4, TRAPS_PUSH_ONE },
	{ limits, 3, TRAPS_POP_BATCH },	      { loads_eight, 4, TRAPS_POP_WIDE },
	{ stores_eight, 4, TRAPS_PUSH_WIDE },
};

static bool classify(const struct rseq_cs *cs, enum traps_section *section)
{
	int found = 0;

	*section = TRAPS_PUSH_BATCH;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (holds(cs, marks[i].found, marks[i].n)) {
			*section = marks[i].section;
			found++;
		}
	return found <= 1;
}

bool traps_run(enum traps_section section)
{
	return (section != TRAPS_POP_WIDE && section != TRAPS_PUSH_WIDE) ||
	       qp_vectors() != QP_VECTORS_PLAIN;
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
