/* SPDX-License-Identifier: MIT */
/*
 * The sections of isolated CPUs: the steps of sections.h, but the list is the one that the record
 * shows to them alone, and the commit compares and swaps, so that a drain needs nobody's help to make
 * it fail. Flags say behind the range whether it has.
 */
#ifndef QI_PORT_SECTIONS_SHARED_H
#define QI_PORT_SECTIONS_SHARED_H

_Static_assert(QP_CLOSED == UINT64_C(1) << 16 && QP_PUSHED_ONE == 0x20001, "known to assembly");

/* An instruction a line. */
/* clang-format off */

/* This CPU's list in lp, its header in rax, its count in i. */
#define QP_FIND_SHARED_LIST QP_FIND_LIST_BY("4(%[area])", "5f", "8", "%%rax", "%%ax")

#define QP_UNLESS_CLOSED \
	"btl $16, %%eax\n\t" \
	"jc 4f\n\t"

/* From the header in rax to one that differs by the register. */
#define QP_SWAP_HEADER(change) \
	"addq %%rax, %[" change "]\n\t" \
	QP_POINT(4) \
	"lock cmpxchgq %[" change "], (%[lp])\n"

#define QP_SHARED_END(result) \
	QP_SECTION_END_OF(result, QP_EXIT_POINT("4f"), "jne 4f\n")

/* One page, with the labels of the caller as exits, as in sections.h. */
#define QP_ONE_SHARED_BEGIN QP_ONE_BEGIN_BY("8", "%%rax", "%%ax")

#define QP_ONE_UNLESS_CLOSED \
	"btl $16, %%eax\n\t" \
	"jc %l[aborted]\n\t"

#define QP_ONE_SWAP_HEADER(change) \
	"leaq " change "(%%rax), %[i]\n\t" \
	QP_POINT(4) \
	"lock cmpxchgq %[i], (%[lp])\n"

#define QP_ONE_SHARED_END \
	"2:\n\t" \
	"jne %l[aborted]\n\t" \
	QP_EXIT_POINT("%l[left]") \
	QP_EXIT_POINT("%l[aborted]") \
	QP_SIGNED_TARGET \
	"4:\n\t" \
	"jmp %l[aborted]\n\t" \
	".popsection\n\t"

static inline uint32_t qp_pop_one_shared(const void *pcps, uint32_t nr_cpus, uint64_t *popped)
{
	uintptr_t lp, i, pfn;

	__asm__ volatile goto(
		QP_ONE_SHARED_BEGIN
		"cmpl 12(%[lp]), %k[i]\n\t"
		"jbe %l[left]\n\t"
		QP_ONE_UNLESS_CLOSED
		QP_POINT(3)
		"movl 60(%[lp], %[i], 4), %k[pfn]\n\t"
		QP_ONE_SWAP_HEADER("0x1ffff")
		QP_ONE_SHARED_END
		: [pfn] "=&r"(pfn), [lp] "=&r"(lp), [i] "=&r"(i)
		: [area] "r"(qp_rseq_area.offset), [pcps] "r"(pcps), [nr_cpus] "r"(nr_cpus)
		: "memory", "cc", "rax" QP_POINT_CLOBBER
		: left, aborted);
	*popped = pfn;
	return 1;
left:
	return QP_SHORT;
aborted:
	return QP_ABORTED;
}

static inline uint32_t qp_push_one_shared(const void *pcps, uint32_t nr_cpus, uintptr_t pfn)
{
	uintptr_t lp, i;

	__asm__ volatile goto(
		QP_ONE_SHARED_BEGIN
		"cmpl 8(%[lp]), %k[i]\n\t"
		"jae %l[left]\n\t"
		QP_ONE_UNLESS_CLOSED
		QP_POINT(3)
		"movl %k[pfn], 64(%[lp], %[i], 4)\n\t"
		QP_ONE_SWAP_HEADER("0x20001")
		QP_ONE_SHARED_END
		: [lp] "=&r"(lp), [i] "=&r"(i)
		: [area] "r"(qp_rseq_area.offset), [pcps] "r"(pcps), [nr_cpus] "r"(nr_cpus),
		  [pfn] "r"(pfn)
		: "memory", "cc", "rax" QP_POINT_CLOBBER
		: left, aborted);
	return 1;
left:
	return QP_SHORT;
aborted:
	return QP_ABORTED;
}

static inline uint32_t qp_pop_shared(const void *pcps, const uint32_t *nr_cpus, bool to_low,
				     uint32_t want, uint32_t *pfns)
{
	char *area = qp_section_area();
	uint32_t low_mask = to_low ? UINT32_MAX : 0;
	uintptr_t lp, i, from;
	uint32_t *to = pfns;
	uint32_t n;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_SHARED_LIST
		"movl 12(%[lp]), %k[from]\n\t"
		"andl %[low_mask], %k[from]\n\t"
		"movl %k[i], %[n]\n\t"
		"subl %k[from], %[n]\n\t"
		"jbe 6f\n\t"
		QP_UNLESS_CLOSED
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
		QP_SWAP_HEADER("i")
		QP_SHARED_END("n")
		: [n] "=&r"(n), [lp] "=&r"(lp), [i] "=&r"(i), [from] "=&r"(from), [to] "+&r"(to)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "m"(*nr_cpus), [want] "r"(want),
		  [low_mask] "r"(low_mask)
		: "memory", "cc", "rax" QP_COPY_CLOBBER);
	return n;
}

static inline uint32_t qp_push_shared(const void *pcps, const uint32_t *nr_cpus, uint32_t n,
				      const uint32_t *pfns)
{
	char *area = qp_section_area();
	uintptr_t lp, i, to;
	const uint32_t *from = pfns;
	uint32_t done;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_SHARED_LIST
		"leaq 64(%[lp], %[i], 4), %[to]\n\t"
		"addl %[n], %k[i]\n\t"
		"cmpl 8(%[lp]), %k[i]\n\t"
		"ja 6f\n\t"
		QP_UNLESS_CLOSED
		"movl %[n], %k[i]\n\t"
		QP_POINT(3)
		QP_COPY_SLOTS
		"movl %[n], %k[i]\n\t"
		"movl %[n], %[done]\n\t"
		"shll $17, %k[i]\n\t"
		"addl %[n], %k[i]\n\t"
		QP_SWAP_HEADER("i")
		QP_SHARED_END("done")
		: [lp] "=&r"(lp), [i] "=&r"(i), [to] "=&r"(to), [from] "+&r"(from),
		  [done] "=&r"(done)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "m"(*nr_cpus), [n] "r"(n)
		: "memory", "cc", "rax" QP_COPY_CLOBBER);
	return done;
}

/* clang-format on */

#endif /* QI_PORT_SECTIONS_SHARED_H */
