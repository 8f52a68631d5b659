/* SPDX-License-Identifier: MIT */
/*
 * The sections of isolated CPUs: the steps of sections.h, but the list is the one that the record
 * shows to them alone, and the commit compares and swaps, so that a drain needs nobody's help to make
 * it fail. Whether it has is asked behind the range.
 *
 * Whoever finds the header closed, here or at the commit, begins again, and must then find the list
 * that was shown before this one was closed: headers are read by load-acquire.
 */
#ifndef QI_PORT_SECTIONS_SHARED_H
#define QI_PORT_SECTIONS_SHARED_H

_Static_assert(QP_CLOSED == 0x10000 && QP_PUSHED_ONE == 0x20001, "known to assembly");

/* An instruction a line. */
/* clang-format off */

/* This CPU's list in lp, its header in h, its count in i. */
#define QP_FIND_SHARED_LIST \
	"ldr %w[i], [%[area], #4]\n\t" \
	"cmp %w[i], %w[nr_cpus]\n\t" \
	"b.hs 5f\n\t" \
	"lsl %[i], %[i], #8\n\t" \
	"add %[i], %[pcps], %[i]\n\t" \
	"ldr %[lp], [%[i], #8]\n\t" \
	"ldar %[h], [%[lp]]\n\t" \
	"and %[i], %[h], #0xffff\n\t"

#define QP_UNLESS_CLOSED \
	"tst %[h], #0x10000\n\t" \
	"b.ne 4f\n\t"

/*
 * From the header in h to that in `new`; `was` is lost. A pair of exclusive instructions may fail for
 * no reason, which is as good as an interruption.
 */
#ifdef __ARM_FEATURE_ATOMICS
#define QP_SWAP_HEADER \
	"mov %[was], %[h]\n\t" \
	"casal %[was], %[new], [%[lp]]\n"
#define QP_UNLESS_SWAPPED \
	"cmp %[was], %[h]\n\t" \
	"b.ne 4f\n\t"
#else
#define QP_SWAP_HEADER \
	"ldaxr %[was], [%[lp]]\n\t" \
	"cmp %[was], %[h]\n\t" \
	"b.ne 4f\n\t" \
	"stlxr %w[was], %[new], [%[lp]]\n"
#define QP_UNLESS_SWAPPED \
	"cbnz %w[was], 4f\n\t"
#endif

#define QP_SHARED_END(result) \
	QP_SECTION_END_OF(result, QP_EXIT_POINT("4f"), QP_UNLESS_SWAPPED)

static inline uint32_t qp_pop_one_shared(const void *pcps, uint32_t nr_cpus, uint64_t *popped)
{
	char *area = qp_section_area();
	uintptr_t lp, h, i, new, was, pfn;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_SHARED_LIST
		"ldr %w[new], [%[lp], #12]\n\t"
		"cmp %w[i], %w[new]\n\t"
		"b.ls 6f\n\t"
		QP_UNLESS_CLOSED
		"add %[i], %[lp], %[i], lsl #2\n\t"
		"ldr %w[pfn], [%[i], #60]\n\t"
		"add %[new], %[h], #0x20, lsl #12\n\t"
		"sub %[new], %[new], #1\n\t"
		QP_SWAP_HEADER
		QP_SHARED_END("pfn")
		: [pfn] "=&r"(pfn), [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [new] "=&r"(new),
		  [was] "=&r"(was)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "r"(nr_cpus)
		: "memory", "cc");
	*popped = pfn;
	return pfn < QP_LEFT ? 1 : (uint32_t)pfn;
}

static inline uint32_t qp_push_one_shared(const void *pcps, uint32_t nr_cpus, uintptr_t pfn)
{
	char *area = qp_section_area();
	uintptr_t lp, h, i, new, was;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_SHARED_LIST
		"ldr %w[new], [%[lp], #8]\n\t"
		"cmp %w[i], %w[new]\n\t"
		"b.hs 6f\n\t"
		QP_UNLESS_CLOSED
		"add %[i], %[lp], %[i], lsl #2\n\t"
		"str %w[pfn], [%[i], #64]\n\t"
		"add %[new], %[h], #0x20, lsl #12\n\t"
		"add %[new], %[new], #1\n\t"
		"mov %w[i], #1\n\t"
		QP_SWAP_HEADER
		QP_SHARED_END("i")
		: [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [new] "=&r"(new), [was] "=&r"(was)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "r"(nr_cpus), [pfn] "r"(pfn)
		: "memory", "cc");
	return (uint32_t)i;
}

static inline uint32_t qp_pop_shared(const void *pcps, const uint32_t *nr_cpus, bool to_low,
				     uint32_t want, uint32_t *pfns)
{
	char *area = qp_section_area();
	uint32_t low_mask = to_low ? UINT32_MAX : 0;
	uintptr_t lp, h, i, from, new, was;
	uint32_t *to = pfns;
	uint32_t n;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_SHARED_LIST
		"ldr %w[from], [%[lp], #12]\n\t"
		"and %w[from], %w[from], %w[low_mask]\n\t"
		"subs %w[n], %w[i], %w[from]\n\t"
		"b.ls 6f\n\t"
		QP_UNLESS_CLOSED
		"cmp %w[n], %w[want]\n\t"
		"csel %w[n], %w[want], %w[n], hi\n\t"
		"sub %w[i], %w[i], %w[n]\n\t"
		"add %[from], %[lp], %[i], lsl #2\n\t"
		"add %[from], %[from], #64\n\t"
		"mov %w[i], %w[n]\n"
		QP_COPY_SLOTS
		"mov %w[i], %w[n]\n\t"
		"add %[new], %[h], %[i], lsl #17\n\t"
		"sub %[new], %[new], %[i]\n\t"
		QP_SWAP_HEADER
		QP_SHARED_END("n")
		: [n] "=&r"(n), [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [from] "=&r"(from),
		  [new] "=&r"(new), [was] "=&r"(was), [to] "+&r"(to)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "r"(*nr_cpus), [want] "r"(want),
		  [low_mask] "r"(low_mask)
		: "memory", "cc", "v16");
	return n;
}

static inline uint32_t qp_push_shared(const void *pcps, const uint32_t *nr_cpus, uint32_t n,
				      const uint32_t *pfns)
{
	char *area = qp_section_area();
	uintptr_t lp, h, i, to, new, was;
	const uint32_t *from = pfns;

	__asm__ volatile(
		QP_SECTION_BEGIN
		QP_FIND_SHARED_LIST
		"add %[to], %[lp], %[i], lsl #2\n\t"
		"add %[to], %[to], #64\n\t"
		"add %w[i], %w[i], %w[n]\n\t"
		"ldr %w[new], [%[lp], #8]\n\t"
		"cmp %w[i], %w[new]\n\t"
		"b.hi 6f\n\t"
		QP_UNLESS_CLOSED
		"mov %w[i], %w[n]\n"
		QP_COPY_SLOTS
		"mov %w[i], %w[n]\n\t"
		"add %[new], %[h], %[i], lsl #17\n\t"
		"add %[new], %[new], %[i]\n\t"
		QP_SWAP_HEADER
		QP_SHARED_END("i")
		: [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [to] "=&r"(to), [new] "=&r"(new),
		  [was] "=&r"(was), [from] "+&r"(from)
		: [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "r"(*nr_cpus), [n] "r"(n)
		: "memory", "cc", "v16");
	return (uint32_t)i;
}

/* clang-format on */

#endif /* QI_PORT_SECTIONS_SHARED_H */
