/* SPDX-License-Identifier: MIT */
/*
 * Allocations of a world, each with what must be true of its answer. A request of normal effort
 * fails, or is short, only if the model has no such block: blocks of one order are counted, not
 * guessed, as any two of them are disjoint.
 */
#include "property.h"

#include <string.h>

enum form { FORM_PAGE, FORM_PFN, FORM_OFFSET, NR_FORMS };

/* One request: what is asked for, and of which region (offset form) or any. */
struct request {
	enum form form;
	int region;
	quire_gfp gfp;
	unsigned int order;
	size_t n;
};

static bool may_fail(const struct request *r)
{
	return (r->gfp & (QUIRE_ATOMIC | QUIRE_NOWAIT | QUIRE_NORETRY)) != 0;
}

static unsigned int random_order(struct world *w)
{
	if (!qt_random_one_in(&w->random, 3))
		return 0;
	if (!qt_random_one_in(&w->random, 4))
		return qt_random_below(&w->random, 4);
	return qt_random_below(&w->random, w->max_order + 1);
}

static quire_gfp random_effort(struct world *w)
{
	switch (qt_random_below(&w->random, 8)) {
	case 0:
		return QUIRE_ATOMIC;
	case 1:
		return QUIRE_NOWAIT;
	case 2:
		return QUIRE_NORETRY;
	case 3:
		return QUIRE_ATOMIC | QUIRE_NORETRY;
	default:
		return 0;
	}
}

static void random_request(struct world *w, struct request *r, unsigned int order, size_t n)
{
	bool mapped = world_all_mapped(w);

	r->form = (enum form)qt_random_below(&w->random, NR_FORMS);
	if (r->form == FORM_PAGE && !mapped)
		r->form = FORM_PFN;
	r->region = MODEL_ANY_REGION;
	if (r->form == FORM_OFFSET) {
		r->region = (int)qt_random_below(&w->random, w->nr_regions);
		mapped = w->info[r->region].addr != NULL;
	}
	r->gfp = random_effort(w);
	r->order = order;
	r->n = n;
	if (mapped && (n << order << w->config.page_shift) <= 1u << 20 &&
	    qt_random_one_in(&w->random, 16))
		r->gfp |= QUIRE_ZERO;
}

void op_alloc(struct world *w)
{
	struct request r;
	uint32_t pfn = 0x12345678;
	uint64_t offset = 0x123456789;
	void *page = w;
	int err;

	random_request(w, &r, random_order(w), 1);
	if (r.form == FORM_PAGE)
		err = quire_alloc_err(w->q, r.gfp, r.order, &page);
	else if (r.form == FORM_PFN)
		err = quire_alloc_pfn_err(w->q, r.gfp, r.order, &pfn);
	else
		err = quire_alloc_offset_err(w->q, w->region[r.region], r.gfp, r.order, &offset);
	if (err == 0) {
		if (r.form == FORM_PAGE)
			pfn = quire_page_to_pfn(w->q, page);
		if (r.form == FORM_OFFSET)
			pfn = quire_offset_to_pfn(w->q, w->region[r.region], offset);
		world_taken(w, pfn, r.order, r.region, r.gfp & QUIRE_ZERO);
		return;
	}
	hold_true(w, page == (void *)w && pfn == 0x12345678 && offset == 0x123456789,
		  "a failing call wrote to its output");
	hold_true(w, err == -QUIRE_ENOMEM || (err == -QUIRE_EAGAIN && may_fail(&r)),
		  "order %u, flags %#x: %d", r.order, r.gfp, err);
	if (!may_fail(&r))
		hold_true(w, model_count_blocks(&w->model, r.order, r.region) == 0,
			  "false exhaustion: %llu blocks of order %u are free",
			  (unsigned long long)model_count_blocks(&w->model, r.order, r.region),
			  r.order);
}

/* Slots of all three forms are set, whichever is used: one to a page of nobody's, or to a hole. */
static void set_slot(struct world *w, size_t i, bool hole)
{
	w->pfns[i] = hole ? QUIRE_NO_PFN : 0x5a5a0000 + (uint32_t)(i & 0xffff);
	w->offsets[i] = hole ? QUIRE_NO_OFFSET : 0x5a5a5a5a0000 + i;
	w->pages[i] = hole ? NULL : (void *)&w->pages[i];
}

static bool slot_is_set(const struct world *w, const struct request *r, size_t i)
{
	if (r->form == FORM_PAGE)
		return w->pages[i] == (void *)&w->pages[i];
	if (r->form == FORM_PFN)
		return w->pfns[i] == 0x5a5a0000 + (uint32_t)(i & 0xffff);
	return w->offsets[i] == 0x5a5a5a5a0000 + i;
}

static uint32_t slot_pfn(const struct world *w, const struct request *r, size_t i)
{
	if (r->form == FORM_PAGE)
		return w->pages[i] ? quire_page_to_pfn(w->q, w->pages[i]) : QUIRE_NO_PFN;
	if (r->form == FORM_PFN)
		return w->pfns[i];
	return w->offsets[i] == QUIRE_NO_OFFSET
		       ? QUIRE_NO_PFN
		       : quire_offset_to_pfn(w->q, w->region[r->region], w->offsets[i]);
}

static size_t random_count(struct world *w, unsigned int order)
{
	uint32_t dice = qt_random_below(&w->random, 100);
	uint32_t n;

	if (dice < 50)
		n = 1 + qt_random_below(&w->random, 8);
	else if (dice < 85)
		n = 1 + qt_random_below(&w->random, 100);
	else if (dice < 99)
		n = 1 + qt_random_below(&w->random, 700);
	else
		n = 1 + qt_random_below(&w->random, w->capacity);
	n >>= order / 2;
	n = n ? n : 1;
	return n < w->capacity ? n : w->capacity;
}

/* got of wanted came: was that all there was? */
static void check_short(struct world *w, const struct request *r, size_t got, size_t wanted)
{
	uint64_t left;

	hold_true(w, got <= wanted, "%zu of %zu", got, wanted);
	if (r->gfp & QUIRE_ALL)
		hold_true(w, got == 0 || got == wanted, "QUIRE_ALL gave %zu of %zu", got, wanted);
	if (got == wanted || may_fail(r))
		return;
	left = model_count_blocks(&w->model, r->order, r->region);
	hold_true(
		w, left < wanted - got && (left == 0 || r->gfp & QUIRE_ALL),
		"false exhaustion: got %zu of %zu blocks of order %u, flags %#x, and %llu are free",
		got, wanted, r->order, r->gfp, (unsigned long long)left);
}

void op_alloc_bulk(struct world *w)
{
	unsigned int order = random_order(w);
	struct request r;
	size_t got;

	random_request(w, &r, order, random_count(w, order));
	if (qt_random_one_in(&w->random, 3))
		r.gfp |= QUIRE_ALL;
	for (size_t i = 0; i < r.n; i++)
		set_slot(w, i, false);
	if (r.form == FORM_PAGE)
		got = quire_alloc_bulk(w->q, r.gfp, order, r.n, w->pages);
	else if (r.form == FORM_PFN)
		got = quire_alloc_bulk_pfn(w->q, r.gfp, order, r.n, w->pfns);
	else
		got = quire_alloc_bulk_offset(w->q, w->region[r.region], r.gfp, order, r.n,
					      w->offsets);
	hold_true(w, got <= r.n, "%zu of %zu", got, r.n);
	for (size_t i = got; i < r.n; i++)
		hold_true(w, slot_is_set(w, &r, i), "slot %zu of %zu was written; %zu came", i, r.n,
			  got);
	for (size_t i = 0; i < got; i++)
		world_taken(w, slot_pfn(w, &r, i), order, r.region, r.gfp & QUIRE_ZERO);
	check_short(w, &r, got, r.n);
}

/*
 * Holes with a chance of one in 1 (all) to 8; sometimes none. The holes are remembered in a bitmap.
 */
static size_t random_holes(struct world *w, size_t n, uint8_t *holes)
{
	uint32_t chance = qt_random_below(&w->random, 9);
	size_t nr = 0;

	memset(holes, 0, n);
	for (size_t i = 0; i < n; i++) {
		holes[i] = chance && qt_random_one_in(&w->random, chance);
		nr += holes[i];
		set_slot(w, i, holes[i]);
	}
	return nr;
}

void op_fill(struct world *w)
{
	uint8_t holes[400];
	struct request r;
	size_t n = 1 + qt_random_below(&w->random, 400), nr_holes, got, filled = 0;

	if (n > w->capacity)
		n = w->capacity;
	nr_holes = random_holes(w, n, holes);
	random_request(w, &r, 0, n);
	if (qt_random_one_in(&w->random, 3))
		r.gfp |= QUIRE_ALL;
	if (r.form == FORM_PAGE)
		got = quire_fill(w->q, r.gfp, n, w->pages);
	else if (r.form == FORM_PFN)
		got = quire_fill_pfn(w->q, r.gfp, n, w->pfns);
	else
		got = quire_fill_offset(w->q, w->region[r.region], r.gfp, n, w->offsets);
	for (size_t i = 0; i < n; i++) {
		uint32_t pfn;

		if (!holes[i]) {
			hold_true(w, slot_is_set(w, &r, i), "populated slot %zu was changed", i);
			continue;
		}
		pfn = slot_pfn(w, &r, i);
		if (pfn == QUIRE_NO_PFN)
			continue;
		world_taken(w, pfn, 0, r.region, r.gfp & QUIRE_ZERO);
		filled++;
	}
	hold_true(w, got == n - nr_holes + filled, "fill of %zu slots says %zu; %zu are populated",
		  n, got, n - nr_holes + filled);
	check_short(w, &r, filled, nr_holes);
}

void op_bad_call(struct world *w)
{
	static const struct {
		quire_gfp gfp;
		unsigned int order;
		int err;
	} bad[] = {
		{ 0, 19, -QUIRE_EINVAL },
		{ QUIRE_ATOMIC, UINT32_MAX, -QUIRE_EINVAL },
		{ UINT32_C(1) << 25, 0, -QUIRE_EINVAL },
		{ QUIRE_ATOMIC | QUIRE_NOWAIT, 0, -QUIRE_EINVAL },
		{ QUIRE_WAIT, 0, -QUIRE_EOPNOTSUPP },
		{ QUIRE_NOFAIL, 1, -QUIRE_EOPNOTSUPP },
	};
	uint32_t i = qt_random_below(&w->random, sizeof(bad) / sizeof(bad[0])), pfn = 99;
	struct quire_region none = { 1000 };
	uint64_t offset = 99;
	int err;

	err = quire_alloc_pfn_err(w->q, bad[i].gfp, bad[i].order, &pfn);
	hold_true(w, err == bad[i].err && pfn == 99, "order %u, flags %#x: %d, not %d",
		  bad[i].order, bad[i].gfp, err, bad[i].err);
	world_expect_reports(w, 1, bad[i].err, "a bad call");
	hold_true(w,
		  quire_alloc_bulk_pfn(w->q, bad[i].gfp, bad[i].order, 1, &pfn) == 0 && pfn == 99,
		  "bulk of order %u, flags %#x was served", bad[i].order, bad[i].gfp);
	world_expect_reports(w, 1, bad[i].err, "a bad bulk call");
	err = quire_alloc_offset_err(w->q, none, 0, 0, &offset);
	hold_true(w, err == -QUIRE_ENOENT && offset == 99, "from no region: %d", err);
	world_expect_reports(w, 1, -QUIRE_ENOENT, "no such region");
	if (world_all_mapped(w))
		return;
	err = quire_alloc_err(w->q, 0, 0, (void *[]){ NULL });
	hold_true(w, err == -QUIRE_EFAULT, "pointer to an unmapped region: %d", err);
	world_expect_reports(w, 1, -QUIRE_EFAULT, "pointer to an unmapped region");
}
