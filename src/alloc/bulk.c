/* SPDX-License-Identifier: MIT */
/*
 * Bulk allocations: a request for n blocks is served in batches of up to QI_SCRATCH, each taken,
 * marked and written with no lock held. A *sink* says where batches go: slots one after the other,
 * or an array's holes.
 */
#include "alloc/ready_bulk.h"
#include "alloc/request.h"

enum {
	MANY = 256, /* pages that are worth a visit of the zone that takes whole pageblocks */
};

struct sink {
	struct qi_array *array;
	size_t slot; /* next one to be looked at */
	bool holes; /* only holes are written */
};

static void sink_put(const struct quire *q, struct sink *sink, uint32_t n, const uint32_t *pfns)
{
	if (!sink->holes) {
		qi_array_put(q, sink->array, sink->slot, n, pfns);
		sink->slot += n;
		return;
	}
	for (uint32_t i = 0; i < n; sink->slot++)
		if (qi_array_is_hole(sink->array, sink->slot))
			qi_array_put(q, sink->array, sink->slot, 1, &pfns[i++]);
}

static uint32_t batch_of(size_t missing)
{
	return missing < QI_SCRATCH ? (uint32_t)missing : QI_SCRATCH;
}

/* A run into slots that follow each other. */
static void write_run(const struct quire *q, const struct qi_array *array, size_t slot,
		      const struct qi_run *run)
{
	const struct qi_region *region = qi_region_of_page(&q->space, run->pfn);
	uint64_t offset = qi_offset_of(&q->space, region, run->pfn);
	uint64_t page_bytes = qi_page_bytes(q);

	switch (array->form) {
	case QI_FORM_PAGE:
		q->vector->run_to_slots((uintptr_t)region->addr + offset, page_bytes, run->n,
					(qi_slot *)(void *)(array->out.pages + slot));
		break;
	case QI_FORM_PFN:
		for (uint32_t i = 0; i < run->n; i++)
			array->out.pfns[slot + i] = run->pfn + i;
		break;
	case QI_FORM_OFFSET:
		q->vector->run_to_slots(offset, page_bytes, run->n, array->out.offsets + slot);
		break;
	}
}

static void put_out(struct quire *q, struct qi_request *request, struct sink *sink, uint32_t n,
		    const uint32_t *pfns)
{
	qi_hand_out(q, request, n, pfns, 0);
	sink_put(q, sink, n, pfns);
}

/* A run goes out as such where nothing is to be done to each of its pages. */
static void put_run(struct quire *q, struct qi_request *request, struct sink *sink,
		    const struct qi_run *run)
{
	uint32_t pfns[QI_SCRATCH];

	if (!sink->holes && q->aids == 0 && (request->gfp & QUIRE_ZERO) == 0) {
		if (qi_checked(q))
			qi_state_fill(q->space.state, run->pfn, run->n, QI_STATE_HELD);
		write_run(q, sink->array, sink->slot, run);
		sink->slot += run->n;
		return;
	}
	for (uint32_t i = 0; i < run->n; i += QI_SCRATCH)
		put_out(q, request, sink, qi_word_write(~UINT64_C(0), run->pfn + i, pfns), pfns);
}

/* Whole words of the set are runs, up to all of it. */
static void put_part(struct quire *q, struct qi_request *request, struct sink *sink,
		     const struct qi_part *part)
{
	uint32_t first = part->block << QI_UNIT_ORDER;
	uint32_t pfns[QI_SCRATCH];

	for (uint32_t i = 0; i < QI_UNIT_WORDS;) {
		struct qi_run run = { .pfn = first + i * QI_SCRATCH };
		uint64_t word = part->items.word[i];

		for (; i < QI_UNIT_WORDS && part->items.word[i] == ~UINT64_C(0); i++)
			run.n += QI_SCRATCH;
		if (run.n > 0) {
			put_run(q, request, sink, &run);
			continue;
		}
		i++;
		if (word != 0)
			put_out(q, request, sink, qi_word_write(word, run.pfn, pfns), pfns);
	}
}

static void untake_part(struct quire *q, const struct qi_part *part)
{
	uint32_t first = part->block << QI_UNIT_ORDER;
	uint32_t pfns[QI_SCRATCH];

	for (uint32_t i = 0; i < QI_UNIT_WORDS; i++)
		qi_untake(q, 0, qi_word_write(part->items.word[i], first + i * QI_SCRATCH, pfns),
			  pfns);
}

/*
 * Hundreds of pages, when this CPU's list has not many: from the home zone, with one hold of its
 * lock for up to QI_MOST_PARTS pageblocks. How many; short of n where the usual effort is to go on.
 */
QI_LONG_WAY size_t bulk_many(struct quire *q, struct qi_request *request, size_t n,
			     struct sink *sink)
{
	struct qi_part parts[QI_MOST_PARTS];
	size_t done = 0;
	size_t got = QI_SCRATCH;

	if (request->order > 0 || request->only != NULL || q->front.kind == QI_FRONT_NONE)
		return 0;
	while (n - done >= MANY && got >= QI_SCRATCH && qi_front_mine(&q->front) < QI_SCRATCH) {
		uint32_t nr = qi_front_take_parts(&q->front, qi_may_wait(request->gfp), n - done,
						  parts);
		bool mapped = qi_request_is_mapped(q, request, sink->array);

		got = 0;
		for (uint32_t i = 0; i < nr; i++) {
			if (mapped)
				put_part(q, request, sink, &parts[i]);
			else
				untake_part(q, &parts[i]);
			got += mapped ? parts[i].n : 0;
		}
		done += got;
	}
	return done;
}

/* As many of n as can be had. */
static size_t bulk_some(struct quire *q, struct qi_request *request, size_t n, struct sink *sink)
{
	uint32_t pfns[QI_SCRATCH];
	size_t done = 0;

	while (done < n) {
		uint32_t from_stash;
		uint32_t want;
		uint32_t got;

		done += bulk_many(q, request, n - done, sink);
		want = batch_of(n - done);
		if (want == 0)
			break;
		got = qi_take(q, request, want, pfns, &from_stash);
		if (!qi_request_is_mapped(q, request, sink->array)) {
			qi_untake(q, request->order, got, pfns);
			(void)qi_request_check_mapped(q, request, sink->array);
			break;
		}
		qi_hand_out(q, request, got, pfns, from_stash);
		sink_put(q, sink, got, pfns);
		done += got;
		if (got < want)
			break;
	}
	return done;
}

/*
 * All n that fit one scratch, or none. In transit meanwhile, so only a request that may not wait
 * makes more than the fast effort here: others would wait for themselves.
 */
static bool bulk_all_at_once(struct quire *q, struct qi_request *request, uint32_t n,
			     struct sink *sink)
{
	uint32_t pfns[QI_SCRATCH];
	uint32_t from_stash = 0;
	uint32_t got;
	bool done;

	qi_transit_begin(q->front.home);
	if (qi_may_wait(request->gfp))
		got = qi_take_fast(q, request, n, pfns);
	else
		got = qi_take(q, request, n, pfns, &from_stash);
	done = got == n && qi_request_is_mapped(q, request, sink->array);
	if (!done)
		qi_untake(q, request->order, got, pfns);
	qi_transit_end(q->front.home, !done && got > 0);
	if (!done)
		return false;
	qi_hand_out(q, request, n, pfns, from_stash);
	sink_put(q, sink, n, pfns);
	return true;
}

static size_t bulk_all(struct quire *q, struct qi_request *request, size_t n, struct sink *sink)
{
	uint32_t pfns[QI_SCRATCH];
	struct qi_claim claim;

	if (n <= QI_SCRATCH && bulk_all_at_once(q, request, (uint32_t)n, sink))
		return n;
	if (qi_claim_begin(q, request, n, &claim) != 0)
		return 0;
	if (!qi_request_is_mapped(q, request, sink->array)) {
		qi_claim_cancel(q, request, &claim);
		(void)qi_request_check_mapped(q, request, sink->array);
		return 0;
	}
	for (uint32_t got; claim.left > 0;) {
		got = qi_claim_collect(q, request, &claim, QI_SCRATCH, pfns);
		qi_hand_out(q, request, got, pfns, 0);
		sink_put(q, sink, got, pfns);
	}
	return n;
}

/* n blocks into the sink; how many. */
static size_t bulk(struct quire *q, struct qi_request *request, size_t n, struct sink *sink)
{
	size_t done;

	if ((request->gfp & QUIRE_ALL) != 0)
		done = bulk_all(q, request, n, sink);
	else
		done = bulk_some(q, request, n, sink);
	if (done < n)
		qi_count_shared(&q->nr_failures, 1);
	return done;
}

/*
 * One page that is ready, as a single call has it; false: nothing was done. Only where all pages
 * are and stay alike: one region.
 */
static bool bulk_one_ready(struct quire *q, const struct qi_request *request,
			   struct qi_array *array, const struct quire_region *handle)
{
	uint32_t pfn;

	if (q->space.max_regions != 1 || qi_has_unmapped(q) || array->out.pages == NULL ||
	    (handle != NULL && handle->id != 1))
		return false;
	pfn = qi_take_ready(q, request->gfp & ~QUIRE_ALL, request->order);
	if (pfn == QI_NO_PFN)
		return false;
	array->region = q->space.regions;
	qi_array_put(q, array, 0, 1, &pfn);
	return true;
}

static size_t alloc_bulk(struct quire *q, struct qi_request *request, struct qi_array *array,
			 const struct quire_region *handle)
{
	struct sink sink = { .array = array };

	if (array->n == 1 && bulk_one_ready(q, request, array, handle))
		return 1;
	if (qi_request_check(q, request, array, handle) != 0)
		return 0;
	if (qp_unlikely(array->n == 0)) {
		qi_note_once(q, QI_NOTE_ZERO_COUNT, request->call,
			     "0 pages were asked for, and none given; is that meant?");
		return 0;
	}
	return bulk(q, request, array->n, &sink);
}

/* Slots from `done` on. Pages are by offset into the region of handle, where that is their form. */
QI_LONG_WAY size_t alloc_bulk_long(struct quire *q, enum qi_form form, struct quire_region handle,
				   quire_gfp gfp, unsigned int order, size_t n, void *slots,
				   size_t done)
{
	static const char *const calls[] = {
		[QI_FORM_PAGE] = "quire_alloc_bulk",
		[QI_FORM_PFN] = "quire_alloc_bulk_pfn",
		[QI_FORM_OFFSET] = "quire_alloc_bulk_offset",
	};
	struct qi_request request = { .call = calls[form], .gfp = gfp, .order = order };
	struct qi_array array = { .form = form, .n = n - done };

	if (slots != NULL)
		slots = qi_ready_slot(form, slots, done);
	qi_array_out(&array, slots);
	return done + alloc_bulk(q, &request, &array, form == QI_FORM_OFFSET ? &handle : NULL);
}

/* ---- What is ready --------------------------------------------------------------------------- */

/* Whether requests with these arguments may have pages that are ready. */
static inline bool may_be_ready(uint64_t word, quire_gfp gfp, unsigned int order, const void *slots)
{
	return qp_likely((gfp | order) == 0 && slots != NULL && qi_ready_known(word));
}

/* The rest, when the list was left and why. */
QI_LONG_WAY size_t alloc_few_left(struct quire *q, enum qi_form form, size_t n, void *slots,
				  size_t done, uint32_t why)
{
	uint32_t pfns[QI_FEW];
	uint32_t got;

	if (n - done == 1 && qi_ready_take_shared(q, why, pfns)) {
		qi_ready_write_one(q, form, qi_ready_take_of(q, form), slots, done, pfns[0]);
		return n;
	}
	if (why == QP_SHORT && qi_front_any_isolated(&q->front)) {
		got = qi_front_take_shared(&q->front, (uint32_t)(n - done), pfns);
		qi_ready_write(q, form, slots, done, got, pfns);
		done += got;
	}
	if (done == n)
		return n;
	qi_front_left(&q->front, why);
	return alloc_bulk_long(q, form, qi_first_region, 0, 0, n, slots, done);
}

/* Few pages one by one: less than what a batch costs to begin. */
static inline size_t alloc_few(struct quire *q, enum qi_form form, uint64_t word, size_t n,
			       void *slots)
{
	if (qp_unlikely(n == 0))
		return alloc_bulk_long(q, form, qi_first_region, 0, 0, n, slots, 0);
	for (size_t done = 0; done < n; done++) {
		uint64_t pfn;
		uint32_t taken = qi_ready_take(q, word, &pfn);

		if (qp_unlikely(taken >= QP_LEFT))
			return alloc_few_left(q, form, n, slots, done, taken);
		qi_ready_write_one(q, form, word, slots, done, pfn);
	}
	return n;
}

/*
 * The list had not as many, or is one for shared sections: what those get; a full batch from the
 * depot, if that is wanted; or else what it has.
 */
QI_LONG_WAY uint32_t take_left(struct quire *q, enum qi_form form, uint32_t why, uint32_t want,
			       void *slots, size_t at)
{
	const struct qi_ready *ready = &q->ready;
	uint32_t pfns[QI_SCRATCH];
	uint32_t got = why;

	if (why == QP_SHORT) {
		got = qi_front_any_isolated(&q->front) ? qi_front_take_shared(&q->front, want, pfns)
						       : 0;
		if (got == 0 && want == QI_SCRATCH && qi_depot_batch(q->front.depot) == QI_SCRATCH)
			got = qi_depot_get(q->front.depot, false, pfns);
		if (got == 0)
			got = qp_pop_batch(ready->pcps, &ready->nr_cpus, true, want, pfns);
	}
	if (got >= QP_LEFT) {
		qi_front_left(&q->front, got);
		return 0;
	}
	qi_ready_write(q, form, slots, at, got, pfns);
	return got;
}

/* How the first batch was left; or what it has got. */
static size_t take_rest(struct quire *q, size_t n, void *slots, uint32_t why)
{
	(void)q;
	(void)n;
	(void)slots;
	return why;
}

static inline size_t take_batch(struct quire *q, enum qi_form form, size_t n, void *slots,
				size_t done)
{
	return q->vector->take[form](q, batch_of(n - done), qi_ready_slot(form, slots, done),
				     take_rest);
}

/* In batches, of which the first has been tried: how it was left, or what it has got. */
static inline size_t alloc_batches(struct quire *q, enum qi_form form, size_t n, void *slots,
				   size_t got)
{
	size_t done = 0;

	for (;;) {
		if (qp_unlikely(got >= QP_LEFT))
			got = take_left(q, form, (uint32_t)got, batch_of(n - done), slots, done);
		if (qp_unlikely(got == 0))
			break;
		done += got;
		if (done == n)
			return n;
		got = take_batch(q, form, n, slots, done);
	}
	return alloc_bulk_long(q, form, qi_first_region, 0, 0, n, slots, done);
}

/* By form, what follows when a single batch was not taken whole; more than one; and a few pages. */
#define DEFINE_ALLOC(name, form)                                                           \
	static size_t name##_rest(struct quire *q, size_t n, void *slots, uint32_t why)    \
	{                                                                                  \
		return alloc_batches(q, form, n, slots, why);                              \
	}                                                                                  \
                                                                                           \
	QI_LONG_WAY size_t name##_many(struct quire *q, size_t n, void *slots)             \
	{                                                                                  \
		return alloc_batches(q, form, n, slots, take_batch(q, form, n, slots, 0)); \
	}                                                                                  \
                                                                                           \
	QI_LONG_WAY size_t name##_few(struct quire *q, size_t n, void *slots)              \
	{                                                                                  \
		return alloc_few(q, form, qi_ready_take_of(q, form), n, slots);            \
	}                                                                                  \
                                                                                           \
	static inline size_t name(struct quire *q, size_t n, void *slots)                  \
	{                                                                                  \
		if (n < QI_FEW)                                                            \
			return name##_few(q, n, slots);                                    \
		if (n <= QI_SCRATCH)                                                       \
			return q->vector->take[form](q, n, slots, name##_rest);            \
		return name##_many(q, n, slots);                                           \
	}

DEFINE_ALLOC(alloc_pages, QI_FORM_PAGE)
DEFINE_ALLOC(alloc_pfns, QI_FORM_PFN)
DEFINE_ALLOC(alloc_offsets, QI_FORM_OFFSET)

size_t quire_alloc_bulk(struct quire *q, quire_gfp gfp, unsigned int order, size_t n, void **pages)
{
	if (!may_be_ready(qi_ready_take_of(q, QI_FORM_PAGE), gfp, order, pages))
		return alloc_bulk_long(q, QI_FORM_PAGE, qi_first_region, gfp, order, n, pages, 0);
	return alloc_pages(q, n, pages);
}

size_t quire_alloc_bulk_pfn(struct quire *q, quire_gfp gfp, unsigned int order, size_t n,
			    uint32_t *pfns)
{
	if (!may_be_ready(qi_ready_take_of(q, QI_FORM_PFN), gfp, order, pfns))
		return alloc_bulk_long(q, QI_FORM_PFN, qi_first_region, gfp, order, n, pfns, 0);
	return alloc_pfns(q, n, pfns);
}

size_t quire_alloc_bulk_offset(struct quire *q, struct quire_region handle, quire_gfp gfp,
			       unsigned int order, size_t n, uint64_t *offsets)
{
	if (qp_unlikely(handle.id != 1) ||
	    !may_be_ready(qi_ready_take_of(q, QI_FORM_OFFSET), gfp, order, offsets))
		return alloc_bulk_long(q, QI_FORM_OFFSET, handle, gfp, order, n, offsets, 0);
	return alloc_offsets(q, n, offsets);
}

/* ---- Holes ----------------------------------------------------------------------------------- */

static size_t count_holes(const struct qi_array *array)
{
	size_t holes = 0;

	for (size_t slot = 0; slot < array->n; slot++)
		holes += qi_array_is_hole(array, slot);
	return holes;
}

/* A request that is refused has still been given an array with pages in it: they are counted. */
static size_t fill(struct quire *q, const char *call, quire_gfp gfp, struct qi_array *array,
		   const struct quire_region *handle)
{
	struct qi_request request = { .call = call, .gfp = gfp };
	struct sink sink = { .array = array, .holes = true };
	size_t holes = array->in.pages != NULL ? count_holes(array) : array->n;
	size_t populated = array->n - holes;

	if (array->n == 0)
		qi_note_once(q, QI_NOTE_ZERO_COUNT, call,
			     "an array of 0 slots was to be filled; is that meant?");
	if (qi_request_check(q, &request, array, handle) != 0 || holes == 0)
		return populated;
	return populated + bulk(q, &request, holes, &sink);
}

size_t quire_fill(struct quire *q, quire_gfp gfp, size_t n, void **pages)
{
	struct qi_array array = {
		.form = QI_FORM_PAGE, .n = n, .out.pages = pages, .in.pages = pages
	};

	return fill(q, "quire_fill", gfp, &array, NULL);
}

size_t quire_fill_pfn(struct quire *q, quire_gfp gfp, size_t n, uint32_t *pfns)
{
	struct qi_array array = { .form = QI_FORM_PFN, .n = n, .out.pfns = pfns, .in.pfns = pfns };

	return fill(q, "quire_fill_pfn", gfp, &array, NULL);
}

size_t quire_fill_offset(struct quire *q, struct quire_region handle, quire_gfp gfp, size_t n,
			 uint64_t *offsets)
{
	struct qi_array array = {
		.form = QI_FORM_OFFSET, .n = n, .out.offsets = offsets, .in.offsets = offsets
	};

	return fill(q, "quire_fill_offset", gfp, &array, &handle);
}
