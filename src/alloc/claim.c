/* SPDX-License-Identifier: MIT */
/*
 * All-or-nothing requests of more blocks than fit a scratch. A caller's array may not be written
 * before success is certain (its slots would have to be restored), nor under a lock (it may fault),
 * and there is no other memory to note n blocks in. So they are noted where they are: each block
 * taken is marked CLAIMED by its state byte, and once there are n they are found again by walking
 * the states, ascending.
 *
 * CLAIMED does not say by whom, so requests take turns: two callers that each want 60 % are one
 * after the other, and one of them succeeds. The turn is not a lock: who waits for it gives up when
 * its holder stops making progress (its array may be paged by a program that itself waits for us),
 * and fork does not take it.
 */
#include "alloc/request.h"

static bool get_turn(struct quire *q, bool may_wait)
{
	uint32_t seen = 0;
	unsigned int attempt = 0;

	while (atomic_exchange_explicit(&q->claim_taken, 1, memory_order_acquire) != 0) {
		uint32_t now = atomic_load_explicit(&q->claim_progress, memory_order_relaxed);

		if (!may_wait || attempt == QI_PATIENCE)
			return false;
		attempt = now == seen ? attempt + 1 : 0;
		seen = now;
		qp_yield(attempt);
	}
	return true;
}

static void progress(struct quire *q)
{
	atomic_fetch_add_explicit(&q->claim_progress, 1, memory_order_relaxed);
}

static void end_turn(struct quire *q)
{
	atomic_store_explicit(&q->claim_taken, 0, memory_order_release);
}

static bool persists(struct qi_request *request)
{
	return qi_may_wait(request->gfp) && (request->gfp & QUIRE_NORETRY) == 0;
}

/* Some of the missing blocks. In a claim's own look nobody is waited for: its caller does that. */
static uint32_t take_some(struct quire *q, struct qi_request *request, uint64_t missing,
			  uint32_t *pfns)
{
	uint32_t want = missing < QI_SCRATCH ? (uint32_t)missing : QI_SCRATCH;
	struct qi_watch unused = { 0 };
	uint32_t got = qi_take_fast(q, request, want, pfns);

	if (got == 0 && persists(request))
		got = qi_take_look(q, request, &unused, want, pfns);
	return got;
}

/* Up to n blocks; the walk will begin at the lowest of them. */
static void claim_blocks(struct quire *q, struct qi_request *request, uint64_t n,
			 struct qi_claim *claim)
{
	uint32_t pfns[QI_SCRATCH];
	uint8_t state = (uint8_t)(QI_STATE_CLAIMED + request->order);

	claim->left = 0;
	claim->next = QI_NO_PFN;
	while (claim->left < n) {
		uint32_t got = take_some(q, request, n - claim->left, pfns);

		for (uint32_t i = 0; i < got; i++) {
			qi_state_set(q->space.state, pfns[i], state);
			claim->next = pfns[i] < claim->next ? pfns[i] : claim->next;
		}
		claim->left += got;
		progress(q);
		if (got == 0)
			break;
	}
}

uint32_t qi_claim_collect(struct quire *q, struct qi_request *request, struct qi_claim *claim,
			  uint32_t want, uint32_t *pfns)
{
	uint8_t claimed = (uint8_t)(QI_STATE_CLAIMED + request->order);
	uint32_t got = 0;

	if (want > claim->left)
		want = (uint32_t)claim->left;
	for (uint32_t pfn = claim->next; got < want; pfn += 1u << request->order) {
		if (pfn >= atomic_load_explicit(&q->space.nr_pfns, memory_order_relaxed))
			qp_panic("a claimed block has lost its mark");
		claim->next = pfn + (1u << request->order);
		if (qi_state_get(q->space.state, pfn) != claimed)
			continue;
		qi_state_set(q->space.state, pfn, QI_STATE_FREE);
		pfns[got++] = pfn;
	}
	claim->left -= got;
	progress(q);
	if (claim->left == 0)
		end_turn(q);
	return got;
}

void qi_claim_cancel(struct quire *q, struct qi_request *request, struct qi_claim *claim)
{
	uint32_t pfns[QI_SCRATCH];

	while (claim->left > 0)
		qi_untake(q, request->order, qi_claim_collect(q, request, claim, QI_SCRATCH, pfns),
			  pfns);
}

/*
 * One attempt, with the turn; on failure the turn is lost and everything given back. Others who
 * find nothing meanwhile wait for what is in transit.
 */
static bool attempt(struct quire *q, struct qi_request *request, uint64_t n, struct qi_claim *claim)
{
	bool done;

	qi_transit_begin(q->front.home);
	claim_blocks(q, request, n, claim);
	done = claim->left == n;
	if (claim->left == 0)
		end_turn(q);
	else if (!done)
		qi_claim_cancel(q, request, claim);
	qi_transit_end(q->front.home, !done);
	return done;
}

static bool may_suffice(const struct quire *q, struct qi_request *request, uint64_t n)
{
	uint64_t nr_free = qi_count_free(q);

	if (request->only != NULL && nr_free > request->only->nr_pages)
		nr_free = request->only->nr_pages;
	return n <= nr_free >> request->order;
}

static int no_luck(const struct quire *q, struct qi_request *request, uint64_t n)
{
	return !qi_may_wait(request->gfp) && may_suffice(q, request, n) ? -QUIRE_EAGAIN
									: -QUIRE_ENOMEM;
}

/* A failed attempt has moved pages itself; whether another is worth it is told by the counts. */
static bool worth_another(const struct quire *q, struct qi_request *request, uint64_t n,
			  unsigned int attempts)
{
	bool any_page = request->order == 0 && request->only == NULL;
	unsigned int most = any_page ? QI_PATIENCE : 3;

	return attempts < most && may_suffice(q, request, n);
}

int qi_claim_begin(struct quire *q, struct qi_request *request, uint64_t n, struct qi_claim *claim)
{
	struct qi_watch watch = { .most = qi_most_looks(request) };
	unsigned int attempts = 0;
	bool again;

	do {
		if (persists(request))
			qi_drain_everything(q);
		qi_watch_begin(q, &watch);
		again = false;
		if (may_suffice(q, request, n)) {
			if (!get_turn(q, qi_may_wait(request->gfp)))
				return -QUIRE_EAGAIN;
			if (attempt(q, request, n, claim))
				return 0;
			qp_yield(attempts);
			again = worth_another(q, request, n, ++attempts);
			qi_watch_begin(q, &watch);
		}
	} while (persists(request) && (again || qi_watch_again(q, &watch)));
	return no_luck(q, request, n);
}
