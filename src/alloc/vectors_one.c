/* SPDX-License-Identifier: MIT */
/* A machine whose vectors are known when the library is built. */
#include "alloc/vector.h"

extern const struct qi_vector qi_vector_plain;

const struct qi_vector *qi_vector_choose(void)
{
	return &qi_vector_plain;
}
