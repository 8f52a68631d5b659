/* SPDX-License-Identifier: MIT */
/*
 * A section and the model of it, side by side: both do it, all that they have left is compared, and
 * the model's result is returned. The sections are of the kind that is tried (`shared`).
 */
#ifndef QT_SECTIONS_TRY_H
#define QT_SECTIONS_TRY_H

#include "port/shared.h"
#include "sections_world.h"
#include "wide_calls.h"

uint32_t try_pop_one(void);
uint32_t try_push_one(void);
uint32_t try_pop_batch(bool to_low, uint32_t want);
uint32_t try_push_batch(uint32_t n);
/* By the fewest eights that hold n. */
uint32_t try_pop_wide(uint32_t n);
uint32_t try_push_wide(uint32_t n);
uint32_t eights_of(uint32_t n);

/* The sections alone. */
uint32_t section_pop_one(uint64_t *pfn);
uint32_t section_push_one(uint32_t pfn);
uint32_t section_pop(bool to_low, uint32_t want, uint32_t *pfns);
uint32_t section_push(uint32_t n, const uint32_t *pfns);

#endif /* QT_SECTIONS_TRY_H */
