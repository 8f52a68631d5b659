/* SPDX-License-Identifier: MIT */
/*
 * What sections work on: the lists of one CPU. Laid out here, in the lowest layer, because the
 * assembly of the ports knows every offset; the algorithms are in cache/.
 *
 * A list's header is one word, and storing it is what commits a section:
 *
 *	bits 0 to 15	count: slots [0, count) hold free pages; the last one goes out first
 *	bit 16		closed: the list is idle, and nobody may push or pop
 *	bits 17 to 63	ops: pages that ever went in or came out, modulo 2^47
 *
 * A commit of n pages changes count by n and adds n to ops, so every commit makes a new value, and
 *
 *	pages pushed ever = (ops + count) / 2		pages popped ever = (ops - count) / 2
 */
#ifndef QI_PORT_LISTS_H
#define QI_PORT_LISTS_H

#define QP_COUNT_MASK UINT64_C(0xffff)
#define QP_CLOSED (UINT64_C(1) << 16)
#define QP_OPS_SHIFT 17
#define QP_PUSHED_ONE ((UINT64_C(1) << QP_OPS_SHIFT) + 1)
#define QP_POPPED_ONE ((UINT64_C(1) << QP_OPS_SHIFT) - 1)

enum {
	QP_LIST_MAX = 2048, /* slots */
	QP_BATCH_MAX = 64, /* pages of one batch section */
	QP_LIST_SLACK = 32, /* slots behind the last, which sections may touch in passing */
};

/*
 * The limits are hints to each request that reads them: written by anybody, and never above
 * capacity.
 */
struct qp_list {
	_Atomic uint64_t header;
	_Atomic uint32_t high; /* most pages; 0: nothing may be pushed */
	_Atomic uint32_t low; /* normal requests leave this many; below, they refill */
	uint32_t capacity; /* slots; constant */
	_Alignas(QP_CACHE_LINE) uint32_t slots[];
};

/*
 * The first words of a CPU's record, of which there is one each 2^QP_PCP_SHIFT bytes: the address of
 * the list that its sections work on, and of the one that its shared sections do (port/shared.h). One
 * of them is its live list, the other, or both while the lists are to be left alone, one that is
 * empty and full at once, with count, high and low all 0. Every section leaves it by a test that it
 * makes in any list, and the slow path asks why.
 */
enum {
	QP_PCP_SHIFT = 8,
};

_Static_assert(offsetof(struct qp_list, header) == 0, "known to assembly");
_Static_assert(offsetof(struct qp_list, high) == 8, "known to assembly");
_Static_assert(offsetof(struct qp_list, low) == 12, "known to assembly");
_Static_assert(offsetof(struct qp_list, slots) == 64, "known to assembly");

/*
 * Numbers of processes are multiples of this, and never 0. A key of a process is its number, with
 * whatever its user has in the bits below.
 */
enum {
	QP_PROCESS_STEP = 64,
	QP_KEY_MASK = QP_PROCESS_STEP - 1,
};

/*
 * What a section returns when it has done nothing. No pfn and no count is as large.
 */
#define QP_LEFT UINT32_C(0xfffffff0) /* every one of these is at least this */
#define QP_SHORT UINT32_C(0xfffffff1) /* nothing above the mark, or no room below high */
#define QP_NO_CPU UINT32_C(0xfffffff2) /* this CPU has no list, or nobody knows which it is */
#define QP_ABORTED UINT32_C(0xfffffff3) /* interrupted: try again */
#define QP_STRANGER UINT32_C(0xfffffff4) /* said in front of sections: the thread is not known */

#endif /* QI_PORT_LISTS_H */
