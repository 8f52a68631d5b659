/* SPDX-License-Identifier: MIT */
/*
 * Batches on their way between this CPU's list and the caller's slots, in vector registers. Part of
 * vector.c, where the machine has registers that are wide enough. Functions have the number of
 * eights, nr, and the form as constants, and no loops over eights, as the compiler would make them
 * loops over memory.
 */
#ifndef QI_ALLOC_VECTOR_WIDE_H
#define QI_ALLOC_VECTOR_WIDE_H

#include <immintrin.h>

enum {
	EIGHT = 8,
};

typedef uint64_t __attribute__((vector_size(64))) eight_slots;

static const qp_eight steps = { 0, 1, 2, 3, 4, 5, 6, 7 };

/* DO(i) for each eight. */
#define EACH_EIGHT(nr, DO)      \
	do {                    \
		DO(0);          \
		if ((nr) > 1)   \
			DO(1);  \
		if ((nr) > 2) { \
			DO(2);  \
			DO(3);  \
		}               \
		if ((nr) > 4) { \
			DO(4);  \
			DO(5);  \
			DO(6);  \
			DO(7);  \
		}               \
	} while (0)

INLINED uint32_t pop_eights(const struct qi_ready *ready, uint32_t nr, uint32_t n, qp_eight *v)
{
	const void *pcps = ready->pcps;

	if (nr == 1)
		return qp_pop_wide_1(pcps, &ready->nr_cpus, n, v);
	if (nr == 2)
		return qp_pop_wide_2(pcps, &ready->nr_cpus, n, v);
	if (nr == 4)
		return qp_pop_wide_4(pcps, &ready->nr_cpus, n, v);
	return qp_pop_wide_8(pcps, &ready->nr_cpus, n, v);
}

INLINED uint32_t push_eights(const struct qi_ready *ready, uint32_t nr, uint32_t n,
			     const qp_eight *v)
{
	const void *pcps = ready->pcps;

	if (nr == 1)
		return qp_push_wide_1(pcps, &ready->nr_cpus, n, v);
	if (nr == 2)
		return qp_push_wide_2(pcps, &ready->nr_cpus, n, v);
	if (nr == 4)
		return qp_push_wide_4(pcps, &ready->nr_cpus, n, v);
	return qp_push_wide_8(pcps, &ready->nr_cpus, n, v);
}

INLINED void spill(uint32_t nr, const qp_eight *v, uint32_t *pfns)
{
#define SPILL(i) _mm256_storeu_si256((void *)(pfns + EIGHT * (i)), (__m256i)v[i])
	EACH_EIGHT(nr, SPILL);
#undef SPILL
}

/* ---- States --------------------------------------------------------------------------------- */

INLINED bool is_zero_eight(qp_eight value)
{
	return _mm256_testz_si256((__m256i)value, (__m256i)value);
}

/* The lowest page if full eights are one run, up or down; else NO_RUN. */
INLINED uint32_t run_of_eights(uint32_t nr, uint32_t n, const qp_eight *v)
{
	uint32_t first = v[0][0];
	uint32_t step = v[0][1] - first; /* 1 or -1 */
	qp_eight next = first + step * steps;
	qp_eight stride = step * EIGHT - (qp_eight){ 0 };
	qp_eight differ = { 0 };

#define COMPARE(i)                     \
	do {                           \
		differ |= v[i] ^ next; \
		next += stride;        \
	} while (0)
	EACH_EIGHT(nr, COMPARE);
#undef COMPARE
	if (n != EIGHT * nr || ((step + 1) & ~2u) != 0 || !is_zero_eight(differ))
		return NO_RUN;
	return step == 1 ? first : first - (n - 1);
}

/*
 * The lowest of eight pages that are next to each other; NO_RUN: they are not. Their order does not
 * matter, as long as the i-th from the front and the i-th from the back are as far apart as in a run.
 */
INLINED uint32_t run_of_eight(qp_eight v)
{
	const qp_eight low = { 0, 1, 2, 3, 3, 2, 1, 0 };
	const qp_eight backwards = { 7, 6, 5, 4, 3, 2, 1, 0 };
	__m256i back = _mm256_permutevar8x32_epi32((__m256i)v, (__m256i)backwards);
	qp_eight lower = (qp_eight)_mm256_min_epu32((__m256i)v, back);
	qp_eight upper = (qp_eight)_mm256_max_epu32((__m256i)v, back);
	uint32_t first = lower[0];

	if (qp_unlikely(!is_zero_eight((lower ^ (first + low)) | (upper ^ (first + 7 - low)))))
		return NO_RUN;
	return first;
}

/* Of n pages, those in eight i. */
INLINED uint32_t some_of(uint32_t n, uint32_t i)
{
	if (n <= EIGHT * i)
		return 0;
	return n - EIGHT * i < EIGHT ? n - EIGHT * i : EIGHT;
}

INLINED void hold_eight(qi_state *state, uint32_t some, qp_eight v)
{
	uint32_t start = run_of_eight(v);
	uint32_t pfns[EIGHT];

	if (some == EIGHT && start != NO_RUN) {
		set_run(state, start, EIGHT, QI_STATE_HELD);
		return;
	}
	spill(1, &v, pfns);
	hold_each(state, some, pfns);
}

/* Held pages become free up to the first that is not held; how many. */
INLINED uint32_t release_eight(qi_state *state, uint32_t some, qp_eight v)
{
	uint32_t start = run_of_eight(v);
	uint32_t pfns[EIGHT];

	if (some == EIGHT && start != NO_RUN && run_is_held(state, start, EIGHT)) {
		set_run(state, start, EIGHT, QI_STATE_FREE);
		return EIGHT;
	}
	spill(1, &v, pfns);
	return release_each(state, some, pfns);
}

INLINED void hold_eights(qi_state *state, uint32_t nr, uint32_t n, const qp_eight *v)
{
	uint32_t start = run_of_eights(nr, n, v);

	if (start != NO_RUN) {
		set_run(state, start, EIGHT * nr, QI_STATE_HELD);
		return;
	}
#define HOLD(i) hold_eight(state, some_of(n, i), v[i])
	EACH_EIGHT(nr, HOLD);
#undef HOLD
}

/* All of them become free, or none. */
INLINED bool release_eights(qi_state *state, uint32_t nr, uint32_t n, const qp_eight *v)
{
	uint32_t start = run_of_eights(nr, n, v);
	uint32_t pfns[BATCH];
	uint32_t done = 0;

	if (start != NO_RUN && run_is_held(state, start, EIGHT * nr)) {
		set_run(state, start, EIGHT * nr, QI_STATE_FREE);
		return true;
	}
#define RELEASE(i)               \
	if (done == EIGHT * (i)) \
	done += release_eight(state, some_of(n, i), v[i])
	EACH_EIGHT(nr, RELEASE);
#undef RELEASE
	if (qp_likely(done == n))
		return true;
	spill(nr, v, pfns);
	hold_each(state, done, pfns);
	return false;
}

/* ---- Slots ---------------------------------------------------------------------------------- */

/* Of the last eight slots some may be nobody's: 1 to 8 are meant. */
INLINED void write_slots(qi_slot *slots, uint32_t some, eight_slots value)
{
	if (qp_likely(some == EIGHT)) {
		__builtin_memcpy((void *)slots, &value, sizeof(value));
		return;
	}
#ifdef __AVX512F__
	_mm512_mask_storeu_epi64((void *)slots, (__mmask8)((1u << some) - 1), (__m512i)value);
#else
	for (uint32_t i = 0; i < some; i++)
		slots[i] = value[i];
#endif
}

INLINED eight_slots read_slots(const qi_slot *slots, uint32_t some, uint64_t otherwise)
{
	eight_slots value;

	if (qp_likely(some == EIGHT)) {
		__builtin_memcpy(&value, (const void *)slots, sizeof(value));
		return value;
	}
	value = otherwise - (eight_slots){ 0 };
#ifdef __AVX512F__
	return (eight_slots)_mm512_mask_loadu_epi64((__m512i)value, (__mmask8)((1u << some) - 1),
						    (const void *)slots);
#else
	for (uint32_t i = 0; i < some; i++)
		value[i] = slots[i];
	return value;
#endif
}

INLINED void write_pfns(uint32_t *pfns, uint32_t some, qp_eight value)
{
	if (qp_likely(some == EIGHT)) {
		__builtin_memcpy(pfns, &value, sizeof(value));
		return;
	}
	for (uint32_t i = 0; i < some; i++)
		pfns[i] = value[i];
}

INLINED qp_eight read_pfns(const uint32_t *pfns, uint32_t some, uint32_t otherwise)
{
	qp_eight value;

	if (qp_likely(some == EIGHT)) {
		__builtin_memcpy(&value, pfns, sizeof(value));
		return value;
	}
	value = otherwise - (qp_eight){ 0 };
	for (uint32_t i = 0; i < some; i++)
		value[i] = pfns[i];
	return value;
}

INLINED eight_slots to_eight_slots(qp_eight pfns, uint32_t shift, uint64_t pfn_0)
{
#ifdef __AVX512F__
	eight_slots wide = (eight_slots)_mm512_cvtepu32_epi64((__m256i)pfns);
#else
	eight_slots wide = __builtin_convertvector(pfns, eight_slots);
#endif
	return (wide << shift) + pfn_0;
}

/* The eights to n slots. */
INLINED void write_eights(enum qi_form form, const struct qi_range *range, uint32_t nr, uint32_t n,
			  const qp_eight *v, void *slots)
{
	uint32_t shift = range->shift;
	uint64_t pfn_0 = range->start - ((uint64_t)range->first_pfn << shift);

#define WRITE_PFNS(i) write_pfns((uint32_t *)slots + EIGHT * (i), some_of(n, i), v[i])
#define WRITE_SLOTS(i)                                             \
	write_slots((qi_slot *)slots + EIGHT * (i), some_of(n, i), \
		    to_eight_slots(v[i], shift, pfn_0))
	if (form == QI_FORM_PFN)
		EACH_EIGHT(nr, WRITE_PFNS);
	else
		EACH_EIGHT(nr, WRITE_SLOTS);
#undef WRITE_PFNS
#undef WRITE_SLOTS
}

/* What has been seen of the slots of a batch, so that wrong ones show. */
struct seen {
	eight_slots a;
	eight_slots b;
};

/*
 * Eight slots to pages. Rotated, a distance from the start is the number of a page, or huge where it
 * is inside one; so the largest tells. Where that cannot be had, wrong distances show in the same
 * bits as in from_slots().
 */
INLINED qp_eight to_eight_pfns(const struct qi_range *range, eight_slots slots, struct seen *seen)
{
	eight_slots distance = slots - range->start;
#ifdef __AVX512F__
	__m512i page = _mm512_rorv_epi64((__m512i)distance, _mm512_set1_epi64(range->shift));

	seen->a = (eight_slots)_mm512_max_epu64((__m512i)seen->a, page);
	return (qp_eight)_mm512_cvtepi64_epi32(page) + range->first_pfn;
#else
	seen->a |= distance & range->inside;
	seen->b |= distance | (range->bytes - 1 - distance);
	return __builtin_convertvector(distance >> range->shift, qp_eight) + range->first_pfn;
#endif
}

INLINED bool seen_wrong(const struct qi_range *range, const struct seen *seen)
{
	uint64_t nr_pages = range->bytes >> range->shift;

#ifdef __AVX512F__
	return _mm512_cmpge_epu64_mask((__m512i)seen->a, _mm512_set1_epi64((int64_t)nr_pages)) != 0;
#else
	eight_slots wrong = seen->a | seen->b >> 63;
	qp_eight halves[2];

	(void)nr_pages;
	__builtin_memcpy(halves, &wrong, sizeof(wrong));
	return !is_zero_eight(halves[0] | halves[1]);
#endif
}

/* n slots with pfns to the eights; false: some are no page's. */
INLINED bool read_eight_pfns(const struct qi_range *range, uint32_t nr, uint32_t n,
			     const uint32_t *slots, qp_eight *v)
{
	uint32_t first_pfn = range->first_pfn;
	uint32_t last = (uint32_t)(range->bytes >> range->shift) - 1;
	qp_eight wrong = { 0 };

#define READ(i)                                                                  \
	do {                                                                     \
		v[i] = read_pfns(slots + EIGHT * (i), some_of(n, i), first_pfn); \
		wrong |= (qp_eight)(v[i] - first_pfn > last);                    \
	} while (0)
	EACH_EIGHT(nr, READ);
#undef READ
	return _mm256_testz_si256((__m256i)wrong, (__m256i)wrong);
}

/* The same with addresses. */
INLINED bool read_eight_slots(const struct qi_range *range, uint32_t nr, uint32_t n,
			      const qi_slot *slots, qp_eight *v)
{
	const struct qi_range here = *range; /* which no store into slots can change */
	struct seen seen = { { 0 }, { 0 } };

#define READ(i)                                                                                 \
	v[i] = to_eight_pfns(&here, read_slots(slots + EIGHT * (i), some_of(n, i), here.start), \
			     &seen)
	EACH_EIGHT(nr, READ);
#undef READ
	return !seen_wrong(&here, &seen);
}

INLINED bool read_eights(enum qi_form form, const struct qi_range *range, uint32_t nr, uint32_t n,
			 const void *slots, qp_eight *v)
{
	if (form == QI_FORM_PFN)
		return read_eight_pfns(range, nr, n, slots, v);
	return read_eight_slots(range, nr, n, slots, v);
}

/* ---- Batches -------------------------------------------------------------------------------- */

INLINED uint32_t take_eights(enum qi_form form, const struct qi_ready *ready,
			     const struct qi_range *range, uint32_t nr, uint32_t n, void *slots)
{
	qp_eight v[EIGHT];
	uint32_t popped = pop_eights(ready, nr, n, v);

	if (qp_unlikely(popped >= QP_LEFT))
		return popped;
	if (ready->check != QUIRE_CHECK_OFF)
		hold_eights(ready->state, nr, n, v);
	/* Twice, as all eights are full most of the time, and then nobody needs to ask each. */
	if (qp_likely(n == EIGHT * nr))
		write_eights(form, range, nr, EIGHT * nr, v, slots);
	else
		write_eights(form, range, nr, n, v, slots);
	return n;
}

INLINED uint32_t give_eights(enum qi_form form, const struct qi_ready *ready,
			     const struct qi_range *range, uint32_t nr, uint32_t n,
			     const void *slots, uint32_t *pfns)
{
	qp_eight v[EIGHT];
	uint32_t pushed;
	bool good;

	if (qp_likely(n == EIGHT * nr))
		good = read_eights(form, range, nr, EIGHT * nr, slots, v);
	else
		good = read_eights(form, range, nr, n, slots, v);
	if (qp_unlikely(!good))
		return 0;
	if (ready->check != QUIRE_CHECK_OFF && qp_unlikely(!release_eights(ready->state, nr, n, v)))
		return 0;
	pushed = push_eights(ready, nr, n, v);
	if (qp_likely(pushed < QP_LEFT))
		return n;
	spill(nr, v, pfns);
	return pushed;
}

INLINED uint32_t take(enum qi_form form, const struct qi_ready *ready, const struct qi_range *range,
		      uint32_t n, void *slots)
{
	if (n <= EIGHT)
		return take_eights(form, ready, range, 1, n, slots);
	if (n <= 2 * EIGHT)
		return take_eights(form, ready, range, 2, n, slots);
	if (n <= 4 * EIGHT)
		return take_eights(form, ready, range, 4, n, slots);
	return take_eights(form, ready, range, 8, n, slots);
}

INLINED uint32_t give(enum qi_form form, const struct qi_ready *ready, const struct qi_range *range,
		      uint32_t n, const void *slots, uint32_t *pfns)
{
	if (n <= EIGHT)
		return give_eights(form, ready, range, 1, n, slots, pfns);
	if (n <= 2 * EIGHT)
		return give_eights(form, ready, range, 2, n, slots, pfns);
	if (n <= 4 * EIGHT)
		return give_eights(form, ready, range, 4, n, slots, pfns);
	return give_eights(form, ready, range, 8, n, slots, pfns);
}

#endif /* QI_ALLOC_VECTOR_WIDE_H */
