/* SPDX-License-Identifier: MIT */
/*
 * Frees. What a page is, is read from its state byte before anything is changed; its state says
 * "free" before the page goes where others can take it. A wrong page is reported and nothing else
 * happens.
 */
#include "alloc/array.h"

/*
 * A held page of order 0 becomes free by state; false: it is something else, see release_other().
 */
static inline bool accept_page(struct quire *q, uint32_t pfn)
{
	qi_state *state = q->space.state;

	if (qp_likely(q->check == QUIRE_CHECK_ON)) {
		if (qp_unlikely(qi_state_get(state, pfn) != QI_STATE_HELD))
			return false;
		qi_state_set(state, pfn, QI_STATE_FREE);
		return true;
	}
	if (q->check == QUIRE_CHECK_STRICT)
		return qi_state_exchange(state, pfn, QI_STATE_HELD, QI_STATE_FREE);
	/* Unchecked: only blocks of higher orders have their state kept. */
	return !qi_has_high(q) || qi_state_order(qi_state_get(state, pfn)) == 0;
}

static void release_block(struct quire *q, uint32_t pfn, unsigned int order)
{
	if (q->aids != 0 && qi_region_of_page(&q->space, pfn)->addr != NULL)
		qp_aid_freed(q->aids, qi_page_of(&q->space, pfn),
			     (size_t)qi_page_bytes(q) << order);
	if (order == 0) {
		qi_front_give(&q->front, 1, &pfn);
		return;
	}
	atomic_fetch_sub_explicit(&q->nr_high, 1, memory_order_relaxed);
	qi_front_give_block(&q->front, pfn, order);
}

/*
 * Not a held page of order 0 as such: a block of a higher order, a page from the stash, or an
 * error.
 */
static int release_other(struct quire *q, const char *call, uint32_t pfn, uint64_t address)
{
	uint8_t state = qi_state_get(q->space.state, pfn);

	if (!qi_state_is_held(state) ||
	    !qi_state_exchange(q->space.state, pfn, state, QI_STATE_FREE))
		return qi_refuse_free(q, call, pfn, address);
	release_block(q, pfn, qi_state_order(state));
	return 0;
}

/*
 * A page of order 0 into the CPU's list, the most frequent case. false: nothing has been done.
 */
static inline bool release_ready(struct quire *q, uint32_t pfn)
{
	if (qp_unlikely(!q->front.ready_give || !accept_page(q, pfn)))
		return false;
	if (qp_unlikely(!qi_front_give_one(&q->front, pfn)))
		qi_front_give(&q->front, 1, &pfn);
	return true;
}

/* Free one page or block that the caller named by address. */
static int release(struct quire *q, const char *call, uint32_t pfn, uint64_t address)
{
	if (qp_unlikely(!qi_pfn_known(&q->space, pfn)))
		return qi_refuse_free(q, call, pfn, address);
	if (qp_likely(release_ready(q, pfn)))
		return 0;
	if (qp_unlikely(!accept_page(q, pfn)))
		return release_other(q, call, pfn, address);
	release_block(q, pfn, 0);
	return 0;
}

static __attribute__((noinline)) int free_page(struct quire *q, const char *call, void *address,
					       bool round)
{
	int error;
	uint32_t pfn;

	if (qp_unlikely(!qi_alive(q)))
		return qi_refuse_dead(q, call);
	pfn = qi_page_at(q, call, address, round, &error);
	if (qp_unlikely(pfn == QI_NO_PFN))
		return error;
	return release(q, call, pfn, (uint64_t)(uintptr_t)address);
}

/* The page at an address exactly, in an instance with one mapped region; else QI_NO_PFN. */
static inline uint32_t page_ready(const struct qi_space *space, const void *address)
{
	const struct qi_region *region = space->regions;
	uint64_t offset = (uint64_t)((uintptr_t)address - (uintptr_t)region->addr);
	uint64_t inside = offset & ((UINT64_C(1) << space->page_shift) - 1);

	if (qp_unlikely(qi_nr_regions(space) != 1 || offset >= region->bytes || inside != 0 ||
			region->addr == NULL))
		return QI_NO_PFN;
	return region->first_pfn + (uint32_t)(offset >> space->page_shift);
}

/* The most frequent case of all; false: nothing has been done. */
static inline bool free_ready(struct quire *q, const void *page)
{
	uint32_t pfn = page_ready(&q->space, page);

	return qp_likely(pfn != QI_NO_PFN && qi_alive(q) && release_ready(q, pfn));
}

int quire_free(struct quire *q, void *page)
{
	if (free_ready(q, page))
		return 0;
	return free_page(q, "quire_free", page, false);
}

int quire_free_round(struct quire *q, void *address)
{
	return free_page(q, "quire_free_round", address, true);
}

int quire_free_pfn(struct quire *q, uint32_t pfn)
{
	if (qp_unlikely(!qi_alive(q)))
		return qi_refuse_dead(q, "quire_free_pfn");
	if (qp_unlikely(pfn == QUIRE_NO_PFN))
		return 0;
	return release(q, "quire_free_pfn", pfn, pfn);
}

/* The region of an offset form, or NULL with *error set and reported. */
static const struct qi_region *region_for(const struct quire *q, const char *call,
					  struct quire_region handle, int *error)
{
	const struct qi_region *region = NULL;

	*error = 0;
	if (!qi_alive(q)) {
		*error = qi_refuse_dead(q, call);
		return NULL;
	}
	region = qi_space_region(&q->space, handle.id);
	if (region == NULL)
		*error = qi_refuse_free_region(q, call, handle);
	return region;
}

static int free_offset(struct quire *q, const char *call, struct quire_region handle,
		       uint64_t offset, bool round)
{
	int error;
	const struct qi_region *region = region_for(q, call, handle, &error);
	uint32_t pfn;

	if (qp_unlikely(region == NULL))
		return error;
	pfn = qi_offset_at(q, call, region, offset, round, &error);
	if (qp_unlikely(pfn == QI_NO_PFN))
		return error;
	return release(q, call, pfn, offset);
}

int quire_free_offset(struct quire *q, struct quire_region handle, uint64_t offset)
{
	return free_offset(q, "quire_free_offset", handle, offset, false);
}

int quire_free_offset_round(struct quire *q, struct quire_region handle, uint64_t offset)
{
	return free_offset(q, "quire_free_offset_round", handle, offset, true);
}

/* A batch that is a run of held pages of order 0, the best case, becomes free by whole words. */
static bool accept_run(struct quire *q, uint32_t n, const uint32_t *pfns)
{
	if (q->check != QUIRE_CHECK_ON || !qi_run_is_octets(n, pfns) || !qi_is_run(n, pfns) ||
	    !qi_pfn_known(&q->space, pfns[0]) || !qi_pfn_known(&q->space, pfns[n - 1]) ||
	    !qi_state_octets_are(q->space.state, pfns[0], n, QI_STATE_HELD))
		return false;
	qi_state_set_octets(q->space.state, pfns[0], n, QI_STATE_FREE);
	return true;
}

/* Unchecked, with only pages of order 0 held: it is enough that each is a page of this instance. */
static bool accept_unchecked(const struct quire *q, uint32_t n, const uint32_t *pfns)
{
	const struct qi_region *region = q->space.regions;
	uint32_t first_pfn = region->first_pfn;
	uint32_t nr_pages = region->nr_pages;
	uint32_t wrong = 0;

	if (qi_checked(q) || qi_has_high(q) || qi_nr_regions(&q->space) != 1)
		return false;
	for (uint32_t i = 0; i < n; i++)
		wrong |= pfns[i] - first_pfn >= nr_pages;
	return wrong == 0;
}

/* A batch of a bulk free: slots [slot, slot + n) of the caller's array. */
struct batch {
	const char *call;
	const struct qi_array *array;
	size_t slot;
	uint32_t n;
	size_t freed; /* blocks of higher orders, and pages given one by one */
};

/* 1 if the page of slot i is now free by state and is to be given; else it has been dealt with. */
static uint32_t accept_slot(struct quire *q, struct batch *batch, uint32_t i, uint32_t pfn)
{
	if (pfn == QI_NO_PFN || (qi_pfn_known(&q->space, pfn) && accept_page(q, pfn)))
		return pfn != QI_NO_PFN;
	if (qi_pfn_known(&q->space, pfn))
		batch->freed += release_other(q, batch->call, pfn,
					      qi_array_address(batch->array, batch->slot + i)) == 0;
	else
		(void)qi_refuse_free(q, batch->call, pfn,
				     qi_array_address(batch->array, batch->slot + i));
	return 0;
}

/* The pages among the batch's that are free by state now, moved to the front; how many. */
static uint32_t accept_batch(struct quire *q, struct batch *batch, uint32_t *pfns)
{
	uint32_t kept = 0;

	if (accept_run(q, batch->n, pfns) || accept_unchecked(q, batch->n, pfns))
		return batch->n;
	for (uint32_t i = 0; i < batch->n; i++) {
		uint32_t pfn = pfns[i];

		pfns[kept] = pfn;
		kept += accept_slot(q, batch, i, pfn);
	}
	return kept;
}

/* How many of a batch were freed; its pfns, holes among them, are used up. */
static size_t release_batch(struct quire *q, struct batch *batch, uint32_t *pfns)
{
	uint32_t kept = accept_batch(q, batch, pfns);

	for (uint32_t i = 0; qp_unlikely(q->aids != 0) && i < kept; i++)
		release_block(q, pfns[i], 0);
	if (qp_likely(q->aids == 0) && kept > 0)
		qi_front_give(&q->front, kept, pfns);
	return batch->freed + kept;
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

size_t quire_free_bulk(struct quire *q, size_t n, void *const *pages)
{
	struct qi_array array = { .form = QI_FORM_PAGE, .n = n, .in.pages = pages };

	if (n == 1 && pages != NULL && free_ready(q, pages[0]))
		return 1;
	return free_bulk(q, "quire_free_bulk", &array, false);
}

size_t quire_free_bulk_round(struct quire *q, size_t n, void *const *addresses)
{
	struct qi_array array = { .form = QI_FORM_PAGE, .n = n, .in.pages = addresses };

	return free_bulk(q, "quire_free_bulk_round", &array, true);
}

size_t quire_free_bulk_pfn(struct quire *q, size_t n, const uint32_t *pfns)
{
	struct qi_array array = { .form = QI_FORM_PFN, .n = n, .in.pfns = pfns };

	return free_bulk(q, "quire_free_bulk_pfn", &array, false);
}

static size_t free_bulk_offset(struct quire *q, const char *call, struct quire_region handle,
			       size_t n, const uint64_t *offsets, bool round)
{
	struct qi_array array = { .form = QI_FORM_OFFSET, .n = n, .in.offsets = offsets };
	int error;

	array.region = region_for(q, call, handle, &error);
	return array.region == NULL ? 0 : free_bulk(q, call, &array, round);
}

size_t quire_free_bulk_offset(struct quire *q, struct quire_region handle, size_t n,
			      const uint64_t *offsets)
{
	return free_bulk_offset(q, "quire_free_bulk_offset", handle, n, offsets, false);
}

size_t quire_free_bulk_offset_round(struct quire *q, struct quire_region handle, size_t n,
				    const uint64_t *offsets)
{
	return free_bulk_offset(q, "quire_free_bulk_offset_round", handle, n, offsets, true);
}
