/* SPDX-License-Identifier: MIT */
/*
 * The world that sections are tried in: lists, records, an area and scratch of the test's own, and
 * beside each what it must be. No kernel takes part and nothing but the C library is needed.
 */
#ifndef QT_SECTIONS_WORLD_H
#define QT_SECTIONS_WORLD_H

#include "cache/list.h"
#include "random.h"

enum {
	NR_CPUS = 3,
	CAPACITY = 80, /* more than a batch, so that batches begin anywhere */
	WORDS = CAPACITY + QP_LIST_SLACK + 16, /* of slots, the last ones nobody's */
	SCRATCH = QP_BATCH_MAX + 16,
	EIGHT = 8, /* pages of one register */
	BLANK = 0x5eed,
};

union list {
	struct qp_list list;
	unsigned char bytes[sizeof(struct qp_list) + WORDS * sizeof(uint32_t)];
};

/* One CPU's record, as far as sections know it: the lists of biased sections and of shared ones. */
struct record {
	_Alignas(1 << QP_PCP_SHIFT) uintptr_t lp;
	uintptr_t shared_lp;
};

/* As the kernel has it; sections know cpu_id and rseq_cs. */
struct area {
	uint32_t cpu_id_start;
	uint32_t cpu_id;
	uint64_t rseq_cs;
	uint32_t flags;
	uint32_t later[11];
};

struct descriptor {
	uint32_t version;
	uint32_t flags;
	uint64_t start, length, abort;
};

extern struct record records[NR_CPUS];
extern union list lists[NR_CPUS];
extern struct area area;
extern uint32_t scratch[SCRATCH];

/* What all of these must be. */
extern struct record model_records[NR_CPUS];
extern union list model_lists[NR_CPUS];
extern struct area model_area;
extern uint32_t model_scratch[SCRATCH];

extern const uint32_t nr_cpus;
extern uint32_t next_pfn;
extern bool failed;
/* Which sections are tried: the shared ones, or the biased. */
extern bool shared;

#define CHECK(good, ...) check(good, __FILE__, __LINE__, __VA_ARGS__)

/* Says what is wrong, once a test. */
__attribute__((format(printf, 4, 5))) bool check(bool good, const char *file, int line,
						 const char *format, ...);

/* From here on the sections of this thread use the test's own area. */
void take_over(void);
/* From now on sections of this kind find the list, and the others the closed one. */
void show(uint32_t cpu, struct qp_list *list);
/* From now on all sections find the closed list. */
void hide(uint32_t cpu);
/* What sections of this kind find. */
struct qp_list *shown(uint32_t cpu);
uint32_t count_of(const struct qp_list *list);
void set_list(struct qp_list *list, uint64_t ops, uint32_t count, uint32_t low, uint32_t high);
/*
 * All that is not said of CPU 0's list here may be anything that is within bounds. Each list is shown
 * to the sections of this kind.
 */
void set_world(struct qt_random *r, uint32_t count, uint32_t low, uint32_t high);
/* Whether all is as the model says. */
void check_world(void);

#endif /* QT_SECTIONS_WORLD_H */
