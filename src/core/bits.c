/* SPDX-License-Identifier: MIT */
/*
 * 512-bit sets. Free blocks of order k inside a word are found by folding: bit i of fold k says
 * that the 2^k items from i on are all free, and only multiples of 2^k are kept. After six folds
 * bit 0 of a word stands for its 64 items; the eight of them make a byte, folded three times more
 * for orders 7 to 9.
 */
#include "core/bits.h"
#include "port/port.h"

enum {
	WORD_ORDER = 6, /* a word is a block of 2^6 items */
};

static const uint64_t aligned_starts[WORD_ORDER + 1] = {
	UINT64_C(0xffffffffffffffff), UINT64_C(0x5555555555555555), UINT64_C(0x1111111111111111),
	UINT64_C(0x0101010101010101), UINT64_C(0x0001000100010001), UINT64_C(0x0000000100000001),
	UINT64_C(0x0000000000000001),
};

static const uint32_t aligned_words[] = { 0xff, 0x55, 0x11, 0x01 };

static inline uint64_t fold(uint64_t word, unsigned int order)
{
	return word & (word >> (1u << (order - 1))) & aligned_starts[order];
}

static uint64_t fold_to(uint64_t word, unsigned int order)
{
	for (unsigned int k = 1; k <= order; k++)
		word = fold(word, k);
	return word;
}

/* Bit i: blocks of 2^(order - 6) words, all free, begin at word i. */
static uint32_t full_words(const struct qi_bits *bits, unsigned int order)
{
	uint32_t full = 0;

	for (uint32_t i = 0; i < QI_UNIT_WORDS; i++)
		full |= (uint32_t)(bits->word[i] == ~UINT64_C(0)) << i;
	for (unsigned int k = 1; k <= order - WORD_ORDER; k++)
		full &= (full >> (1u << (k - 1))) & aligned_words[k];
	return full;
}

void qi_bits_set_all(struct qi_bits *bits)
{
	for (uint32_t i = 0; i < QI_UNIT_WORDS; i++)
		bits->word[i] = ~UINT64_C(0);
}

void qi_bits_clear_all(struct qi_bits *bits)
{
	for (uint32_t i = 0; i < QI_UNIT_WORDS; i++)
		bits->word[i] = 0;
}

/* The part of [first, first + count) that lies in the word of first. */
static inline uint32_t in_this_word(uint32_t first, uint32_t count)
{
	uint32_t room = 64 - (first & 63);

	return count < room ? count : room;
}

void qi_bits_set(struct qi_bits *bits, uint32_t first, uint32_t count)
{
	for (uint32_t step; count > 0; first += step, count -= step) {
		step = in_this_word(first, count);
		bits->word[first >> 6] |= qi_word_mask(first & 63, step);
	}
}

void qi_bits_clear(struct qi_bits *bits, uint32_t first, uint32_t count)
{
	for (uint32_t step; count > 0; first += step, count -= step) {
		step = in_this_word(first, count);
		bits->word[first >> 6] &= ~qi_word_mask(first & 63, step);
	}
}

bool qi_bits_all_set(const struct qi_bits *bits, uint32_t first, uint32_t count)
{
	for (uint32_t step; count > 0; first += step, count -= step) {
		uint64_t mask;

		step = in_this_word(first, count);
		mask = qi_word_mask(first & 63, step);
		if ((bits->word[first >> 6] & mask) != mask)
			return false;
	}
	return true;
}

bool qi_bits_any_set(const struct qi_bits *bits, uint32_t first, uint32_t count)
{
	for (uint32_t step; count > 0; first += step, count -= step) {
		step = in_this_word(first, count);
		if ((bits->word[first >> 6] & qi_word_mask(first & 63, step)) != 0)
			return true;
	}
	return false;
}

uint32_t qi_bits_count(const struct qi_bits *bits)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < QI_UNIT_WORDS; i++)
		count += qi_word_count(bits->word[i]);
	return count;
}

static unsigned int largest_of_words(uint32_t full)
{
	unsigned int order = WORD_ORDER;

	for (unsigned int k = 1; k <= QI_UNIT_ORDER - WORD_ORDER; k++) {
		full &= (full >> (1u << (k - 1))) & aligned_words[k];
		if (full == 0)
			break;
		order++;
	}
	return order;
}

unsigned int qi_bits_largest(const struct qi_bits *bits)
{
	uint32_t full = full_words(bits, WORD_ORDER);
	struct qi_bits folded = *bits;

	if (full != 0)
		return largest_of_words(full);
	for (unsigned int order = 1; order < WORD_ORDER; order++) {
		uint64_t any = 0;

		for (uint32_t i = 0; i < QI_UNIT_WORDS; i++) {
			folded.word[i] = fold(folded.word[i], order);
			any |= folded.word[i];
		}
		if (any == 0)
			return order - 1;
	}
	return WORD_ORDER - 1;
}

uint32_t qi_bits_find(const struct qi_bits *bits, unsigned int order)
{
	if (order >= WORD_ORDER) {
		uint32_t full = full_words(bits, order);

		return full == 0 ? QI_NO_ITEM : (uint32_t)__builtin_ctz(full) * 64;
	}
	for (uint32_t i = 0; i < QI_UNIT_WORDS; i++) {
		uint64_t starts = fold_to(bits->word[i], order);

		if (starts != 0)
			return i * 64 + (uint32_t)__builtin_ctzll(starts);
	}
	return QI_NO_ITEM;
}

unsigned int qi_bits_merged(const struct qi_bits *bits, uint32_t first, unsigned int order)
{
	first &= ~((1u << order) - 1);
	for (; order < QI_UNIT_ORDER; order++) {
		uint32_t buddy = first ^ (1u << order);

		if (!qi_bits_all_set(bits, buddy, 1u << order))
			break;
		first &= ~(1u << order);
	}
	return order;
}

/* Whether the ones of a word, which has some, are beside each other. */
static inline bool is_stretch(uint64_t word)
{
	word >>= __builtin_ctzll(word);
	return (word & (word + 1)) == 0;
}

/* Low want bits of word; more than want are set. */
static uint64_t lowest_bits(uint64_t word, uint32_t want)
{
	uint64_t rest = word;

	if (is_stretch(word))
		return qi_word_mask((uint32_t)__builtin_ctzll(word), want);
	for (uint32_t i = 0; i < want; i++)
		rest &= rest - 1;
	return word & ~rest;
}

uint32_t qi_word_write(uint64_t word, uint32_t base, uint32_t *out)
{
	uint32_t count = 0;

	if (word == 0)
		return 0;
	if (is_stretch(word)) {
		uint32_t n = qi_word_count(word);

		base += (uint32_t)__builtin_ctzll(word);
		for (; count < n; count++)
			out[count] = base + count;
		return n;
	}
	for (; word != 0; word &= word - 1)
		out[count++] = base + (uint32_t)__builtin_ctzll(word);
	return count;
}

uint32_t qi_bits_write(const struct qi_bits *bits, uint32_t base, uint32_t *out)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < QI_UNIT_WORDS; i++)
		count += qi_word_write(bits->word[i], base + i * 64, out + count);
	return count;
}

/* The lowest want (>= 1) items of one word, or all, if fewer. */
static inline uint64_t take_from_word(uint64_t *word, uint32_t want)
{
	uint64_t taken = *word;

	if (want < 64 && qi_word_count(taken) > want)
		taken = lowest_bits(taken, want);
	*word &= ~taken;
	return taken;
}

uint32_t qi_bits_take(struct qi_bits *bits, uint32_t want, uint32_t base, uint32_t *out)
{
	uint32_t got = 0;

	for (uint32_t i = 0; i < QI_UNIT_WORDS && got < want; i++)
		if (bits->word[i] != 0)
			got += qi_word_write(take_from_word(&bits->word[i], want - got),
					     base + i * 64, out + got);
	return got;
}

uint32_t qi_bits_move(struct qi_bits *bits, uint32_t want, struct qi_bits *out)
{
	uint32_t got = 0;

	for (uint32_t i = 0; i < QI_UNIT_WORDS; i++) {
		out->word[i] = got < want ? take_from_word(&bits->word[i], want - got) : 0;
		got += qi_word_count(out->word[i]);
	}
	return got;
}
