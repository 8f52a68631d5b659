/* SPDX-License-Identifier: MIT */
#include "port/port.h"

#if defined(__x86_64__)
enum qp_vectors qp_vectors(void)
{
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2"))
		return QP_VECTORS_PLAIN;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
		return QP_VECTORS_AVX512;
	return QP_VECTORS_AVX2;
}
#else
enum qp_vectors qp_vectors(void)
{
	return QP_VECTORS_PLAIN;
}
#endif
