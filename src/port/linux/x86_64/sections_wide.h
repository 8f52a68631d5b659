/* SPDX-License-Identifier: MIT */
/*
 * Batches between a list and vector registers, for code that is compiled for machines with AVX2. The
 * same steps as in sections.h, but all n pages or none, and without a copy in memory: a load that
 * follows a store of the same vector waits for nine cycles, and on the way of a page from hand to hand
 * each of them counts.
 *
 * Pages are moved by eights: slots behind the n that are meant are read, and written, where they mean
 * nothing. Lists have QP_LIST_SLACK slots behind the last for that.
 */
#ifndef QI_PORT_SECTIONS_WIDE_H
#define QI_PORT_SECTIONS_WIDE_H

/* An instruction a line. */
/* clang-format off */

#define QP_POP_WIDE(load) \
	QP_SECTION_BEGIN \
	QP_FIND_LIST \
	"movl 12(%[lp]), %k[least]\n\t" \
	"addl %[n], %k[least]\n\t" \
	"cmpl %k[least], %k[i]\n\t" \
	"jb 6f\n\t" \
	"subl %[n], %k[i]\n\t" \
	QP_POINT(3) \
	load \
	"addq %[change], %[h]\n\t" \
	QP_POINT(4) \
	"movq %[h], (%[lp])\n" \
	QP_SECTION_END("i")

#define QP_PUSH_WIDE(store) \
	QP_SECTION_BEGIN \
	QP_FIND_LIST \
	"leal (%q[i], %q[n]), %k[most]\n\t" \
	"cmpl 8(%[lp]), %k[most]\n\t" \
	"ja 6f\n\t" \
	QP_POINT(3) \
	store \
	"addq %[change], %[h]\n\t" \
	QP_POINT(4) \
	"movq %[h], (%[lp])\n" \
	QP_SECTION_END("i")

#define QP_POP_WIDE_SHARED(load) \
	QP_SECTION_BEGIN \
	QP_FIND_SHARED_LIST \
	"movl 12(%[lp]), %k[new]\n\t" \
	"addl %[n], %k[new]\n\t" \
	"cmpl %k[new], %k[i]\n\t" \
	"jb 6f\n\t" \
	QP_UNLESS_CLOSED \
	"subl %[n], %k[i]\n\t" \
	QP_POINT(3) \
	load \
	"movq %[change], %[new]\n\t" \
	QP_SWAP_HEADER("new") \
	QP_SHARED_END("i")

#define QP_PUSH_WIDE_SHARED(store) \
	QP_SECTION_BEGIN \
	QP_FIND_SHARED_LIST \
	"leal (%q[i], %q[n]), %k[new]\n\t" \
	"cmpl 8(%[lp]), %k[new]\n\t" \
	"ja 6f\n\t" \
	QP_UNLESS_CLOSED \
	QP_POINT(3) \
	store \
	"movq %[change], %[new]\n\t" \
	QP_SWAP_HEADER("new") \
	QP_SHARED_END("i")

#define QP_LOAD_1 "vmovdqu 64(%[lp], %[i], 4), %[v0]\n\t"
#define QP_LOAD_2 QP_LOAD_1 "vmovdqu 96(%[lp], %[i], 4), %[v1]\n\t"
#define QP_LOAD_4 QP_LOAD_2 \
	"vmovdqu 128(%[lp], %[i], 4), %[v2]\n\t" \
	"vmovdqu 160(%[lp], %[i], 4), %[v3]\n\t"
#define QP_LOAD_8 QP_LOAD_4 \
	"vmovdqu 192(%[lp], %[i], 4), %[v4]\n\t" \
	"vmovdqu 224(%[lp], %[i], 4), %[v5]\n\t" \
	"vmovdqu 256(%[lp], %[i], 4), %[v6]\n\t" \
	"vmovdqu 288(%[lp], %[i], 4), %[v7]\n\t"

#define QP_STORE_1 "vmovdqu %[v0], 64(%[lp], %[i], 4)\n\t"
#define QP_STORE_2 QP_STORE_1 "vmovdqu %[v1], 96(%[lp], %[i], 4)\n\t"
#define QP_STORE_4 QP_STORE_2 \
	"vmovdqu %[v2], 128(%[lp], %[i], 4)\n\t" \
	"vmovdqu %[v3], 160(%[lp], %[i], 4)\n\t"
#define QP_STORE_8 QP_STORE_4 \
	"vmovdqu %[v4], 192(%[lp], %[i], 4)\n\t" \
	"vmovdqu %[v5], 224(%[lp], %[i], 4)\n\t" \
	"vmovdqu %[v6], 256(%[lp], %[i], 4)\n\t" \
	"vmovdqu %[v7], 288(%[lp], %[i], 4)\n\t"

#define QP_OUT_1 [v0] "=&x"(v[0])
#define QP_OUT_2 QP_OUT_1, [v1] "=&x"(v[1])
#define QP_OUT_4 QP_OUT_2, [v2] "=&x"(v[2]), [v3] "=&x"(v[3])
#define QP_OUT_8 QP_OUT_4, [v4] "=&x"(v[4]), [v5] "=&x"(v[5]), [v6] "=&x"(v[6]), [v7] "=&x"(v[7])

#define QP_IN_1 [v0] "x"(v[0])
#define QP_IN_2 QP_IN_1, [v1] "x"(v[1])
#define QP_IN_4 QP_IN_2, [v2] "x"(v[2]), [v3] "x"(v[3])
#define QP_IN_8 QP_IN_4, [v4] "x"(v[4]), [v5] "x"(v[5]), [v6] "x"(v[6]), [v7] "x"(v[7])

/* clang-format on */

#define QP_DEFINE_WIDE(k)                                                                         \
	static inline uint32_t qp_pop_wide_##k(const void *pcps, const uint32_t *nr_cpus,         \
					       uint32_t n, qp_eight *v)                           \
	{                                                                                         \
		char *area = qp_section_area();                                                   \
		uint64_t change = ((uint64_t)n << QP_OPS_SHIFT) - n;                              \
		uintptr_t lp, h, i, least;                                                        \
                                                                                                  \
		__asm__ volatile(QP_POP_WIDE(QP_LOAD_##k)                                         \
				 : QP_OUT_##k, [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i),        \
				   [least] "=&r"(least)                                           \
				 : [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "m"(*nr_cpus),   \
				   [n] "r"(n), [change] "r"(change)                               \
				 : "memory", "cc" QP_POINT_CLOBBER);                              \
		return (uint32_t)i;                                                               \
	}                                                                                         \
                                                                                                  \
	static inline uint32_t qp_push_wide_##k(const void *pcps, const uint32_t *nr_cpus,        \
						uint32_t n, const qp_eight *v)                    \
	{                                                                                         \
		char *area = qp_section_area();                                                   \
		uint64_t change = ((uint64_t)n << QP_OPS_SHIFT) + n;                              \
		uintptr_t lp, h, i, most;                                                         \
                                                                                                  \
		__asm__ volatile(QP_PUSH_WIDE(QP_STORE_##k)                                       \
				 : [lp] "=&r"(lp), [h] "=&r"(h), [i] "=&r"(i), [most] "=&r"(most) \
				 : [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "m"(*nr_cpus),   \
				   [n] "r"((uintptr_t)n), [change] "r"(change), QP_IN_##k         \
				 : "memory", "cc" QP_POINT_CLOBBER);                              \
		return (uint32_t)i;                                                               \
	}                                                                                         \
                                                                                                  \
	static inline uint32_t qp_pop_wide_shared_##k(const void *pcps, const uint32_t *nr_cpus,  \
						      uint32_t n, qp_eight *v)                    \
	{                                                                                         \
		char *area = qp_section_area();                                                   \
		uint64_t change = ((uint64_t)n << QP_OPS_SHIFT) - n;                              \
		uintptr_t lp, i, new;                                                             \
                                                                                                  \
		__asm__ volatile(QP_POP_WIDE_SHARED(QP_LOAD_##k)                                  \
				 : QP_OUT_##k, [lp] "=&r"(lp), [i] "=&r"(i), [new] "=&r"(new)     \
				 : [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "m"(*nr_cpus),   \
				   [n] "r"(n), [change] "r"(change)                               \
				 : "memory", "cc", "rax" QP_POINT_CLOBBER);                       \
		return (uint32_t)i;                                                               \
	}                                                                                         \
                                                                                                  \
	static inline uint32_t qp_push_wide_shared_##k(const void *pcps, const uint32_t *nr_cpus, \
						       uint32_t n, const qp_eight *v)             \
	{                                                                                         \
		char *area = qp_section_area();                                                   \
		uint64_t change = ((uint64_t)n << QP_OPS_SHIFT) + n;                              \
		uintptr_t lp, i, new;                                                             \
                                                                                                  \
		__asm__ volatile(QP_PUSH_WIDE_SHARED(QP_STORE_##k)                                \
				 : [lp] "=&r"(lp), [i] "=&r"(i), [new] "=&r"(new)                 \
				 : [area] "r"(area), [pcps] "r"(pcps), [nr_cpus] "m"(*nr_cpus),   \
				   [n] "r"((uintptr_t)n), [change] "r"(change), QP_IN_##k         \
				 : "memory", "cc", "rax" QP_POINT_CLOBBER);                       \
		return (uint32_t)i;                                                               \
	}

QP_DEFINE_WIDE(1)
QP_DEFINE_WIDE(2)
QP_DEFINE_WIDE(4)
QP_DEFINE_WIDE(8)

#endif /* QI_PORT_SECTIONS_WIDE_H */
