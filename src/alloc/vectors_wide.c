/* SPDX-License-Identifier: MIT */
/* A machine whose vectors are known when the library runs. */
#include "alloc/vector.h"
#include "port/port.h"

extern const struct qi_vector qi_vector_plain;
extern const struct qi_vector qi_vector_avx2;
extern const struct qi_vector qi_vector_avx512;

const struct qi_vector *qi_vector_choose(void)
{
	const struct qi_vector *const tables[] = {
		[QP_VECTORS_PLAIN] = &qi_vector_plain,
		[QP_VECTORS_AVX2] = &qi_vector_avx2,
		[QP_VECTORS_AVX512] = &qi_vector_avx512,
	};

	return tables[qp_vectors()];
}
