/* SPDX-License-Identifier: MIT */
/*
 * The sections for aarch64; frame and labels as for x86-64. The commit is a store-release, so that
 * whoever reads a header sees the slots and states that were written before it. Slots are read at
 * an address that depends on the header, and the header at one that depends on lp: in order.
 */
#ifndef QI_PORT_SECTIONS_H
#define QI_PORT_SECTIONS_H

#define QP_SECTIONS_WRITTEN true
#define QP_SIGNATURE 0xd428bc00u /* what the C library registers with */

/* Numbers of lists.h, as the assembler reads them. */
#define QP_CODE_SHORT "#0xfffffff1"
#define QP_CODE_NO_CPU "#0xfffffff2"
#define QP_CODE_ABORTED "#0xfffffff3"
_Static_assert(QP_SHORT == 0xfffffff1 && QP_NO_CPU == 0xfffffff2 && QP_ABORTED == 0xfffffff3 &&
		       QP_PCP_SHIFT == 8 && QP_COUNT_MASK == 0xffff && QP_PUSHED_ONE == 0x20001 &&
		       QP_OPS_SHIFT == 17,
	       "known to assembly");

/* An instruction a line. */
/* clang-format off */

#define QP_SECTION_BEGIN \
	".pushsection __rseq_cs, \"aw\"\n\t" \
	".balign 32\n" \
	"3:\n\t" \
	".long 0, 0\n\t" \
	".quad 1f, 2f - 1f, 4f\n\t" \
	".popsection\n\t" \
	".pushsection __rseq_cs_ptr_array, \"aw\"\n\t" \
	".quad 3b\n\t" \
	".popsection\n\t" \
	"adrp %[lp], 3b\n\t" \
	"add %[lp], %[lp], :lo12:3b\n\t" \
	"str %[lp], [%[area], #8]\n" \
	"1:\n\t"

#define QP_EXIT_POINT(label) \
	".pushsection __rseq_exit_point_array, \"aw\"\n\t" \
	".quad 1b, " label "\n\t" \
	".popsection\n\t"

#define QP_EXIT(label, result, code) \
	label ":\n\t" \
	"mov %w[" result "], " code "\n\t" \
	"b 9f\n"

/*
 * The signature is a trapping brk. Exits are near, in a part of the same section, as the branches to
 * them do not reach far. exit_points: those beyond 5 and 6. behind: the first instructions that are not
 * in the range.
 */
#define QP_SECTION_END_OF(result, exit_points, behind) \
	"2:\n\t" \
	behind \
	exit_points \
	QP_EXIT_POINT("5f") \
	QP_EXIT_POINT("6f") \
	".subsection 1\n\t" \
	".inst 0xd428bc00\n" \
	QP_EXIT("4", result, QP_CODE_ABORTED) \
	QP_EXIT("5", result, QP_CODE_NO_CPU) \
	QP_EXIT("6", result, QP_CODE_SHORT) \
	".subsection 0\n" \
	"9:\n\t"

#define QP_SECTION_END(result) QP_SECTION_END_OF(result, "", "")

/* This CPU's list in lp, its header in h, its count in i. */
#define QP_FIND_LIST \
	"ldr %w[i], [%[area], #4]\n\t" \
	"cmp %w[i], %w[nr_cpus]\n\t" \
	"b.hs 5f\n\t" \
	"lsl %[i], %[i], #8\n\t" \
	"ldr %[lp], [%[pcps], %[i]]\n\t" \
	"ldr %[h], [%[lp]]\n\t" \
	"and %[i], %[h], #0xffff\n\t"

/* i slots from `from` to `to`, four at a time and then one by one; uses up all three. */
#define QP_COPY_SLOTS \
	"80:\n\t" \
	"subs %w[i], %w[i], #4\n\t" \
	"b.lo 81f\n\t" \
	"ldr q16, [%[from]], #16\n\t" \
	"str q16, [%[to]], #16\n\t" \
	"b 80b\n" \
	"81:\n\t" \
	"adds %w[i], %w[i], #4\n\t" \
	"b.eq 83f\n" \
	"82:\n\t" \
	"ldr s16, [%[from]], #4\n\t" \
	"str s16, [%[to]], #4\n\t" \
	"subs %w[i], %w[i], #1\n\t" \
	"b.ne 82b\n" \
	"83:\n\t"

static inline uint32_t qp_pop_one(const void *pcps, uint32_t nr_cpus, uint64_t *popped)
{
	char *area = qp_section_area();
	uintptr_t lp, h, i, at, pfn;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_LIST
		"ldr %w[at], [%[lp], #12]\n\t"
		"cmp %w[i], %w[at]\n\t"
		"b.ls 6f\n\t"
		"add %[at], %[lp], %[i], lsl #2\n\t"
		"ldr %w[pfn], [%[at], #60]\n\t"
		"add %[h], %[h], #0x20, lsl #12\n\t"
		"sub %[h], %[h], #1\n\t"
		"stlr %[h], [%[lp]]\n"
		QP_SECTION_END("pfn")
		: [pfn] "=&r"(pfn), [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [at] "=&r"(at)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "r"(nr_cpus)
		: "memory", "cc");
	*popped = pfn;
	return pfn < QP_LEFT ? 1 : (uint32_t)pfn;
}

static inline uint32_t qp_push_one(const void *pcps, uint32_t nr_cpus, uintptr_t pfn)
{
	char *area = qp_section_area();
	uintptr_t lp, h, i, at;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_LIST
		"ldr %w[at], [%[lp], #8]\n\t"
		"cmp %w[i], %w[at]\n\t"
		"b.hs 6f\n\t"
		"add %[at], %[lp], %[i], lsl #2\n\t"
		"str %w[pfn], [%[at], #64]\n\t"
		"add %[h], %[h], #0x20, lsl #12\n\t"
		"add %[h], %[h], #1\n\t"
		"mov %w[i], #1\n\t"
		"stlr %[h], [%[lp]]\n"
		QP_SECTION_END("i")
		: [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [at] "=&r"(at)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "r"(nr_cpus), [pfn] "r"(pfn)
		: "memory", "cc");
	return (uint32_t)i;
}

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
		"ldr %w[from], [%[lp], #12]\n\t"
		"and %w[from], %w[from], %w[low_mask]\n\t"
		"subs %w[n], %w[i], %w[from]\n\t"
		"b.ls 6f\n\t"
		"cmp %w[n], %w[want]\n\t"
		"csel %w[n], %w[want], %w[n], hi\n\t"
		"sub %w[i], %w[i], %w[n]\n\t"
		"add %[from], %[lp], %[i], lsl #2\n\t"
		"add %[from], %[from], #64\n\t"
		"mov %w[i], %w[n]\n"
		QP_COPY_SLOTS
		"mov %w[i], %w[n]\n\t"
		"add %[h], %[h], %[i], lsl #17\n\t"
		"sub %[h], %[h], %[i]\n\t"
		"stlr %[h], [%[lp]]\n"
		QP_SECTION_END("n")
		: [n] "=&r"(n), [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [from] "=&r"(from),
		  [to] "+&r"(to)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "r"(*nr_cpus), [want] "r"(want),
		  [low_mask] "r"(low_mask)
		: "memory", "cc", "v16");
	return n;
}

static inline uint32_t qp_push_batch(const void *pcps, const uint32_t *nr_cpus, uint32_t n,
				     const uint32_t *pfns)
{
	char *area = qp_section_area();
	uintptr_t lp, h, i, to, high;
	const uint32_t *from = pfns;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_LIST
		"add %[to], %[lp], %[i], lsl #2\n\t"
		"add %[to], %[to], #64\n\t"
		"add %w[i], %w[i], %w[n]\n\t"
		"ldr %w[high], [%[lp], #8]\n\t"
		"cmp %w[i], %w[high]\n\t"
		"b.hi 6f\n\t"
		"mov %w[i], %w[n]\n"
		QP_COPY_SLOTS
		"mov %w[i], %w[n]\n\t"
		"add %[h], %[h], %[i], lsl #17\n\t"
		"add %[h], %[h], %[i]\n\t"
		"stlr %[h], [%[lp]]\n"
		QP_SECTION_END("i")
		: [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [to] "=&r"(to), [high] "=&r"(high),
		  [from] "+&r"(from)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "r"(*nr_cpus), [n] "r"(n)
		: "memory", "cc", "v16");
	return (uint32_t)i;
}

/* clang-format on */

#endif /* QI_PORT_SECTIONS_H */
