/* SPDX-License-Identifier: MIT */
/*
 * One CPU's lists, and the sections that run on it: what biased.pml, shared.pml, mode.pml and
 * divert.pml have in common. Steps are those of doc/sections.md, one atomic step each.
 *
 * The CPU's threads are one process here, the owner. They exclude each other: one of them is in a
 * section at a time, and whoever takes the CPU from it aborts it. So each attempt of any thread is
 * an attempt of the owner, which chooses anew what to do whenever it begins. What it pushes is any
 * page that is in no list: a page that a drain has taken out may come back at once. At each step
 * the owner may abort of itself, and when it is doomed it has to. It may also stall there for as
 * long as others like: that is how processes run here.
 *
 * Only a page that is in a list may be popped, or taken by a drain, and only one that is not may be
 * pushed. That is asserted at each commit, so a page that goes out twice is found at once. At the
 * end each page that is in a list must lie in one slot below its count, so a page that is lost is
 * found.
 */
#define NR_PAGES 2
#define CAPACITY 2 /* of a list */
#define CLOSED_LIST 2 /* lists are 0, 1 and this one, which is empty and full at once */

/* The header is one word, as it is in src/port/lists.h. */
#define COUNT(h) ((h) & 3)
#define CLOSED 4
#ifdef NO_OPS
#define PUSHED_ONE 1
#define POPPED_ONE (-1)
#else
#define PUSHED_ONE (8 + 1)
#define POPPED_ONE (8 - 1)
#endif

#define HIGH(list) ((list) == CLOSED_LIST -> 0 : CAPACITY)
#define SLOT(list, i) slot[(list) * CAPACITY + (i)]

/* The record of the CPU. */
byte lp;
byte shared_lp;
byte live; /* the other list is idle */

byte header[3];
byte slot[2 * CAPACITY];

bool inside; /* the owner is in a section */
bool doomed; /* and will be aborted: it was fenced */

/* Kept for the assertions alone. */
bool listed[NR_PAGES]; /* the page is in a list: there it was put by its last commit */
byte nr_closed; /* diverts that have ended and whose undivert has not begun */
byte nr_ended; /* processes */

#define IDLE (1 - live)

/* ---- The owner ------------------------------------------------------------------------------ */

inline choose_page()
{
	if
	:: !listed[0] -> page = 0
	:: !listed[1] -> page = 1
	fi
}

inline store_header()
{
	assert(nr_closed == 0);
	if
	:: pushes ->
		printf("owner: commits a push of page %d to list %d\n", page, list);
		assert(!listed[page]);
		listed[page] = true;
		header[list] = h + PUSHED_ONE
	:: else ->
		printf("owner: commits a pop of page %d from list %d\n", page, list);
		assert(listed[page]);
		listed[page] = false;
		header[list] = h + POPPED_ONE
	fi;
	left--
}

/* What a shared section does where a biased one does nothing: look at closed. */
#ifdef NO_LOOK
#define LEAVES false
#else
#define LEAVES (shared && (h & CLOSED))
#endif

proctype owner(byte left; bool has_biased, has_shared)
{
	byte list, h, page;
	bool pushes, shared;

begin:	atomic {
		inside = false;
		doomed = false;
		list = 0;
		h = 0;
		page = 0;
		pushes = false;
		shared = false
	}
	if
	:: left == 0 -> goto end
	:: left > 0 -> goto end
	:: atomic {
		left > 0 && has_biased -> /* find 2 */
		inside = true;
		list = lp;
		printf("owner: a section begins, lp is list %d\n", list)
	}
	:: atomic {
		left > 0 && has_shared ->
		inside = true;
		shared = true;
		list = shared_lp;
		printf("owner: a shared section begins, shared_lp is list %d\n", list)
	}
	fi;
	if /* find 3 */
	:: atomic {
		!doomed ->
		h = header[list];
		printf("owner: reads its header: count %d\n", COUNT(h))
	}
	:: goto begin /* interrupted */
	fi;
	if /* 4 and 5 */
	:: atomic {
		!doomed && COUNT(h) > 0 && !LEAVES ->
		page = SLOT(list, COUNT(h) - 1);
		printf("owner: reads its top slot: page %d\n", page)
	}
	:: atomic {
		!doomed && COUNT(h) < HIGH(list) && (!listed[0] || !listed[1]) && !LEAVES ->
		pushes = true;
		choose_page();
		SLOT(list, COUNT(h)) = page;
		printf("owner: writes page %d to its next slot\n", page)
	}
	:: goto begin /* SHORT, closed, or interrupted */
	fi;
	if /* the commit */
	:: atomic {
		!doomed ->
#ifdef PLAIN_COMMIT
		store_header()
#else
		if
		:: !shared || header[list] == h -> store_header()
		:: else
		fi
#endif
	}
	:: goto begin /* interrupted */
	fi;
	goto begin;
end:	nr_ended++
}

/* ---- The end -------------------------------------------------------------------------------- */

/* When all have ended. */
inline account()
{
	byte nr[NR_PAGES];
	byte l, i;

	assert(!(header[live] & CLOSED)); /* or no shared section could ever use it */
	d_step {
		for (l : 0 .. 1) {
			i = 0;
			do
			:: i < COUNT(header[l]) -> nr[SLOT(l, i)]++; i++
			:: else -> break
			od
		}
		for (i : 0 .. NR_PAGES - 1) {
			printf("in the end page %d is in %d slots\n", i, nr[i]);
			assert(nr[i] == (listed[i] -> 1 : 0))
		}
	}
}
