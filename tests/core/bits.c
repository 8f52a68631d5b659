/* SPDX-License-Identifier: MIT */
/* Sets of 512 items against arrays of 512 bools. */
#include "core/bits.h"
#include "random.h"
#include "test.h"

#include <string.h>

#define ITEMS QI_UNIT_ITEMS

struct both {
	struct qi_bits bits;
	bool item[ITEMS];
};

static void random_range(struct qt_random *r, uint32_t *first, uint32_t *count)
{
	*first = qt_random_below(r, ITEMS);
	*count = 1 + qt_random_below(r, ITEMS - *first);
	if (qt_random_one_in(r, 2) && *count > 16)
		*count = 1 + qt_random_below(r, 16);
}

/* Sets of every density, and such as are made of aligned blocks. */
static void random_set(struct both *b, struct qt_random *r)
{
	uint32_t density = qt_random_below(r, 10), chunk = 1u << qt_random_below(r, 8);

	qi_bits_clear_all(&b->bits);
	memset(b->item, 0, sizeof(b->item));
	for (uint32_t first = 0; first < ITEMS; first += chunk) {
		if (qt_random_below(r, 10) > density)
			continue;
		qi_bits_set(&b->bits, first, chunk);
		memset(b->item + first, 1, chunk);
	}
}

static bool naive_all(const struct both *b, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!b->item[first + i])
			return false;
	return true;
}

static uint32_t naive_count(const struct both *b)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < ITEMS; i++)
		count += b->item[i];
	return count;
}

static uint32_t naive_find(const struct both *b, unsigned int order)
{
	for (uint32_t first = 0; first < ITEMS; first += 1u << order)
		if (naive_all(b, first, 1u << order))
			return first;
	return QI_NO_ITEM;
}

static void check_same(const struct both *b)
{
	for (uint32_t i = 0; i < ITEMS; i++)
		assert_int_equal(qi_bits_test(&b->bits, i), b->item[i]);
	assert_int_equal(qi_bits_count(&b->bits), naive_count(b));
}

static void test_ranges(const struct qt_param *param)
{
	struct qt_random r = qt_random_seed(1);
	struct both b;

	(void)param;
	random_set(&b, &r);
	for (int i = 0; i < 20000; i++) {
		uint32_t first, count;

		random_range(&r, &first, &count);
		if (qt_random_one_in(&r, 2)) {
			qi_bits_set(&b.bits, first, count);
			memset(b.item + first, 1, count);
		} else {
			qi_bits_clear(&b.bits, first, count);
			memset(b.item + first, 0, count);
		}
		random_range(&r, &first, &count);
		assert_int_equal(qi_bits_all_set(&b.bits, first, count),
				 naive_all(&b, first, count));
		if (i % 16 == 0)
			check_same(&b);
	}
}

static void test_any(const struct qt_param *param)
{
	struct qt_random r = qt_random_seed(2);

	(void)param;
	for (int i = 0; i < 20000; i++) {
		uint32_t first, count, lone = qt_random_below(&r, ITEMS);
		struct qi_bits bits;

		qi_bits_clear_all(&bits);
		qi_bits_set_one(&bits, lone);
		random_range(&r, &first, &count);
		assert_int_equal(qi_bits_any_set(&bits, first, count),
				 lone >= first && lone - first < count);
	}
}

static void test_find_and_largest(const struct qt_param *param)
{
	struct qt_random r = qt_random_seed(3);

	(void)param;
	for (int i = 0; i < 20000; i++) {
		unsigned int largest = 0;
		struct both b;

		random_set(&b, &r);
		for (unsigned int order = 0; order <= QI_UNIT_ORDER; order++) {
			uint32_t found = naive_find(&b, order);

			assert_int_equal(qi_bits_find(&b.bits, order), found);
			if (found != QI_NO_ITEM)
				largest = order;
		}
		if (naive_count(&b) > 0)
			assert_int_equal(qi_bits_largest(&b.bits), largest);
	}
}

/* The largest aligned free block around any free block. */
static void test_merged(const struct qt_param *param)
{
	struct qt_random r = qt_random_seed(4);

	(void)param;
	for (int i = 0; i < 20000; i++) {
		unsigned int order = qt_random_below(&r, 4), expected = order;
		uint32_t first;
		struct both b;

		random_set(&b, &r);
		first = qt_random_below(&r, ITEMS) & ~((1u << order) - 1);
		qi_bits_set(&b.bits, first, 1u << order);
		memset(b.item + first, 1, 1u << order);
		while (expected < QI_UNIT_ORDER &&
		       naive_all(&b, first & ~((2u << expected) - 1), 2u << expected))
			expected++;
		assert_int_equal(qi_bits_merged(&b.bits, first, order), expected);
	}
}

static void test_take_lowest_first(const struct qt_param *param)
{
	struct qt_random r = qt_random_seed(5);
	uint32_t out[ITEMS + 1];

	(void)param;
	for (int i = 0; i < 20000; i++) {
		uint32_t want = 1 + qt_random_below(&r, qt_random_one_in(&r, 2) ? 64 : ITEMS), got;
		uint32_t expected = 0, base = qt_random_below(&r, 1u << 20) * ITEMS, next = 0;
		struct both b;

		random_set(&b, &r);
		expected = naive_count(&b) < want ? naive_count(&b) : want;
		memset(out, 0xee, sizeof(out));
		got = qi_bits_take(&b.bits, want, base, out);
		assert_int_equal(got, expected);
		for (uint32_t j = 0; j < got; j++, next++) {
			while (!b.item[next])
				next++;
			assert_int_equal(out[j], base + next);
			b.item[next] = false;
		}
		assert_int_equal(out[got], 0xeeeeeeee);
		check_same(&b);
	}
}

static void test_move_lowest_first(const struct qt_param *param)
{
	struct qt_random r = qt_random_seed(7);
	uint32_t out[ITEMS + 1];

	(void)param;
	for (int i = 0; i < 20000; i++) {
		uint32_t want = 1 + qt_random_below(&r, ITEMS), next = 0, expected;
		struct qi_bits moved;
		struct both b;

		random_set(&b, &r);
		expected = naive_count(&b) < want ? naive_count(&b) : want;
		memset(&moved, 0xee, sizeof(moved));
		assert_int_equal(qi_bits_move(&b.bits, want, &moved), expected);
		assert_int_equal(qi_bits_count(&moved), expected);
		memset(out, 0xee, sizeof(out));
		assert_int_equal(qi_bits_write(&moved, ITEMS, out), expected);
		assert_int_equal(out[expected], 0xeeeeeeee);
		for (uint32_t j = 0; j < expected; j++, next++) {
			while (!b.item[next])
				next++;
			assert_int_equal(out[j], ITEMS + next);
			b.item[next] = false;
		}
		check_same(&b);
	}
}

/* Ones beside each other take another way than others. */
static void test_stretches_of_words(const struct qt_param *param)
{
	uint32_t out[65];

	(void)param;
	for (uint32_t first = 0; first < 64; first++)
		for (uint32_t count = 1; first + count <= 64; count++) {
			uint64_t word = qi_word_mask(first, count);

			memset(out, 0xee, sizeof(out));
			assert_int_equal(qi_word_write(word, 1000, out), count);
			for (uint32_t i = 0; i < count; i++)
				assert_int_equal(out[i], 1000 + first + i);
			assert_int_equal(out[count], 0xeeeeeeee);
			for (uint32_t want = 1; want < count; want++) {
				struct qi_bits bits = { { 0, 0, word } }, moved;

				assert_int_equal(qi_bits_move(&bits, want, &moved), want);
				assert_true(moved.word[2] == qi_word_mask(first, want));
				assert_true(bits.word[2] == (word ^ moved.word[2]));
			}
		}
	assert_int_equal(qi_word_write(0, 1000, out), 0);
}

static void test_words(const struct qt_param *param)
{
	struct qt_random r = qt_random_seed(6);

	(void)param;
	for (int i = 0; i < 20000; i++) {
		uint64_t word = qt_random_next(&r) & qt_random_next(&r);

		assert_int_equal(qi_word_count(word), __builtin_popcountll(word));
	}
	assert_int_equal(qi_word_count(0), 0);
	assert_int_equal(qi_word_count(UINT64_MAX), 64);
	for (uint32_t first = 0; first < 64; first++)
		for (uint32_t count = 1; first + count <= 64; count++)
			for (uint32_t bit = 0; bit < 64; bit++)
				assert_int_equal((qi_word_mask(first, count) >> bit) & 1,
						 bit >= first && bit < first + count);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(ranges),
		QT_TEST(any),
		QT_TEST(find_and_largest),
		QT_TEST(merged),
		QT_TEST(take_lowest_first),
		QT_TEST(move_lowest_first),
		QT_TEST(stretches_of_words),
		QT_TEST(words),
	};

	return QT_RUN_ONCE(tests);
}
