/* SPDX-License-Identifier: MIT */
/* Single allocations. */
#include "alloc/ready_one.h"
#include "alloc/request.h"

/*
 * Why a request got nothing. One that may not wait cannot say that memory is short if a lock kept
 * it from looking: a zone's, or for single pages those of lists and depot, which hold what is
 * counted free; nor while somebody is moving pages.
 */
static int failure(const struct quire *q, const struct qi_request *request)
{
	if (request->busy)
		return -QUIRE_EAGAIN;
	if (!qi_may_wait(request->gfp) && qi_watch_moving(q))
		return -QUIRE_EAGAIN;
	if (!qi_may_wait(request->gfp) && request->order == 0 && request->only == NULL &&
	    qi_count_free(q) > 0)
		return -QUIRE_EAGAIN;
	return -QUIRE_ENOMEM;
}

static int take_one(struct quire *q, struct qi_request *request, struct qi_array *array,
		    const struct quire_region *handle, uint32_t *pfn)
{
	uint32_t from_stash;
	int error = qi_request_check(q, request, array, handle);

	if (error != 0)
		return error;
	if (qi_take(q, request, 1, pfn, &from_stash) == 0) {
		qi_count_shared(&q->nr_failures, 1);
		return failure(q, request);
	}
	if (!qi_request_is_mapped(q, request, array)) {
		qi_untake(q, request->order, 1, pfn);
		return qi_request_check_mapped(q, request, array);
	}
	qi_hand_out(q, request, 1, pfn, from_stash);
	return 0;
}

/* One page or block into the array's only slot. */
static int alloc_into(struct quire *q, const char *call, quire_gfp gfp, unsigned int order,
		      struct qi_array *array, const struct quire_region *handle)
{
	struct qi_request request = { .call = call, .gfp = gfp, .order = order };
	uint32_t pfn;
	int error = take_one(q, &request, array, handle, &pfn);

	if (error == 0)
		qi_array_put(q, array, 0, 1, &pfn);
	return error;
}

static int alloc_page(struct quire *q, const char *call, quire_gfp gfp, unsigned int order,
		      void **page)
{
	struct qi_array array = { .form = QI_FORM_PAGE, .n = 1, .out.pages = page };

	return alloc_into(q, call, gfp, order, &array, NULL);
}

static int alloc_pfn(struct quire *q, const char *call, quire_gfp gfp, unsigned int order,
		     uint32_t *pfn)
{
	struct qi_array array = { .form = QI_FORM_PFN, .n = 1, .out.pfns = pfn };

	return alloc_into(q, call, gfp, order, &array, NULL);
}

static int alloc_offset(struct quire *q, const char *call, struct quire_region handle,
			quire_gfp gfp, unsigned int order, uint64_t *offset)
{
	struct qi_array array = { .form = QI_FORM_OFFSET, .n = 1, .out.offsets = offset };

	return alloc_into(q, call, gfp, order, &array, &handle);
}

static int refuse_null(const struct quire *q, const char *call, const char *name)
{
	return qi_refuse(q, call, -QUIRE_EINVAL, "%s is NULL; pass where the result goes", name);
}

/* A page was ready, but not every region is mapped any more. */
static void put_ready_back(struct quire *q, uint32_t pfn)
{
	qi_state_set(q->space.state, pfn, QI_STATE_FREE);
	qi_untake(q, 0, 1, &pfn);
}

/*
 * The long ways. A page may still be ready there: in a list behind a lock, or in an instance of
 * several regions.
 */
QI_LONG_WAY void *alloc_page_long(struct quire *q, quire_gfp gfp, unsigned int order)
{
	void *page = NULL;
	uint32_t pfn;

	pfn = qi_has_unmapped(q) ? QI_NO_PFN : qi_take_ready(q, gfp, order);
	if (qp_likely(pfn != QI_NO_PFN)) {
		if (qp_likely(!qi_has_unmapped(q)))
			return qi_page_of(&q->space, pfn);
		put_ready_back(q, pfn);
	}
	(void)alloc_page(q, "quire_alloc", gfp, order, &page);
	return page;
}

QI_LONG_WAY uint32_t alloc_pfn_long(struct quire *q, quire_gfp gfp, unsigned int order)
{
	uint32_t pfn;

	pfn = qi_take_ready(q, gfp, order);
	if (qp_unlikely(pfn == QI_NO_PFN))
		(void)alloc_pfn(q, "quire_alloc_pfn", gfp, order, &pfn);
	return pfn;
}

QI_LONG_WAY uint64_t alloc_offset_long(struct quire *q, struct quire_region handle, quire_gfp gfp,
				       unsigned int order)
{
	uint64_t offset = QUIRE_NO_OFFSET;
	uint32_t pfn;

	if (handle.id == 1 && q->space.max_regions == 1) {
		pfn = qi_take_ready(q, gfp, order);
		if (qp_likely(pfn != QI_NO_PFN))
			return qi_offset_of(&q->space, q->space.regions, pfn);
	}
	(void)alloc_offset(q, "quire_alloc_offset", handle, gfp, order, &offset);
	return offset;
}

/* The section left with nothing done. */
QI_LONG_WAY void *alloc_page_left(struct quire *q, uint64_t word, uint32_t why)
{
	uint32_t pfn;

	if (qi_ready_take_shared(q, why, &pfn))
		return (void *)(q->ready.page_0 + qi_word_bytes(word, pfn));
	qi_front_left(&q->front, why);
	return alloc_page_long(q, 0, 0);
}

QI_LONG_WAY uint32_t alloc_pfn_left(struct quire *q, uint32_t why)
{
	uint32_t pfn;

	if (qi_ready_take_shared(q, why, &pfn))
		return pfn;
	qi_front_left(&q->front, why);
	return alloc_pfn_long(q, 0, 0);
}

QI_LONG_WAY uint64_t alloc_offset_left(struct quire *q, struct quire_region handle, uint64_t word,
				       uint32_t why)
{
	uint32_t pfn;

	if (qi_ready_take_shared(q, why, &pfn))
		return qi_word_bytes(word, pfn - q->ready.first_pfn);
	qi_front_left(&q->front, why);
	return alloc_offset_long(q, handle, 0, 0);
}

void *quire_alloc(struct quire *q, quire_gfp gfp, unsigned int order)
{
	uint64_t word = qi_ready_word(&q->ready.take_page);
	uint64_t pfn;
	uint32_t taken;

	if (qp_unlikely((gfp | order) != 0 || !qi_ready_known(word)))
		return alloc_page_long(q, gfp, order);
	taken = qi_ready_take(q, word, &pfn);
	if (qp_unlikely(taken >= QP_LEFT))
		return alloc_page_left(q, word, taken);
	return (void *)(q->ready.page_0 + qi_word_bytes(word, pfn));
}

int quire_alloc_err(struct quire *q, quire_gfp gfp, unsigned int order, void **page)
{
	if (page == NULL)
		return refuse_null(q, "quire_alloc_err", "page");
	return alloc_page(q, "quire_alloc_err", gfp, order, page);
}

uint32_t quire_alloc_pfn(struct quire *q, quire_gfp gfp, unsigned int order)
{
	uint64_t word = qi_ready_word(&q->ready.take_pfn);
	uint64_t pfn;
	uint32_t taken;

	if (qp_unlikely((gfp | order) != 0 || !qi_ready_known(word)))
		return alloc_pfn_long(q, gfp, order);
	taken = qi_ready_take(q, word, &pfn);
	if (qp_unlikely(taken >= QP_LEFT))
		return alloc_pfn_left(q, taken);
	return (uint32_t)pfn;
}

int quire_alloc_pfn_err(struct quire *q, quire_gfp gfp, unsigned int order, uint32_t *pfn)
{
	if (pfn == NULL)
		return refuse_null(q, "quire_alloc_pfn_err", "pfn");
	return alloc_pfn(q, "quire_alloc_pfn_err", gfp, order, pfn);
}

uint64_t quire_alloc_offset(struct quire *q, struct quire_region handle, quire_gfp gfp,
			    unsigned int order)
{
	uint64_t word = qi_ready_word(&q->ready.take_offset);
	uint64_t pfn;
	uint32_t taken;

	if (qp_unlikely((gfp | order) != 0 || handle.id != 1 || !qi_ready_known(word)))
		return alloc_offset_long(q, handle, gfp, order);
	taken = qi_ready_take(q, word, &pfn);
	if (qp_unlikely(taken >= QP_LEFT))
		return alloc_offset_left(q, handle, word, taken);
	return qi_word_bytes(word, pfn - q->ready.first_pfn);
}

int quire_alloc_offset_err(struct quire *q, struct quire_region handle, quire_gfp gfp,
			   unsigned int order, uint64_t *offset)
{
	if (offset == NULL)
		return refuse_null(q, "quire_alloc_offset_err", "offset");
	return alloc_offset(q, "quire_alloc_offset_err", handle, gfp, order, offset);
}
