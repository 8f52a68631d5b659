/* SPDX-License-Identifier: MIT */
/* How lists adapt to use, step by step, by what they did last. */
#include "cache/pcp.h"
#include "test.h"

#include <string.h>

enum {
	MOST_SLOTS = 2048,
	ENOUGH = 2000, /* steps, after which nothing changes any more */
	LONG = 16, /* overflows by the most in a row, until a CPU is known to feed others */
	DECAY = 32,
};

/* The records of one CPU with one list, as `locked` has. */
struct scene {
	struct qi_pcp pcp;
	struct qi_adapt adapt;
	struct qp_list *list;
};

static void begin(struct scene *s, uint32_t batch, uint32_t base, uint32_t capacity)
{
	static _Alignas(2 * QP_CACHE_LINE) unsigned char
		memory[sizeof(struct qp_list) + (MOST_SLOTS + QP_LIST_SLACK) * sizeof(uint32_t)];
	const struct qi_limits limits = { .high = base };

	assert_true(capacity <= MOST_SLOTS);
	memset(s, 0, sizeof(*s));
	s->list = (struct qp_list *)(void *)memory;
	atomic_init(&s->adapt.batch, batch);
	atomic_init(&s->adapt.base, base);
	atomic_init(&s->adapt.most, capacity);
	qi_list_init(s->list, capacity);
	qi_list_open(s->list, &limits);
	s->pcp.lists[0] = s->list;
	atomic_store(&s->pcp.lp, (uintptr_t)s->list);
	qi_pcp_reset(&s->pcp, &s->adapt);
}

static uint32_t high_of(const struct scene *s)
{
	return qi_list_high(s->list);
}

/* A refill that fetches something and pushes nothing; how much it wanted. */
static uint32_t refill(struct scene *s)
{
	uint32_t amount = qi_pcp_refill_begin(&s->pcp, &s->adapt);

	qi_pcp_refill_end(&s->pcp, amount);
	return amount;
}

/* Somebody pushes a page, and takes it. */
static void push_and_pop(struct scene *s)
{
	assert_true(qi_list_push_one_locked(s->list, 5));
	assert_int_equal(qi_list_pop_one_locked(s->list), 5);
}

/* An overflow that moves so many batches, and feeds others or not. */
static void assert_overflow(struct scene *s, uint32_t batches, bool feeds)
{
	assert_int_equal(qi_pcp_overflow_begin(&s->pcp, &s->adapt), feeds);
	assert_int_equal(qi_pcp_overflow_amount(&s->pcp, &s->adapt), batches * s->adapt.batch);
}

/* ---- Overflows ---- */

static const uint32_t batches[] = { 1, 2, 3, 8, 15, 31, 63, 64 };

#define NR_BATCHES (sizeof(batches) / sizeof(batches[0]))

static void grow_to_most(struct scene *s)
{
	for (uint32_t n = 1; n < QI_MOST_OVERFLOW; n *= 2)
		assert_overflow(s, n, false);
}

static void test_overflows_double_from_one_batch_to_16(const struct qt_param *param)
{
	struct scene s;

	(void)param;
	for (size_t i = 0; i < NR_BATCHES; i++) {
		begin(&s, batches[i], 1024, MOST_SLOTS);
		assert_overflow(&s, 1, false);
		assert_overflow(&s, 2, false);
		assert_overflow(&s, 4, false);
		assert_overflow(&s, 8, false);
		assert_overflow(&s, 16, false);
		assert_overflow(&s, 16, false);
	}
}

static void test_feeds_after_16_of_the_most_in_a_row(const struct qt_param *param)
{
	struct scene s;

	(void)param;
	for (size_t i = 0; i < NR_BATCHES; i++) {
		begin(&s, batches[i], 1024, MOST_SLOTS);
		grow_to_most(&s);
		for (int n = 0; n < LONG; n++)
			assert_overflow(&s, QI_MOST_OVERFLOW, false);
		/* and from then on, however long it lasts */
		for (int n = 0; n < ENOUGH; n++)
			assert_overflow(&s, QI_MOST_OVERFLOW, true);
	}
}

static void test_refill_between_overflows_begins_anew(const struct qt_param *param)
{
	struct scene s;

	(void)param;
	for (int before = 1; before < 2 * LONG; before++) {
		begin(&s, 64, 1024, MOST_SLOTS);
		for (int n = 0; n < before; n++)
			(void)qi_pcp_overflow_begin(&s.pcp, &s.adapt);
		refill(&s);
		grow_to_most(&s);
		for (int n = 0; n < LONG; n++)
			assert_overflow(&s, QI_MOST_OVERFLOW, false);
		assert_overflow(&s, QI_MOST_OVERFLOW, true);
		refill(&s);
		assert_overflow(&s, 1, false);
	}
}

static void test_taking_turns_never_feeds(const struct qt_param *param)
{
	struct scene s;

	(void)param;
	begin(&s, 64, 128, MOST_SLOTS);
	for (int n = 0; n < ENOUGH; n++) {
		refill(&s);
		assert_overflow(&s, 1, false);
		assert_overflow(&s, 2, false);
	}
}

/* ---- high ---- */

static void test_high_doubles_on_turn_about(const struct qt_param *param)
{
	struct scene s;

	(void)param;
	begin(&s, 16, 100, 1000);
	refill(&s); /* there was no turn before */
	assert_int_equal(high_of(&s), 100);
	refill(&s);
	assert_int_equal(high_of(&s), 100);
	assert_overflow(&s, 1, false);
	assert_int_equal(high_of(&s), 200);
	assert_overflow(&s, 2, false);
	assert_int_equal(high_of(&s), 200);
	refill(&s);
	assert_int_equal(high_of(&s), 400);
	assert_overflow(&s, 1, false);
	assert_int_equal(high_of(&s), 800);
	refill(&s);
	assert_int_equal(high_of(&s), 1000); /* the capacity */
	assert_overflow(&s, 1, false);
	assert_int_equal(high_of(&s), 1000);
}

static void raise_high(struct scene *s, uint32_t high)
{
	while (high_of(s) < high) {
		refill(s);
		assert_overflow(s, 1, false);
	}
	assert_int_equal(high_of(s), high);
}

static void test_high_decays_by_a_32nd(const struct qt_param *param)
{
	const uint32_t base = 100;
	uint32_t high = 1700;
	struct scene s;

	(void)param;
	begin(&s, 16, base, high);
	raise_high(&s, high);
	/* not while overflows grow, nor with the first of the most: nobody knows what follows */
	for (uint32_t n = 2; n <= QI_MOST_OVERFLOW; n *= 2)
		assert_overflow(&s, n, false);
	assert_int_equal(high_of(&s), high);
	(void)qi_pcp_overflow_begin(&s.pcp, &s.adapt);
	assert_int_equal(high_of(&s), 1650); /* of 1600 above the base 50 */
	for (high = 1650; high > base;) {
		uint32_t part = (high - base + DECAY - 1) / DECAY;

		assert_true(part > 0);
		high -= part;
		(void)qi_pcp_overflow_begin(&s.pcp, &s.adapt);
		assert_int_equal(high_of(&s), high);
	}
	for (int n = 0; n < ENOUGH; n++)
		(void)qi_pcp_overflow_begin(&s.pcp, &s.adapt);
	assert_int_equal(high_of(&s), base);
}

/* ---- Refills ---- */

static void test_refills_double_to_8_batches(const struct qt_param *param)
{
	struct scene s;

	(void)param;
	for (size_t i = 0; i < NR_BATCHES; i++) {
		uint32_t batch = batches[i];

		begin(&s, batch, MOST_SLOTS, MOST_SLOTS);
		assert_int_equal(refill(&s), batch);
		assert_int_equal(refill(&s), 2 * batch);
		assert_int_equal(refill(&s), 4 * batch);
		for (int n = 0; n < ENOUGH; n++)
			assert_int_equal(refill(&s), 8 * batch);
	}
}

static void test_pushes_between_refills_halve_them(const struct qt_param *param)
{
	struct scene s;

	(void)param;
	begin(&s, 32, MOST_SLOTS, MOST_SLOTS);
	for (int n = 0; n < 6; n++)
		refill(&s);
	assert_int_equal(refill(&s), 8 * 32);
	push_and_pop(&s);
	assert_int_equal(refill(&s), 4 * 32);
	push_and_pop(&s);
	assert_int_equal(refill(&s), 2 * 32);
	assert_int_equal(refill(&s), 4 * 32); /* none */
	for (int n = 0; n < ENOUGH; n++) {
		push_and_pop(&s);
		(void)refill(&s);
	}
	assert_int_equal(high_of(&s), MOST_SLOTS);
	push_and_pop(&s);
	assert_int_equal(refill(&s), 32); /* never less than a batch */
}

/* Half of high at most, so that what comes back finds room; but a batch whatever high is. */
static void test_refills_leave_room(const struct qt_param *param)
{
	struct scene s;

	(void)param;
	begin(&s, 64, 300, MOST_SLOTS);
	for (int n = 0; n < ENOUGH; n++)
		assert_true(refill(&s) <= 150);
	assert_int_equal(refill(&s), 150);
	begin(&s, 64, 100, MOST_SLOTS);
	for (int n = 0; n < ENOUGH; n++)
		assert_int_equal(refill(&s), 64);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(overflows_double_from_one_batch_to_16),
		QT_TEST(feeds_after_16_of_the_most_in_a_row),
		QT_TEST(refill_between_overflows_begins_anew),
		QT_TEST(taking_turns_never_feeds),
		QT_TEST(high_doubles_on_turn_about),
		QT_TEST(high_decays_by_a_32nd),
		QT_TEST(refills_double_to_8_batches),
		QT_TEST(pushes_between_refills_halve_them),
		QT_TEST(refills_leave_room),
	};

	return QT_RUN_ONCE(tests);
}
