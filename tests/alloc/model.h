/* SPDX-License-Identifier: MIT */
/*
 * A slow and obviously right model of an instance: what each pfn is, and nothing else. A free block
 * is simply an aligned run of free pages inside one region; whether one exists is found by looking.
 */
#ifndef QT_MODEL_H
#define QT_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum model_kind {
	MODEL_NONE, /* no page has this pfn */
	MODEL_FREE,
	MODEL_HEAD, /* first page of a held block */
	MODEL_TAIL, /* another page of it */
	MODEL_RESERVED,
};

#define MODEL_MAX_REGIONS 8
#define MODEL_ANY_REGION (-1)

struct model {
	uint32_t nr_pfns;
	uint8_t *kind; /* of each pfn: enum model_kind */
	uint8_t *order; /* of each head */
	uint32_t *place; /* of each head: where it stands in heads */
	uint32_t *heads; /* the held blocks, in no order */
	uint32_t nr_heads;
	uint64_t nr_held; /* pages */
	uint64_t nr_free;
	uint64_t nr_reserved;
	unsigned int nr_regions;
	struct model_region {
		uint32_t first, pages;
		uint64_t nr_free;
	} region[MODEL_MAX_REGIONS];
};

/* nr_pfns: every pfn will be below it. False: no memory. */
bool model_init(struct model *m, uint32_t nr_pfns);
void model_end(struct model *m);
void model_add_region(struct model *m, uint32_t first, uint32_t pages);

/* Index of the region of a pfn, or MODEL_ANY_REGION. */
int model_region_of(const struct model *m, uint32_t pfn);

/* Aligned free blocks of that order, in one region or in all: how many could be had at once. */
uint64_t model_count_blocks(const struct model *m, unsigned int order, int region);
/* Blocks of 512 pages that are wholly free. */
uint64_t model_free_pageblocks(const struct model *m);

/* A block was handed out: false if it is misaligned, not inside a region, or not wholly free. */
bool model_take(struct model *m, uint32_t pfn, unsigned int order);
/* What freeing pfn must return: 0 or a negative error. */
int model_free_error(const struct model *m, uint32_t pfn);
/* The held block at pfn is free now. */
void model_give(struct model *m, uint32_t pfn);
void model_split(struct model *m, uint32_t pfn);

/* Whether all of a range is of one kind. */
bool model_all(const struct model *m, uint32_t pfn, uint32_t n, enum model_kind kind);
/* Turn a range of free pages into reserved ones, or back. */
void model_reserve(struct model *m, uint32_t pfn, uint32_t n);
void model_unreserve(struct model *m, uint32_t pfn, uint32_t n);

#endif /* QT_MODEL_H */
