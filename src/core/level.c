/* SPDX-License-Identifier: MIT */
#include "core/level.h"
#include "port/port.h"

void qi_bins_init(struct qi_bins *bins)
{
	for (uint32_t bin = 0; bin < QI_NR_BINS; bin++)
		bins->first[bin] = QI_NO_UNIT;
	bins->filled = 0;
}

static uint8_t bin_for(const struct qi_unit *unit)
{
	unsigned int order = unit->state - (unsigned int)QI_UNIT_ORDER_0;
	uint32_t nr_free;

	if (unit->state <= QI_UNIT_FULL)
		return QI_NO_BIN;
	if (order > 0)
		return (uint8_t)(QI_BIN_ORDER_1 + order - 1);
	nr_free = qi_unit_free(unit);
	return (uint8_t)((nr_free >= 4) + (nr_free >= 16) + (nr_free >= 64));
}

static void unlink_unit(struct qi_level *level, struct qi_bins *bins, uint32_t index)
{
	struct qi_unit *unit = &level->units[index];

	if (unit->bin == QI_NO_BIN)
		return;
	if (unit->next != QI_NO_UNIT)
		level->units[unit->next].prev = unit->prev;
	if (unit->prev != QI_NO_UNIT)
		level->units[unit->prev].next = unit->next;
	else
		bins->first[unit->bin] = unit->next;
	if (bins->first[unit->bin] == QI_NO_UNIT)
		bins->filled &= ~(1u << unit->bin);
	unit->bin = QI_NO_BIN;
}

static void link_unit(struct qi_level *level, struct qi_bins *bins, uint32_t index, uint8_t bin)
{
	struct qi_unit *unit = &level->units[index];

	unit->bin = bin;
	if (bin == QI_NO_BIN)
		return;
	unit->prev = QI_NO_UNIT;
	unit->next = bins->first[bin];
	if (unit->next != QI_NO_UNIT)
		level->units[unit->next].prev = index;
	bins->first[bin] = index;
	bins->filled |= 1u << bin;
}

static void refile(struct qi_level *level, struct qi_bins *bins, uint32_t index)
{
	struct qi_unit *unit = &level->units[index];
	uint8_t bin = bin_for(unit);

	if (bin == unit->bin)
		return;
	unlink_unit(level, bins, index);
	link_unit(level, bins, index, bin);
}

static void set_largest(struct qi_level *level, uint32_t index)
{
	struct qi_unit *unit = &level->units[index];

	if (qi_unit_free(unit) == 0)
		unit->state = QI_UNIT_FULL;
	else
		unit->state = (uint8_t)(QI_UNIT_ORDER_0 + qi_bits_largest(&level->bits[index]));
}

/* After items have been taken. */
static void took(struct qi_level *level, struct qi_bins *bins, uint32_t index, uint32_t count)
{
	struct qi_unit *unit = &level->units[index];

	qi_unit_set_free(unit, qi_unit_free(unit) - count);
	set_largest(level, index);
	refile(level, bins, index);
}

void qi_level_open(struct qi_level *level, struct qi_bins *bins, uint32_t index,
		   const struct qi_bits *free)
{
	struct qi_unit *unit = &level->units[index];

	unit->bin = QI_NO_BIN;
	if (free != NULL) {
		level->bits[index] = *free;
		qi_unit_set_free(unit, qi_bits_count(free));
		set_largest(level, index);
	} else {
		qi_bits_set_all(&level->bits[index]);
		qi_unit_set_free(unit, QI_UNIT_ITEMS);
		unit->state = QI_UNIT_ORDER_0 + QI_UNIT_ORDER;
	}
	refile(level, bins, index);
}

void qi_level_close(struct qi_level *level, struct qi_bins *bins, uint32_t index)
{
	unlink_unit(level, bins, index);
	level->units[index].state = QI_UNIT_CLOSED;
}

uint32_t qi_level_choose(const struct qi_bins *bins, unsigned int order, uint32_t want)
{
	uint32_t singles = bins->filled & ((1u << QI_BIN_ORDER_1) - 1);
	uint32_t will_do = bins->filled;

	if (order > 0)
		will_do &= ~UINT32_C(0) << (QI_BIN_ORDER_1 + order - 1);
	else if (singles != 0 && want > 1)
		return bins->first[31 - __builtin_clz(singles)];
	if (will_do == 0)
		return QI_NO_UNIT;
	return bins->first[__builtin_ctz(will_do)];
}

uint32_t qi_level_take_items(struct qi_level *level, struct qi_bins *bins, uint32_t unit,
			     uint32_t want, uint32_t base, uint32_t *out)
{
	uint32_t got = qi_bits_take(&level->bits[unit], want, base, out);

	took(level, bins, unit, got);
	return got;
}

uint32_t qi_level_move_items(struct qi_level *level, struct qi_bins *bins, uint32_t unit,
			     uint32_t want, struct qi_bits *out)
{
	uint32_t got = qi_bits_move(&level->bits[unit], want, out);

	took(level, bins, unit, got);
	return got;
}

uint32_t qi_level_take_block(struct qi_level *level, struct qi_bins *bins, uint32_t unit,
			     unsigned int order)
{
	uint32_t first = qi_bits_find(&level->bits[unit], order);

	if (first == QI_NO_ITEM)
		qp_panic("a unit does not have the block that its bin promises");
	qi_level_take_range(level, bins, unit, first, 1u << order);
	return first;
}

void qi_level_take_range(struct qi_level *level, struct qi_bins *bins, uint32_t unit,
			 uint32_t first, uint32_t count)
{
	qi_bits_clear(&level->bits[unit], first, count);
	took(level, bins, unit, count);
}

unsigned int qi_level_added(struct qi_level *level, uint32_t index, uint32_t count)
{
	struct qi_unit *unit = &level->units[index];

	qi_unit_set_free(unit, qi_unit_free(unit) + count);
	return qi_bits_largest(&level->bits[index]);
}

unsigned int qi_level_add(struct qi_level *level, uint32_t index, uint32_t first, uint32_t count)
{
	struct qi_bits *bits = &level->bits[index];
	struct qi_unit *unit = &level->units[index];

	if (count == 1) {
		qi_unit_set_free(unit, qi_unit_free(unit) + 1);
		qi_bits_set_one(bits, first);
		return qi_bits_merged(bits, first, 0);
	}
	qi_bits_set(bits, first, count);
	return qi_level_added(level, index, count);
}

void qi_level_file(struct qi_level *level, struct qi_bins *bins, uint32_t index,
		   unsigned int merged)
{
	struct qi_unit *unit = &level->units[index];

	if (unit->state < QI_UNIT_ORDER_0 + merged)
		unit->state = (uint8_t)(QI_UNIT_ORDER_0 + merged);
	refile(level, bins, index);
}

bool qi_level_unit_valid(const struct qi_level *level, uint32_t index, bool may_be_whole)
{
	const struct qi_unit *unit = &level->units[index];
	const struct qi_bits *bits = &level->bits[index];

	if (unit->state == QI_UNIT_CLOSED)
		return true;
	if (qi_unit_free(unit) != qi_bits_count(bits) || unit->bin != bin_for(unit))
		return false;
	if (qi_unit_free(unit) == 0)
		return unit->state == QI_UNIT_FULL;
	if (qi_unit_free(unit) == QI_UNIT_ITEMS && !may_be_whole)
		return false;
	return unit->state == QI_UNIT_ORDER_0 + qi_bits_largest(bits);
}
