/* SPDX-License-Identifier: MIT */
/*
 * A level of units and its bins: whatever is taken and added, every unit stays valid and is filed
 * right.
 */
#include "core/level.h"
#include "random.h"
#include "test.h"

#include <string.h>

#define NR_UNITS 40u

static struct qi_bits bits[NR_UNITS];
static struct qi_unit units[NR_UNITS];
static struct qi_level level = { bits, units };
static struct qi_bins bins;

static void open_all(struct qt_random *r)
{
	memset(units, 0, sizeof(units));
	qi_bins_init(&bins);
	for (uint32_t unit = 0; unit < NR_UNITS; unit++) {
		struct qi_bits some;

		qi_bits_clear_all(&some);
		for (uint32_t i = 0; i < QI_UNIT_ITEMS; i++)
			if (qt_random_one_in(r, 1 + unit))
				qi_bits_set_one(&some, i);
		qi_level_open(&level, &bins, unit, &some);
	}
}

/*
 * Each unit with free items hangs in exactly one bin, the one that it says; links agree both ways.
 */
static void check_bins(void)
{
	uint8_t found[NR_UNITS] = { 0 };

	for (uint32_t bin = 0; bin < QI_NR_BINS; bin++) {
		uint32_t prev = QI_NO_UNIT;

		assert_int_equal((bins.filled >> bin) & 1, bins.first[bin] != QI_NO_UNIT);
		for (uint32_t unit = bins.first[bin]; unit != QI_NO_UNIT; unit = units[unit].next) {
			assert_true(unit < NR_UNITS);
			assert_int_equal(units[unit].bin, bin);
			assert_int_equal(units[unit].prev, prev);
			assert_int_equal(found[unit]++, 0);
			prev = unit;
		}
	}
	for (uint32_t unit = 0; unit < NR_UNITS; unit++) {
		assert_true(qi_level_unit_valid(&level, unit, true));
		assert_int_equal(found[unit],
				 units[unit].state != QI_UNIT_CLOSED && units[unit].nr_free > 0);
	}
}

/* Whether any open unit has such a block. */
static bool any_has(unsigned int order)
{
	for (uint32_t unit = 0; unit < NR_UNITS; unit++)
		if (units[unit].state != QI_UNIT_CLOSED &&
		    qi_bits_find(&bits[unit], order) != QI_NO_ITEM)
			return true;
	return false;
}

static void take_items(struct qt_random *r)
{
	uint32_t want = 1 + qt_random_below(r, 64), out[64], got;
	uint32_t unit = qi_level_choose(&bins, 0, want);

	assert_int_equal(unit != QI_NO_UNIT, any_has(0));
	if (unit == QI_NO_UNIT)
		return;
	got = qi_level_take_items(&level, &bins, unit, want, unit * QI_UNIT_ITEMS, out);
	assert_true(got >= 1 && got <= want);
	for (uint32_t i = 0; i < got; i++)
		assert_false(qi_bits_test(&bits[unit], out[i] - unit * QI_UNIT_ITEMS));
}

static void take_block(struct qt_random *r)
{
	unsigned int order = qt_random_below(r, QI_UNIT_ORDER + 1);
	uint32_t unit = qi_level_choose(&bins, order, 1), first;

	assert_int_equal(unit != QI_NO_UNIT, any_has(order));
	if (unit == QI_NO_UNIT)
		return;
	first = qi_level_take_block(&level, &bins, unit, order);
	assert_int_equal(first % (1u << order), 0);
	assert_false(qi_bits_any_set(&bits[unit], first, 1u << order));
}

/* Give back a few stretches that are taken, then file once, as the zone does. */
static void add(struct qt_random *r)
{
	uint32_t unit = qt_random_below(r, NR_UNITS);
	unsigned int merged = 0;
	bool added = false;

	if (units[unit].state == QI_UNIT_CLOSED)
		return;
	for (int i = 0; i < 6; i++) {
		uint32_t first = qt_random_below(r, QI_UNIT_ITEMS), count = 1;
		unsigned int order;

		while (first + count < QI_UNIT_ITEMS && count < 40 &&
		       !qi_bits_test(&bits[unit], first + count) && !qt_random_one_in(r, 20))
			count++;
		if (qi_bits_any_set(&bits[unit], first, count))
			continue;
		order = qi_level_add(&level, unit, first, count);
		merged = order > merged ? order : merged;
		added = true;
	}
	if (added)
		qi_level_file(&level, &bins, unit, merged);
}

static void close_or_open(struct qt_random *r)
{
	uint32_t unit = qt_random_below(r, NR_UNITS);

	if (units[unit].state == QI_UNIT_CLOSED)
		qi_level_open(&level, &bins, unit, NULL);
	else
		qi_level_close(&level, &bins, unit);
}

static void test_units_stay_valid(const struct qt_param *param)
{
	struct qt_random r = qt_random_seed(1);

	(void)param;
	open_all(&r);
	check_bins();
	for (int i = 0; i < 60000; i++) {
		uint32_t dice = qt_random_below(&r, 100);

		if (dice < 30)
			take_items(&r);
		else if (dice < 50)
			take_block(&r);
		else if (dice < 98)
			add(&r);
		else
			close_or_open(&r);
		if (i % 8 == 0)
			check_bins();
	}
}

/* The most fragmented unit serves first, so the others can become whole. */
static void test_the_most_fragmented_unit_serves(const struct qt_param *param)
{
	uint32_t out[64];
	struct qi_bits half;

	(void)param;
	memset(units, 0, sizeof(units));
	qi_bins_init(&bins);
	qi_bits_clear_all(&half);
	for (uint32_t i = 0; i < QI_UNIT_ITEMS; i += 2)
		qi_bits_set_one(&half, i);
	qi_level_open(&level, &bins, 0, NULL);
	qi_level_open(&level, &bins, 1, &half);
	qi_level_open(&level, &bins, 2, NULL);
	for (int i = 0; i < 4; i++) {
		uint32_t unit = qi_level_choose(&bins, 0, 64);

		assert_int_equal(unit, 1);
		assert_int_equal(qi_level_take_items(&level, &bins, unit, 64, 0, out), 64);
	}
	assert_int_not_equal(qi_level_choose(&bins, 0, 64), 1);
	/* A unit with a block that is just large enough serves before one that is whole. */
	qi_level_take_range(&level, &bins, 0, 0, 256);
	assert_int_equal(qi_level_choose(&bins, 3, 1), 0);
	assert_int_equal(qi_level_choose(&bins, 9, 1), 2);
}

/* For a large want a unit that has many single items goes before one that has three. */
static void test_many_items_want_a_unit_with_many(const struct qt_param *param)
{
	struct qi_bits few, many;

	(void)param;
	memset(units, 0, sizeof(units));
	qi_bins_init(&bins);
	qi_bits_clear_all(&few);
	qi_bits_clear_all(&many);
	for (uint32_t i = 0; i < 3; i++)
		qi_bits_set_one(&few, 100 * i);
	for (uint32_t i = 0; i < 200; i++)
		qi_bits_set_one(&many, 2 * i);
	qi_level_open(&level, &bins, 5, &many);
	qi_level_open(&level, &bins, 7, &few);
	assert_int_equal(qi_level_choose(&bins, 0, 64), 5);
	assert_int_equal(qi_level_choose(&bins, 0, 1), 7);
	assert_int_equal(qi_level_choose(&bins, 1, 1), QI_NO_UNIT);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(units_stay_valid),
		QT_TEST(the_most_fragmented_unit_serves),
		QT_TEST(many_items_want_a_unit_with_many),
	};

	return QT_RUN_ONCE(tests);
}
