/* SPDX-License-Identifier: MIT */
/*
 * The sections for x86-64. doc/sections.md has them as pseudo-code, which says what each step is
 * for. Loads and stores are ordered by the machine as they stand.
 *
 * Every section has the same frame. Outside it: announce the descriptor. Range [1, 2): the steps,
 * ending in the one store that commits. 4: where the kernel sends whoever was interrupted inside
 * the range, behind the signature that it asks for. 5, 6: exits, which leave with a code. 9: the
 * end.
 */
#ifndef QI_PORT_SECTIONS_H
#define QI_PORT_SECTIONS_H

#include "port/linux/inject.h"

#define QP_SECTIONS_WRITTEN true
#define QP_SIGNATURE 0x53053053u /* what the C library registers with */

/* Numbers of lists.h, as the assembler reads them. */
#define QP_CODE_SHORT "$0xfffffff1"
#define QP_CODE_NO_CPU "$0xfffffff2"
#define QP_CODE_ABORTED "$0xfffffff3"
_Static_assert(QP_SHORT == 0xfffffff1 && QP_NO_CPU == 0xfffffff2 && QP_ABORTED == 0xfffffff3 &&
		       QP_PCP_SHIFT == 8 && QP_COUNT_MASK == 0xffff && QP_PUSHED_ONE == 0x20001 &&
		       QP_OPS_SHIFT == 17,
	       "known to assembly");

/* An instruction a line. */
/* clang-format off */

/*
 * Descriptor {version, flags, start, length, abort}, and the lists of descriptors and of exits that
 * debuggers read so as not to step into a range.
 */
#define QP_DESCRIPTOR \
	".pushsection __rseq_cs, \"aw\"\n\t" \
	".balign 32\n" \
	"3:\n\t" \
	".long 0, 0\n\t" \
	".quad 1f, 2f - 1f, 4f\n\t" \
	".popsection\n\t" \
	".pushsection __rseq_cs_ptr_array, \"aw\"\n\t" \
	".quad 3b\n\t" \
	".popsection\n\t"

#define QP_EXIT_POINT(label) \
	".pushsection __rseq_exit_point_array, \"aw\"\n\t" \
	".quad 1b, " label "\n\t" \
	".popsection\n\t"

/* The signature is the operand of a trapping ud1, so that disassemblers stay in step. */
#define QP_SIGNED_TARGET \
	".pushsection .text.qp_exits, \"ax\", @progbits\n\t" \
	".byte 0x0f, 0xb9, 0x3d\n\t" \
	".long 0x53053053\n"

#define QP_EXIT(label, result, code) \
	label ":\n\t" \
	"movl " code ", %k[" result "]\n\t" \
	"jmp 9f\n"

#define QP_SECTION_BEGIN \
	QP_DESCRIPTOR \
	"leaq 3b(%%rip), %[lp]\n\t" \
	"movq %[lp], 8(%[area])\n" \
	"1:\n\t"

/* exit_points: those beyond 5 and 6. behind: the first instruction that is not in the range. */
#define QP_SECTION_END_OF(result, exit_points, behind) \
	"2:\n\t" \
	behind \
	exit_points \
	QP_EXIT_POINT("5f") \
	QP_EXIT_POINT("6f") \
	QP_SIGNED_TARGET \
	QP_EXIT("4", result, QP_CODE_ABORTED) \
	QP_EXIT("5", result, QP_CODE_NO_CPU) \
	QP_EXIT("6", result, QP_CODE_SHORT) \
	".popsection\n" \
	"9:\n\t"

#define QP_SECTION_END(result) QP_SECTION_END_OF(result, "", "")

/*
 * This CPU's list in lp, its header in a register whose lowest 16 bits have a name of their own, its
 * count in i. cpu: where the area has it; none: the exit if it has no list; word: of the record.
 */
#define QP_FIND_LIST_BY(cpu, none, word, header, low) \
	QP_POINT(1) \
	"movl " cpu ", %k[i]\n\t" \
	"cmpl %[nr_cpus], %k[i]\n\t" \
	"jae " none "\n\t" \
	"shlq $8, %[i]\n\t" \
	"movq " word "(%[pcps], %[i]), %[lp]\n\t" \
	QP_POINT(2) \
	"movq (%[lp]), " header "\n\t" \
	"movzwl " low ", %k[i]\n\t"

#define QP_FIND_LIST QP_FIND_LIST_BY("4(%[area])", "5f", "", "%[h]", "%w[h]")

/* One page. Labels of the caller are the exits, and pfn is not used behind any of them. */
#define QP_ONE_BEGIN_BY(word, header, low) \
	QP_DESCRIPTOR \
	"leaq 3b(%%rip), %[lp]\n\t" \
	"movq %[lp], %%fs:8(%[area])\n" \
	"1:\n\t" \
	QP_FIND_LIST_BY("%%fs:4(%[area])", "%l[left]", word, header, low)

#define QP_ONE_BEGIN QP_ONE_BEGIN_BY("", "%[h]", "%w[h]")

#define QP_ONE_END \
	"2:\n\t" \
	QP_EXIT_POINT("%l[left]") \
	QP_SIGNED_TARGET \
	"4:\n\t" \
	"jmp %l[aborted]\n\t" \
	".popsection\n\t"

static inline uint32_t qp_pop_one(const void *pcps, uint32_t nr_cpus, uint64_t *popped)
{
	uintptr_t lp, h, i, pfn;

	__asm__ volatile goto(
		QP_ONE_BEGIN
		"cmpl 12(%[lp]), %k[i]\n\t"
		"jbe %l[left]\n\t"
		QP_POINT(3)
		"movl 60(%[lp], %[i], 4), %k[pfn]\n\t"
		"addq $0x1ffff, %[h]\n\t"
		QP_POINT(4)
		"movq %[h], (%[lp])\n"
		QP_ONE_END
		: [pfn] "=&r"(pfn), [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i)
		: [area] "r"(qp_rseq_area.offset), [pcps] "r"(pcps), [nr_cpus] "r"(nr_cpus)
		: "memory", "cc" QP_POINT_CLOBBER
		: left, aborted);
	*popped = pfn;
	return 1;
left:
	return QP_SHORT;
aborted:
	return QP_ABORTED;
}

static inline uint32_t qp_push_one(const void *pcps, uint32_t nr_cpus, uintptr_t pfn)
{
	uintptr_t lp, h, i;

	__asm__ volatile goto(
		QP_ONE_BEGIN
		"cmpl 8(%[lp]), %k[i]\n\t"
		"jae %l[left]\n\t"
		QP_POINT(3)
		"movl %k[pfn], 64(%[lp], %[i], 4)\n\t"
		"addq $0x20001, %[h]\n\t"
		QP_POINT(4)
		"movq %[h], (%[lp])\n"
		QP_ONE_END
		: [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i)
		: [area] "r"(qp_rseq_area.offset), [pcps] "r"(pcps), [nr_cpus] "r"(nr_cpus),
		  [pfn] "r"(pfn)
		: "memory", "cc" QP_POINT_CLOBBER
		: left, aborted);
	return 1;
left:
	return QP_SHORT;
aborted:
	return QP_ABORTED;
}

/*
 * i slots from `from` to `to`, sixteen at a time and then one by one; uses up all three.
 */
#define QP_COPY_CLOBBER , "r11", "xmm0", "xmm1", "xmm2", "xmm3"
#define QP_COPY_SLOTS \
	"subl $16, %k[i]\n\t" \
	"jb 81f\n" \
	"80:\n\t" \
	"movups (%[from]), %%xmm0\n\t" \
	"movups 16(%[from]), %%xmm1\n\t" \
	"movups 32(%[from]), %%xmm2\n\t" \
	"movups 48(%[from]), %%xmm3\n\t" \
	"addq $64, %[from]\n\t" \
	"movups %%xmm0, (%[to])\n\t" \
	"movups %%xmm1, 16(%[to])\n\t" \
	"movups %%xmm2, 32(%[to])\n\t" \
	"movups %%xmm3, 48(%[to])\n\t" \
	"addq $64, %[to]\n\t" \
	"subl $16, %k[i]\n\t" \
	"jae 80b\n" \
	"81:\n\t" \
	"addl $16, %k[i]\n\t" \
	"jz 83f\n" \
	"82:\n\t" \
	"movl -4(%[from], %[i], 4), %%r11d\n\t" \
	"movl %%r11d, -4(%[to], %[i], 4)\n\t" \
	"subl $1, %k[i]\n\t" \
	"jnz 82b\n" \
	"83:\n\t"

static inline uint32_t qp_pop_batch(const void *pcps, const uint32_t *nr_cpus, bool to_low,
				    uint32_t want, uint32_t *pfns)
{
	char *area = qp_section_area();
	uint32_t low_mask = to_low ? UINT32_MAX : 0;
	uintptr_t lp, h, i, from;
	uint32_t *to = pfns;
	uint32_t n;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_LIST
		"movl 12(%[lp]), %k[from]\n\t"
		"andl %[low_mask], %k[from]\n\t"
		"movl %k[i], %[n]\n\t"
		"subl %k[from], %[n]\n\t"
		"jbe 6f\n\t"
		"cmpl %[want], %[n]\n\t"
		"cmoval %[want], %[n]\n\t"
		"subl %[n], %k[i]\n\t"
		"leaq 64(%[lp], %[i], 4), %[from]\n\t"
		"movl %[n], %k[i]\n\t"
		QP_POINT(3)
		QP_COPY_SLOTS
		"movl %[n], %k[i]\n\t"
		"shll $17, %k[i]\n\t"
		"subl %[n], %k[i]\n\t"
		"addq %[i], %[h]\n\t"
		QP_POINT(4)
		"movq %[h], (%[lp])\n"
		QP_SECTION_END("n")
		: [n] "=&r"(n), [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [from] "=&r"(from),
		  [to] "+&r"(to)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "m"(*nr_cpus), [want] "r"(want),
		  [low_mask] "r"(low_mask)
		: "memory", "cc" QP_COPY_CLOBBER);
	return n;
}

static inline uint32_t qp_push_batch(const void *pcps, const uint32_t *nr_cpus, uint32_t n,
				     const uint32_t *pfns)
{
	char *area = qp_section_area();
	uintptr_t lp, h, i, to;
	const uint32_t *from = pfns;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_LIST
		"leaq 64(%[lp], %[i], 4), %[to]\n\t"
		"addl %[n], %k[i]\n\t"
		"cmpl 8(%[lp]), %k[i]\n\t"
		"ja 6f\n\t"
		"movl %[n], %k[i]\n\t"
		QP_POINT(3)
		QP_COPY_SLOTS
		"movl %[n], %k[i]\n\t"
		"shll $17, %k[i]\n\t"
		"addl %[n], %k[i]\n\t"
		"addq %[i], %[h]\n\t"
		"movl %[n], %k[i]\n\t"
		QP_POINT(4)
		"movq %[h], (%[lp])\n"
		QP_SECTION_END("i")
		: [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [to] "=&r"(to), [from] "+&r"(from)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "m"(*nr_cpus), [n] "r"(n)
		: "memory", "cc" QP_COPY_CLOBBER);
	return (uint32_t)i;
}

/* clang-format on */

#endif /* QI_PORT_SECTIONS_H */
