/* SPDX-License-Identifier: MIT */
#include "port/port.h"

#if defined(__x86_64__)
/* Used by assembly, where the compiler does not look. */
__attribute__((used)) uint32_t qp_vector_width;

/* Before any thread of the library's user runs, as static constructors may use Quire too. */
__attribute__((constructor(101))) static void find_width(void)
{
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
		qp_vector_width = QP_VECTORS_AVX512;
	else if (__builtin_cpu_supports("avx2"))
		qp_vector_width = QP_VECTORS_AVX2;
}

enum qp_vectors qp_vectors(void)
{
	return (enum qp_vectors)qp_vector_width;
}
#else
enum qp_vectors qp_vectors(void)
{
	return QP_VECTORS_PLAIN;
}
#endif
