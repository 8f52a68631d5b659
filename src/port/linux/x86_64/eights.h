/* SPDX-License-Identifier: MIT */
/*
 * port/wide.h for x86-64 with AVX2 or AVX-512. What AVX-512 has one instruction for is said twice.
 */
#ifndef QI_PORT_EIGHTS_H
#define QI_PORT_EIGHTS_H

#include <immintrin.h>

#define QP_WIDE static inline __attribute__((always_inline))

QP_WIDE bool qp_eight_is_zero(qp_eight v)
{
	return _mm256_testz_si256((__m256i)v, (__m256i)v);
}

QP_WIDE qp_eight qp_eight_lower(qp_eight a, qp_eight b)
{
	return (qp_eight)_mm256_min_epu32((__m256i)a, (__m256i)b);
}

QP_WIDE qp_eight qp_eight_upper(qp_eight a, qp_eight b)
{
	return (qp_eight)_mm256_max_epu32((__m256i)a, (__m256i)b);
}

QP_WIDE qp_eight qp_eight_backwards(qp_eight v)
{
	const qp_eight order = { 7, 6, 5, 4, 3, 2, 1, 0 };

	return (qp_eight)_mm256_permutevar8x32_epi32((__m256i)v, (__m256i)order);
}

QP_WIDE void qp_eight_write(uint32_t *to, uint32_t some, qp_eight v)
{
	if (some == QP_EIGHT)
		_mm256_storeu_si256((void *)to, (__m256i)v);
	for (uint32_t i = 0; some < QP_EIGHT && i < some; i++)
		to[i] = v[i];
}

QP_WIDE qp_eight qp_eight_read(const uint32_t *from, uint32_t some, uint32_t otherwise)
{
	qp_eight v;

	if (some == QP_EIGHT)
		return (qp_eight)_mm256_loadu_si256((const void *)from);
	v = otherwise - (qp_eight){ 0 };
	for (uint32_t i = 0; i < some; i++)
		v[i] = from[i];
	return v;
}

#ifdef __AVX512F__

QP_WIDE qp_slots qp_slots_of(qp_eight v)
{
	return (qp_slots)_mm512_cvtepu32_epi64((__m256i)v);
}

QP_WIDE qp_eight qp_slots_narrow(qp_slots slots)
{
	return (qp_eight)_mm512_cvtepi64_epi32((__m512i)slots);
}

QP_WIDE qp_slots qp_slots_rotate(qp_slots slots, uint32_t shift)
{
	return (qp_slots)_mm512_rorv_epi64((__m512i)slots, _mm512_set1_epi64(shift));
}

QP_WIDE qp_slots qp_slots_upper(qp_slots a, qp_slots b)
{
	return (qp_slots)_mm512_max_epu64((__m512i)a, (__m512i)b);
}

QP_WIDE bool qp_slots_below(qp_slots slots, uint64_t bound)
{
	return _mm512_cmpge_epu64_mask((__m512i)slots, _mm512_set1_epi64((int64_t)bound)) == 0;
}

QP_WIDE void qp_slots_write(void *to, uint32_t some, qp_slots slots)
{
	if (some == QP_EIGHT)
		_mm512_storeu_si512(to, (__m512i)slots);
	else
		_mm512_mask_storeu_epi64(to, (__mmask8)((1u << some) - 1), (__m512i)slots);
}

QP_WIDE qp_slots qp_slots_read(const void *from, uint32_t some, uint64_t otherwise)
{
	if (some == QP_EIGHT)
		return (qp_slots)_mm512_loadu_si512(from);
	return (qp_slots)_mm512_mask_loadu_epi64(_mm512_set1_epi64((int64_t)otherwise),
						 (__mmask8)((1u << some) - 1), from);
}

#else

QP_WIDE qp_slots qp_slots_of(qp_eight v)
{
	return __builtin_convertvector(v, qp_slots);
}

QP_WIDE qp_eight qp_slots_narrow(qp_slots slots)
{
	return __builtin_convertvector(slots, qp_eight);
}

QP_WIDE qp_slots qp_slots_rotate(qp_slots slots, uint32_t shift)
{
	return slots >> shift | slots << (64 - shift);
}

QP_WIDE qp_slots qp_slots_upper(qp_slots a, qp_slots b)
{
	qp_slots above = (qp_slots)(a > b);

	return (a & above) | (b & ~above);
}

QP_WIDE bool qp_slots_below(qp_slots slots, uint64_t bound)
{
	return qp_eight_is_zero(qp_slots_narrow((qp_slots)(slots >= bound)));
}

QP_WIDE void qp_slots_write(void *to, uint32_t some, qp_slots slots)
{
	if (some == QP_EIGHT)
		__builtin_memcpy(to, &slots, sizeof(slots));
	for (uint32_t i = 0; some < QP_EIGHT && i < some; i++)
		__builtin_memcpy((char *)to + i * sizeof(uint64_t), &(uint64_t){ slots[i] },
				 sizeof(uint64_t));
}

QP_WIDE qp_slots qp_slots_read(const void *from, uint32_t some, uint64_t otherwise)
{
	qp_slots slots = otherwise - (qp_slots){ 0 };

	if (some == QP_EIGHT)
		__builtin_memcpy(&slots, from, sizeof(slots));
	for (uint32_t i = 0; some < QP_EIGHT && i < some; i++) {
		uint64_t slot;

		__builtin_memcpy(&slot, (const char *)from + i * sizeof(slot), sizeof(slot));
		slots[i] = slot;
	}
	return slots;
}

#endif

#endif /* QI_PORT_EIGHTS_H */
