/* SPDX-License-Identifier: MIT */
/*
 * Sets of 512 items as eight words; 1 = free. The items are the pages of a pageblock or, one level
 * up, the pageblocks of a superblock: both levels run on this code. A block of order k is a run of
 * 2^k items that begins at a multiple of 2^k. Plain memory: the caller's lock protects it.
 */
#ifndef QI_CORE_BITS_H
#define QI_CORE_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define QI_UNIT_ORDER 9u
#define QI_UNIT_ITEMS 512u
#define QI_UNIT_WORDS 8u
#define QI_NO_ITEM UINT32_MAX

/* One cache line. */
struct qi_bits {
	uint64_t word[QI_UNIT_WORDS];
};

/* count = 1 to 64 ones from bit first of a word on; first + count <= 64. */
static inline uint64_t qi_word_mask(uint32_t first, uint32_t count)
{
	return (~UINT64_C(0) >> (64 - count)) << first;
}

/*
 * Ones in a word. By hand: without a machine option the compiler would call its library, which the
 * core has not.
 */
static inline uint32_t qi_word_count(uint64_t word)
{
	word -= (word >> 1) & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + ((word >> 2) & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)((word * UINT64_C(0x0101010101010101)) >> 56);
}

static inline bool qi_bits_test(const struct qi_bits *bits, uint32_t item)
{
	return (bits->word[item >> 6] >> (item & 63)) & 1;
}

static inline void qi_bits_set_one(struct qi_bits *bits, uint32_t item)
{
	bits->word[item >> 6] |= UINT64_C(1) << (item & 63);
}

void qi_bits_set_all(struct qi_bits *bits);
void qi_bits_clear_all(struct qi_bits *bits);
/* Items first to first + count - 1; count >= 1. */
void qi_bits_set(struct qi_bits *bits, uint32_t first, uint32_t count);
void qi_bits_clear(struct qi_bits *bits, uint32_t first, uint32_t count);
bool qi_bits_all_set(const struct qi_bits *bits, uint32_t first, uint32_t count);
bool qi_bits_any_set(const struct qi_bits *bits, uint32_t first, uint32_t count);
uint32_t qi_bits_count(const struct qi_bits *bits);

/* Largest order of which a free block exists; the set must not be empty. */
unsigned int qi_bits_largest(const struct qi_bits *bits);

/* First item of the lowest free block of that order, or QI_NO_ITEM. */
uint32_t qi_bits_find(const struct qi_bits *bits, unsigned int order);

/* Order of the largest free block that contains the free block at first of that order. */
unsigned int qi_bits_merged(const struct qi_bits *bits, uint32_t first, unsigned int order);

/*
 * Clear the lowest want items that are set (or all, if fewer) and write base + item of each,
 * ascending; how many.
 */
uint32_t qi_bits_take(struct qi_bits *bits, uint32_t want, uint32_t base, uint32_t *out);

/* The same, from one set into another, which has no others then. */
uint32_t qi_bits_move(struct qi_bits *bits, uint32_t want, struct qi_bits *out);

/* Write base + item of each item of a set, ascending; how many. */
uint32_t qi_bits_write(const struct qi_bits *bits, uint32_t base, uint32_t *out);

/* Write base + the number of each bit of a word that is set, ascending; how many. */
uint32_t qi_word_write(uint64_t word, uint32_t base, uint32_t *out);

#endif /* QI_CORE_BITS_H */
