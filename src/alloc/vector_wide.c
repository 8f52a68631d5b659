/* SPDX-License-Identifier: MIT */
/*
 * Batches on their way between this CPU's list and the caller's slots, in vector registers: by
 * eights. Functions have the number of eights, nr, and the form as constants, and no loops over
 * eights, as the compiler would make them loops over memory.
 */
#include "alloc/vector_each.h"
#include "port/wide.h"

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

/* The call of the section for that many eights. */
#define FOR_EIGHTS(section, nr, ...)            \
	((nr) == 1   ? section##_1(__VA_ARGS__) \
	 : (nr) == 2 ? section##_2(__VA_ARGS__) \
	 : (nr) == 4 ? section##_4(__VA_ARGS__) \
		     : section##_8(__VA_ARGS__))

/* A CPU that is isolated has its list where shared sections find it. */
INLINED uint32_t pop_eights(const struct quire *q, uint32_t nr, uint32_t n, qp_eight *v)
{
	const struct qi_ready *ready = &q->ready;
	const uint32_t *nr_cpus = &ready->nr_cpus;
	uint32_t popped = FOR_EIGHTS(qp_pop_wide, nr, ready->pcps, nr_cpus, n, v);

	if (qp_unlikely(popped == QP_SHORT) && qi_front_any_isolated(&q->front))
		popped = FOR_EIGHTS(qp_pop_wide_shared, nr, ready->pcps, nr_cpus, n, v);
	return popped;
}

INLINED uint32_t push_eights(const struct quire *q, uint32_t nr, uint32_t n, const qp_eight *v)
{
	const struct qi_ready *ready = &q->ready;
	const uint32_t *nr_cpus = &ready->nr_cpus;
	uint32_t pushed = FOR_EIGHTS(qp_push_wide, nr, ready->pcps, nr_cpus, n, v);

	if (qp_unlikely(pushed == QP_SHORT) && qi_front_any_isolated(&q->front))
		pushed = FOR_EIGHTS(qp_push_wide_shared, nr, ready->pcps, nr_cpus, n, v);
	return pushed;
}

INLINED void spill(uint32_t nr, const qp_eight *v, uint32_t *pfns)
{
#define SPILL(i) qp_eight_write(pfns + QP_EIGHT * (i), QP_EIGHT, v[i])
	EACH_EIGHT(nr, SPILL);
#undef SPILL
}

/* ---- States --------------------------------------------------------------------------------- */

/* The lowest page if full eights are one run, up or down; else QI_NO_RUN. */
INLINED uint32_t run_of_eights(uint32_t nr, uint32_t n, const qp_eight *v)
{
	uint32_t first = v[0][0];
	uint32_t step = v[0][1] - first; /* 1 or -1 */
	qp_eight next = first + step * steps;
	qp_eight stride = step * QP_EIGHT - (qp_eight){ 0 };
	qp_eight differ = { 0 };

#define COMPARE(i)                     \
	do {                           \
		differ |= v[i] ^ next; \
		next += stride;        \
	} while (0)
	EACH_EIGHT(nr, COMPARE);
#undef COMPARE
	if (n != QP_EIGHT * nr || ((step + 1) & ~2u) != 0 || !qp_eight_is_zero(differ))
		return QI_NO_RUN;
	return step == 1 ? first : first - (n - 1);
}

/*
 * The lowest of eight pages that are next to each other; QI_NO_RUN: they are not. Their order does not
 * matter, as long as the i-th from the front and the i-th from the back are as far apart as in a run.
 */
INLINED uint32_t run_of_eight(qp_eight v)
{
	const qp_eight low = { 0, 1, 2, 3, 3, 2, 1, 0 };
	qp_eight back = qp_eight_backwards(v);
	qp_eight lower = qp_eight_lower(v, back);
	qp_eight upper = qp_eight_upper(v, back);
	uint32_t first = lower[0];

	if (qp_unlikely(!qp_eight_is_zero((lower ^ (first + low)) | (upper ^ (first + 7 - low)))))
		return QI_NO_RUN;
	return first;
}

/* Of n pages, those in eight i. */
INLINED uint32_t some_of(uint32_t n, uint32_t i)
{
	if (n <= QP_EIGHT * i)
		return 0;
	return n - QP_EIGHT * i < QP_EIGHT ? n - QP_EIGHT * i : QP_EIGHT;
}

INLINED void hold_eight(qi_state *state, uint32_t some, qp_eight v)
{
	uint32_t start = some == QP_EIGHT ? run_of_eight(v) : QI_NO_RUN;
	uint32_t pfns[QP_EIGHT];

	if (start != QI_NO_RUN) {
		set_run(state, start, QP_EIGHT, QI_STATE_HELD);
		return;
	}
	spill(1, &v, pfns);
	hold_each(state, some, pfns);
}

/* Held pages become free up to the first that is not held; how many. */
INLINED uint32_t release_eight(qi_state *state, uint32_t some, qp_eight v)
{
	uint32_t start = some == QP_EIGHT ? run_of_eight(v) : QI_NO_RUN;
	uint32_t pfns[QP_EIGHT];

	if (start != QI_NO_RUN && run_is_held(state, start, QP_EIGHT)) {
		set_run(state, start, QP_EIGHT, QI_STATE_FREE);
		return QP_EIGHT;
	}
	spill(1, &v, pfns);
	return release_each(state, some, pfns);
}

INLINED void hold_eights(qi_state *state, uint32_t nr, uint32_t n, const qp_eight *v)
{
	uint32_t start = run_of_eights(nr, n, v);

	if (start != QI_NO_RUN) {
		set_run(state, start, QP_EIGHT * nr, QI_STATE_HELD);
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

	if (start != QI_NO_RUN && run_is_held(state, start, QP_EIGHT * nr)) {
		set_run(state, start, QP_EIGHT * nr, QI_STATE_FREE);
		return true;
	}
#define RELEASE(i)                  \
	if (done == QP_EIGHT * (i)) \
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

/* The eights to n slots. */
INLINED void write_eights(enum qi_form form, const struct qi_range *range, uint32_t nr, uint32_t n,
			  const qp_eight *v, void *slots)
{
	uint32_t shift = range->shift;
	uint64_t pfn_0 = range->start - ((uint64_t)range->first_pfn << shift);

#define WRITE_PFNS(i) qp_eight_write((uint32_t *)slots + QP_EIGHT * (i), some_of(n, i), v[i])
#define WRITE_SLOTS(i)                                                   \
	qp_slots_write((qi_slot *)slots + QP_EIGHT * (i), some_of(n, i), \
		       (qp_slots_of(v[i]) << shift) + pfn_0)
	if (form == QI_FORM_PFN)
		EACH_EIGHT(nr, WRITE_PFNS);
	else
		EACH_EIGHT(nr, WRITE_SLOTS);
#undef WRITE_PFNS
#undef WRITE_SLOTS
}

/* n slots with pfns to the eights; false: some are no page's. */
INLINED bool read_pfns(const struct qi_range *range, uint32_t nr, uint32_t n, const uint32_t *slots,
		       qp_eight *v)
{
	uint32_t first_pfn = range->first_pfn;
	uint32_t last = (uint32_t)(range->bytes >> range->shift) - 1;
	qp_eight wrong = { 0 };

#define READ(i)                                                                         \
	do {                                                                            \
		v[i] = qp_eight_read(slots + QP_EIGHT * (i), some_of(n, i), first_pfn); \
		wrong |= (qp_eight)(v[i] - first_pfn > last);                           \
	} while (0)
	EACH_EIGHT(nr, READ);
#undef READ
	return qp_eight_is_zero(wrong);
}

/*
 * The same with addresses. A distance from the start, rotated, is the number of a page, or huge
 * where it is inside one; so the largest tells of every wrong one.
 */
INLINED bool read_slots(const struct qi_range *range, uint32_t nr, uint32_t n, const qi_slot *slots,
			qp_eight *v)
{
	uint64_t start = range->start;
	uint64_t nr_pages = range->bytes >> range->shift;
	uint32_t first_pfn = range->first_pfn;
	uint32_t shift = range->shift;
	qp_slots largest = { 0 };

#define READ(i)                                                                       \
	do {                                                                          \
		qp_slots page = qp_slots_rotate(qp_slots_read(slots + QP_EIGHT * (i), \
							      some_of(n, i), start) - \
							start,                        \
						shift);                               \
                                                                                      \
		largest = qp_slots_upper(largest, page);                              \
		v[i] = qp_slots_narrow(page) + first_pfn;                             \
	} while (0)
	EACH_EIGHT(nr, READ);
#undef READ
	return qp_slots_below(largest, nr_pages);
}

INLINED bool read_eights(enum qi_form form, const struct qi_range *range, uint32_t nr, uint32_t n,
			 const void *slots, qp_eight *v)
{
	if (form == QI_FORM_PFN)
		return read_pfns(range, nr, n, slots, v);
	return read_slots(range, nr, n, slots, v);
}

/* ---- Batches -------------------------------------------------------------------------------- */

INLINED size_t take_eights(enum qi_form form, struct quire *q, uint32_t nr, uint32_t n, void *slots,
			   qi_take_rest *rest)
{
	qp_eight v[QP_EIGHT];
	uint32_t popped = pop_eights(q, nr, n, v);

	if (qp_unlikely(popped >= QP_LEFT))
		return rest(q, n, slots, popped);
	if (qi_checked(q))
		hold_eights(q->states, nr, n, v);
	/* Twice, as all eights are full most of the time, and then nobody needs to ask each. */
	if (qp_likely(n == QP_EIGHT * nr))
		write_eights(form, qi_ready_range(q, form), nr, QP_EIGHT * nr, v, slots);
	else
		write_eights(form, qi_ready_range(q, form), nr, n, v, slots);
	return n;
}

/* The list has not taken them. */
INLINED size_t give_spilled(struct quire *q, uint32_t nr, uint32_t n, const qp_eight *v,
			    const void *slots, uint32_t why, qi_give_rest *rest)
{
	uint32_t pfns[BATCH];

	spill(nr, v, pfns);
	return rest(q, n, slots, why, pfns);
}

INLINED size_t give_eights(enum qi_form form, struct quire *q, uint32_t nr, uint32_t n,
			   const void *slots, qi_give_rest *rest)
{
	const struct qi_range *range = qi_ready_range(q, form);
	qp_eight v[QP_EIGHT];
	uint32_t pushed;
	bool good;

	if (qp_likely(n == QP_EIGHT * nr))
		good = read_eights(form, range, nr, QP_EIGHT * nr, slots, v);
	else
		good = read_eights(form, range, nr, n, slots, v);
	if (qp_unlikely(!good))
		return rest(q, n, slots, 0, NULL);
	if (qi_checked(q) && qp_unlikely(!release_eights(q->states, nr, n, v)))
		return rest(q, n, slots, 0, NULL);
	pushed = push_eights(q, nr, n, v);
	if (qp_likely(pushed < QP_LEFT))
		return n;
	return give_spilled(q, nr, n, v, slots, pushed, rest);
}

INLINED size_t take(enum qi_form form, struct quire *q, size_t n, void *slots, qi_take_rest *rest)
{
	if (n <= QP_EIGHT)
		return take_eights(form, q, 1, (uint32_t)n, slots, rest);
	if (n <= 2 * QP_EIGHT)
		return take_eights(form, q, 2, (uint32_t)n, slots, rest);
	if (n <= 4 * QP_EIGHT)
		return take_eights(form, q, 4, (uint32_t)n, slots, rest);
	return take_eights(form, q, 8, (uint32_t)n, slots, rest);
}

INLINED size_t give(enum qi_form form, struct quire *q, size_t n, const void *slots,
		    qi_give_rest *rest)
{
	if (n <= QP_EIGHT)
		return give_eights(form, q, 1, (uint32_t)n, slots, rest);
	if (n <= 2 * QP_EIGHT)
		return give_eights(form, q, 2, (uint32_t)n, slots, rest);
	if (n <= 4 * QP_EIGHT)
		return give_eights(form, q, 4, (uint32_t)n, slots, rest);
	return give_eights(form, q, 8, (uint32_t)n, slots, rest);
}

QI_DEFINE_VECTOR
