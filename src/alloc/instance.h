/* SPDX-License-Identifier: MIT */
/* The instance: what the layers below need, and what the calls above them add. */
#ifndef QI_ALLOC_INSTANCE_H
#define QI_ALLOC_INSTANCE_H

#include "alloc/ready.h"
#include "alloc/vector.h"
#include "core/text.h"

#include <quire/quire.h>

/* Who is told of refused calls; an instance's, or a config's before there is one. */
struct qi_reporter {
	quire_report_fn *report; /* NULL: the port's */
	void *context;
	_Atomic uint32_t nr_lines; /* given to the port so far */
};

/* Constant after creation unless said otherwise. */
struct quire {
	/* read by every call */
	struct qi_ready ready;
	uint32_t aids;
	_Atomic uint32_t nr_high; /* held blocks of orders above 0 */
	_Atomic uint32_t nr_unmapped; /* regions without a CPU mapping */
	uint32_t flags;
	const struct qi_vector *vector; /* for whole batches */
	struct qi_range by_address; /* the only region, where ready says that there is one */
	struct qi_range by_offset;
	struct qi_front front;
	struct qi_space space;
	/* the rest */
	uint32_t asked; /* enum quire_cache */
	uint32_t idle_ms; /* between passes of ticker; by region_lock */
	const char *reason;
	size_t metadata_bytes;
	size_t list_bytes;
	void *mapping; /* from the port, to be unmapped; NULL: the caller's buffer */
	size_t mapping_bytes;
	/* adding regions; modes of CPUs, limits of their lists; starting and ending ticker */
	struct qp_lock region_lock;
	struct qp_ticker ticker; /* passes over idle lists */
	_Atomic uint32_t claim_taken; /* 1: some request has the turn; see alloc/claim.c */
	_Atomic uint32_t claim_progress; /* batches claimed or collected, by whoever has it */
	struct qi_reporter reporter;
	struct qp_fork_link fork_link;
	_Atomic uint32_t notes; /* bit of each note already given */
	_Atomic uint64_t nr_reserved;
	_Atomic uint64_t nr_slow;
	_Atomic uint64_t nr_failures;
	_Atomic uint64_t nr_bad_frees;
	_Atomic uint64_t nr_bad_calls;
	/* space.state: here, so that single calls need not read where it is */
	_Alignas(QP_CACHE_LINE) qi_state states[];
};

_Static_assert(offsetof(struct quire, ready) == 0, "aligned as the instance is");
_Static_assert(sizeof(struct quire) == offsetof(struct quire, states), "laid out behind it");

static inline bool qi_alive(const struct quire *q)
{
	return q->ready.owner == qp_process();
}

static inline bool qi_checked(const struct quire *q)
{
	return q->ready.check != QUIRE_CHECK_OFF;
}

/* The word of takes whose form is no obstacle. */
static inline uint64_t qi_ready_take_word(const struct quire *q)
{
	if (q->front.ready_take != QI_FRONT_PCP)
		return 0;
	return qi_ready_make_word(&q->ready, qi_checked(q), q->ready.nr_cpus);
}

static inline bool qi_has_high(const struct quire *q)
{
	return atomic_load_explicit((_Atomic uint32_t *)&q->nr_high, memory_order_relaxed) > 0;
}

static inline bool qi_has_unmapped(const struct quire *q)
{
	return atomic_load_explicit((_Atomic uint32_t *)&q->nr_unmapped, memory_order_relaxed) > 0;
}

static inline bool qi_may_wait(quire_gfp gfp)
{
	return (gfp & (QUIRE_ATOMIC | QUIRE_NOWAIT)) == 0;
}

static inline uint64_t qi_page_bytes(const struct quire *q)
{
	return UINT64_C(1) << q->space.page_shift;
}

enum {
	QI_REPORT_BYTES = 320, /* of a report's text */
};

/* Notes, each given once. */
enum qi_note {
	QI_NOTE_ZERO_COUNT = 1,
};

/* Whether a page lies inside a held block that begins before it; *head, if not NULL, is where. */
bool qi_inside_block(const struct quire *q, uint32_t pfn, uint32_t *head);

/* alloc/report.c. All return error. Numbers for the format: QI_U(). */
int qi_refuse_config(struct qi_reporter *reporter, const char *call, int error, const char *format,
		     ...);
int qi_refuse(const struct quire *q, const char *call, int error, const char *format, ...);
int qi_refuse_dead(const struct quire *q, const char *call);
/*
 * A free of what is not a held block: why, found out from its state. address is what the caller
 * gave.
 */
int qi_refuse_free(const struct quire *q, const char *call, uint32_t pfn, uint64_t address);
/* A free of an address that is no page's, and why. */
enum qi_wrong {
	QI_INSIDE_PAGE,
	QI_BEYOND_REGION,
	QI_NO_REGION,
};

int qi_refuse_address(const struct quire *q, const char *call, enum qi_wrong wrong,
		      uint64_t address, const struct qi_region *region);
/* A CPU that has no list. */
int qi_refuse_cpu(const struct quire *q, const char *call, int cpu);
/* A result structure that is NULL, or whose size is not set; name is the argument's. */
int qi_refuse_result(const struct quire *q, const char *call, const char *name);
/* A free by offset into no region; a split of what is not a held block. */
int qi_refuse_free_region(const struct quire *q, const char *call, struct quire_region handle);
int qi_refuse_split(const struct quire *q, const char *call, uint32_t pfn);
void qi_note_once(const struct quire *q, enum qi_note note, const char *call, const char *text);

/* alloc/age.c: pages held, when the library's own thread has none in hand. */
size_t qi_held_at_rest(struct quire *q);

/* alloc/fork.c; alloc/recover.c: in the child, alone, after the locks have been released. */
void qi_fork_link_init(struct quire *q);
void qi_recover(struct quire *q);

#endif /* QI_ALLOC_INSTANCE_H */
