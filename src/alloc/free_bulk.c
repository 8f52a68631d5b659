/* SPDX-License-Identifier: MIT */
/* Frees of many pages: a batch of up to QI_SCRATCH at a time. */
#include "alloc/ready_bulk.h"
#include "alloc/release.h"

/*
 * Whether n pfns can be accepted together: pages of an instance with one region, whose states are
 * bytes to be compared. Unchecked, with only pages of order 0 held, it is enough that each is a page.
 */
static bool alike(const struct quire *q, uint32_t n, const uint32_t *pfns)
{
	struct qi_range range;

	if (qi_nr_regions(&q->space) != 1 || q->ready.check == QUIRE_CHECK_STRICT ||
	    (!qi_checked(q) && qi_has_high(q)))
		return false;
	range = qi_region_range(&q->space, q->space.regions);
	return q->vector->in_range(&range, n, pfns);
}

/* Of n such pfns, the leading ones that are held pages of order 0, and become free by state here. */
static inline uint32_t accept_leading(struct quire *q, uint32_t n, const uint32_t *pfns)
{
	return qi_checked(q) ? q->vector->release(q->space.state, n, pfns) : n;
}

/* A batch of a bulk free: slots [slot, slot + n) of the caller's array. */
struct batch {
	const char *call;
	const struct qi_array *array;
	size_t slot;
	uint32_t n;
	size_t freed; /* so far */
};

/* Pages that are free by state. */
static void give_kept(struct quire *q, struct batch *batch, uint32_t n, const uint32_t *pfns)
{
	for (uint32_t i = 0; qp_unlikely(q->aids != 0) && i < n; i++)
		qi_release_block(q, pfns[i], 0);
	if (qp_likely(q->aids == 0) && n > 0)
		qi_front_give(&q->front, n, pfns);
	batch->freed += n;
}

/* A slot that is no held page of order 0: a block of a higher one, or refused. */
static void release_slot(struct quire *q, struct batch *batch, uint32_t i, uint32_t pfn)
{
	uint64_t address = qi_array_address(batch->array, batch->slot + i);

	if (qi_pfn_known(&q->space, pfn))
		batch->freed += qi_release_other(q, batch->call, pfn, address) == 0;
	else
		(void)qi_refuse_free(q, batch->call, pfn, address);
}

/*
 * How many of a batch were freed; its pfns, holes among them, are used up. What is in hand is given
 * before something is refused, as whoever is told may ask for pages.
 */
static size_t release_batch(struct quire *q, struct batch *batch, uint32_t *pfns)
{
	bool together;
	uint32_t kept = 0;

	if (batch->n == 1 && pfns[0] != QI_NO_PFN)
		return qi_release(q, batch->call, pfns[0],
				  qi_array_address(batch->array, batch->slot)) == 0;
	together = alike(q, batch->n, pfns);
	for (uint32_t i = 0; i < batch->n; i++) {
		uint32_t n = together ? accept_leading(q, batch->n - i, pfns + i) : 0;
		uint32_t pfn;

		memmove(pfns + kept, pfns + i, n * sizeof(*pfns));
		kept += n;
		i += n;
		if (i == batch->n)
			break;
		pfn = pfns[i];
		if (pfn == QI_NO_PFN)
			continue;
		if (qi_pfn_known(&q->space, pfn) && qi_accept_page(q, pfn)) {
			pfns[kept++] = pfn;
			continue;
		}
		give_kept(q, batch, kept, pfns);
		kept = 0;
		release_slot(q, batch, i, pfn);
	}
	give_kept(q, batch, kept, pfns);
	return batch->freed;
}

/* What an isolated CPU's list takes, where the others' sections have left and why. */
static inline bool give_shared(struct quire *q, uint32_t n, const uint32_t *pfns, uint32_t why)
{
	if (n == 1)
		return qi_front_give_one_shared(&q->front, why, pfns[0]);
	return why == QP_SHORT && qi_front_any_isolated(&q->front) &&
	       qi_front_give_shared(&q->front, n, pfns);
}

/* Free by state, but the CPU's list did not take them. */
QI_LONG_WAY void give_left(struct quire *q, uint32_t n, const uint32_t *pfns, uint32_t why)
{
	qi_front_left(&q->front, why);
	qi_front_give(&q->front, n, pfns);
}

/*
 * Pages are free by state, and the list has not taken them. A full list leaves a full batch to the
 * depot, if not many more are to come. false: the list was full, and there are many.
 */
QI_LONG_WAY bool push_left(struct quire *q, uint32_t n, const uint32_t *pfns, uint32_t why,
			   bool many)
{
	if (give_shared(q, n, pfns, why))
		return true;
	if (why == QP_SHORT && !many && qi_front_shelve(&q->front, n, pfns))
		return true;
	give_left(q, n, pfns, why);
	return why != QP_SHORT || !many;
}

/* How many of n slots from `at` on are the page first, and each the one above the last, or below. */
static inline uint32_t count_run(const struct quire *q, enum qi_form form, const void *slots,
				 size_t at, uint32_t n, uint32_t first, bool down)
{
	const struct qi_range *range = qi_ready_range(q, form);
	uint64_t page_bytes = UINT64_C(1) << range->shift;

	if (form == QI_FORM_PFN)
		return qi_count_run(first, down, n, (const uint32_t *)slots + at);
	return q->vector->run_in_slots(range->start + ((uint64_t)(first - range->first_pfn)
						       << range->shift),
				       down ? 0 - page_bytes : page_bytes, n,
				       (const qi_slot *)slots + at);
}

/*
 * The pages of slots from `at` on, where they are a run, up or down, of one pageblock and worth it,
 * and all held: they become free by state. How many; 0: nothing was done.
 */
static inline uint32_t accept_run(struct quire *q, enum qi_form form, size_t n, const void *slots,
				  size_t at, struct qi_run *run)
{
	enum { LEAST = 16 };
	uint64_t word = qi_ready_give_of(q, form);
	uint64_t nr_pages = qi_ready_bound(word) - q->ready.first_pfn;
	uint64_t first = qi_ready_read_one(q, form, word, slots, at);
	uint64_t before = first - q->ready.first_pfn; /* pages of the region */
	uint64_t room;
	bool down;

	if (n - at < LEAST || before >= nr_pages)
		return 0;
	down = qi_ready_read_one(q, form, word, slots, at + 1) == first - 1;
	room = down ? before + 1 : nr_pages - before;
	run->n = down ? qi_item_of((uint32_t)first) + 1
		      : QI_UNIT_ITEMS - qi_item_of((uint32_t)first);
	if (run->n > room)
		run->n = (uint32_t)room;
	if (run->n > n - at)
		run->n = (uint32_t)(n - at);
	run->n = count_run(q, form, slots, at, run->n, (uint32_t)first, down);
	run->pfn = (uint32_t)first - (down ? run->n - 1 : 0);
	if (run->n < LEAST ||
	    (qi_checked(q) && !q->vector->release_run(q->states, run->pfn, run->n)))
		return 0;
	return run->n;
}

/*
 * The list is full and there is much to come: runs go to the zone, as many at a hold of its lock as
 * it may be given. How many of n pages are free in the end, of which done were before; not all if
 * something is wrong.
 */
QI_LONG_WAY size_t free_runs(struct quire *q, enum qi_form form, size_t n, const void *slots,
			     size_t done)
{
	uint32_t pfns[QI_SCRATCH];
	struct qi_runs runs = { .nr = 0, .nr_pages = 0 };
	uint32_t some = 0;
	uint32_t got = 0;

	qi_transit_begin(q->front.home);
	while (done < n && got == some) {
		struct qi_run run;

		got = some = accept_run(q, form, n, slots, done, &run);
		if (got > 0) {
			qi_front_collect_run(&q->front, &runs, &run);
		} else {
			some = n - done < QI_SCRATCH ? (uint32_t)(n - done) : QI_SCRATCH;
			got = qi_ready_read(q, form, slots, done, some, pfns);
			if (!qi_front_shelve(&q->front, got, pfns))
				qi_front_give(&q->front, got, pfns);
		}
		done += got;
	}
	qi_front_give_runs(&q->front, &runs);
	qi_transit_end(q->front.home, true);
	return done;
}

static size_t free_bulk(struct quire *q, const char *call, const struct qi_array *array, bool round)
{
	uint32_t pfns[QI_SCRATCH];
	size_t freed = 0;

	if (qp_unlikely(!qi_alive(q))) {
		(void)qi_refuse_dead(q, call);
		return 0;
	}
	if (qp_unlikely(array->n > 0 && array->in.pages == NULL)) {
		(void)qi_refuse(q, call, -QUIRE_EINVAL, "the array is NULL; pass one of %u slots",
				QI_U(array->n));
		return 0;
	}
	for (size_t slot = 0; slot < array->n; slot += QI_SCRATCH) {
		struct batch batch = { .call = call, .array = array, .slot = slot };

		batch.n = array->n - slot < QI_SCRATCH ? (uint32_t)(array->n - slot) : QI_SCRATCH;
		qi_array_get(q, call, array, round, slot, batch.n, pfns);
		freed += release_batch(q, &batch, pfns);
	}
	return freed;
}

/*
 * Slots from `done` on. Pages are by offset into the region of handle, where that is their form.
 */
QI_LONG_WAY size_t free_bulk_long(struct quire *q, enum qi_form form, struct quire_region handle,
				  size_t n, const void *slots, size_t done)
{
	static const char *const calls[] = {
		[QI_FORM_PAGE] = "quire_free_bulk",
		[QI_FORM_PFN] = "quire_free_bulk_pfn",
		[QI_FORM_OFFSET] = "quire_free_bulk_offset",
	};
	struct qi_array array = { .form = form, .n = n - done };
	int error;

	if (form == QI_FORM_OFFSET) {
		array.region = qi_free_region(q, calls[form], handle, &error);
		if (array.region == NULL)
			return done;
	}
	if (slots != NULL)
		slots = qi_ready_slot(form, slots, done);
	qi_array_in(&array, slots);
	return done + free_bulk(q, calls[form], &array, false);
}

/* ---- What is ready --------------------------------------------------------------------------- */

/* Whether pages in slots may go to the list without further questions. */
static inline bool may_be_ready(const struct quire *q, uint64_t word, const void *slots)
{
	return qp_likely(slots != NULL && qi_ready_known(word) &&
			 (qi_word_checked(word) || !qi_has_high(q)));
}

/*
 * The page of slot `done` is free by state, but the list has not taken it; it, and the rest: at once
 * where each way into the list is dear.
 */
QI_LONG_WAY size_t free_few_left(struct quire *q, enum qi_form form, size_t n, const void *slots,
				 size_t done, uint32_t pfn, uint32_t why)
{
	uint64_t word = qi_ready_give_of(q, form);
	uint32_t pfns[QI_FEW] = { pfn };
	uint32_t nr = 1;

	for (; qi_front_any_isolated(&q->front) && done + nr < n; nr++) {
		uint64_t next = qi_ready_read_one(q, form, word, slots, done + nr);

		if (next >= qi_ready_bound(word) || !qi_ready_accept(q, word, next))
			break;
		pfns[nr] = (uint32_t)next;
	}
	if (!give_shared(q, nr, pfns, why))
		give_left(q, nr, pfns, why);
	done += nr;
	return done == n ? n : free_bulk_long(q, form, qi_first_region, n, slots, done);
}

/* Few pages, one by one. */
static inline size_t free_few(struct quire *q, enum qi_form form, uint64_t word, size_t n,
			      const void *slots)
{
	for (size_t done = 0; done < n; done++) {
		uint64_t pfn = qi_ready_read_one(q, form, word, slots, done);
		uint32_t given = qi_ready_give(q, word, pfn);

		if (qp_unlikely(given == QP_STRANGER))
			return free_bulk_long(q, form, qi_first_region, n, slots, done);
		if (qp_unlikely(given >= QP_LEFT))
			return free_few_left(q, form, n, slots, done, (uint32_t)pfn, given);
	}
	return n;
}

/* Of batches that are not the only one: 0 if something is wrong, or FULL if there is no room. */
#define FULL SIZE_MAX

static size_t give_more_rest(struct quire *q, size_t n, const void *slots, uint32_t why,
			     const uint32_t *pfns)
{
	(void)slots;
	if (why == 0)
		return 0;
	return push_left(q, (uint32_t)n, pfns, why, true) ? n : FULL;
}

static size_t give_last_rest(struct quire *q, size_t n, const void *slots, uint32_t why,
			     const uint32_t *pfns)
{
	(void)slots;
	if (why == 0)
		return 0;
	(void)push_left(q, (uint32_t)n, pfns, why, false);
	return n;
}

/* In batches. */
static inline size_t free_batches(struct quire *q, enum qi_form form, size_t n, const void *slots)
{
	size_t done = 0;

	while (done < n) {
		size_t some = n - done < QI_SCRATCH ? n - done : QI_SCRATCH;
		bool many = n - done - some >= QI_UNIT_ITEMS;
		size_t given = q->vector->give[form](q, some, qi_ready_slot(form, slots, done),
						     many ? give_more_rest : give_last_rest);

		if (qp_unlikely(given == 0))
			return free_bulk_long(q, form, qi_first_region, n, slots, done);
		done += some;
		if (qp_unlikely(given == FULL))
			done = free_runs(q, form, n, slots, done);
	}
	return n;
}

/* By form, what follows when a single batch was not given; more than one; and a few pages. */
#define DEFINE_FREE(name, form)                                                               \
	static size_t name##_rest(struct quire *q, size_t n, const void *slots, uint32_t why, \
				  const uint32_t *pfns)                                       \
	{                                                                                     \
		if (why == 0)                                                                 \
			return free_bulk_long(q, form, qi_first_region, n, slots, 0);         \
		return give_last_rest(q, n, slots, why, pfns);                                \
	}                                                                                     \
                                                                                              \
	QI_LONG_WAY size_t name##_many(struct quire *q, size_t n, const void *slots)          \
	{                                                                                     \
		return free_batches(q, form, n, slots);                                       \
	}                                                                                     \
                                                                                              \
	QI_LONG_WAY size_t name##_few(struct quire *q, size_t n, const void *slots)           \
	{                                                                                     \
		return free_few(q, form, qi_ready_give_of(q, form), n, slots);                \
	}                                                                                     \
                                                                                              \
	static inline size_t name(struct quire *q, size_t n, const void *slots)               \
	{                                                                                     \
		if (n < QI_FEW)                                                               \
			return name##_few(q, n, slots);                                       \
		if (n <= QI_SCRATCH)                                                          \
			return q->vector->give[form](q, n, slots, name##_rest);               \
		return name##_many(q, n, slots);                                              \
	}

DEFINE_FREE(free_pages, QI_FORM_PAGE)
DEFINE_FREE(free_pfns, QI_FORM_PFN)
DEFINE_FREE(free_offsets, QI_FORM_OFFSET)

size_t quire_free_bulk(struct quire *q, size_t n, void *const *pages)
{
	if (!may_be_ready(q, qi_ready_give_of(q, QI_FORM_PAGE), pages))
		return free_bulk_long(q, QI_FORM_PAGE, qi_first_region, n, pages, 0);
	return free_pages(q, n, pages);
}

size_t quire_free_bulk_pfn(struct quire *q, size_t n, const uint32_t *pfns)
{
	if (!may_be_ready(q, qi_ready_give_of(q, QI_FORM_PFN), pfns))
		return free_bulk_long(q, QI_FORM_PFN, qi_first_region, n, pfns, 0);
	return free_pfns(q, n, pfns);
}

size_t quire_free_bulk_offset(struct quire *q, struct quire_region handle, size_t n,
			      const uint64_t *offsets)
{
	if (qp_unlikely(handle.id != 1) ||
	    !may_be_ready(q, qi_ready_give_of(q, QI_FORM_OFFSET), offsets))
		return free_bulk_long(q, QI_FORM_OFFSET, handle, n, offsets, 0);
	return free_offsets(q, n, offsets);
}

/* ---- Addresses that are rounded -------------------------------------------------------------- */

size_t quire_free_bulk_round(struct quire *q, size_t n, void *const *addresses)
{
	struct qi_array array = { .form = QI_FORM_PAGE, .n = n, .in.pages = addresses };

	return free_bulk(q, "quire_free_bulk_round", &array, true);
}

size_t quire_free_bulk_offset_round(struct quire *q, struct quire_region handle, size_t n,
				    const uint64_t *offsets)
{
	struct qi_array array = { .form = QI_FORM_OFFSET, .n = n, .in.offsets = offsets };
	int error;

	array.region = qi_free_region(q, "quire_free_bulk_offset_round", handle, &error);
	return array.region == NULL ? 0
				    : free_bulk(q, "quire_free_bulk_offset_round", &array, true);
}
