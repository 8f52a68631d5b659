/* SPDX-License-Identifier: MIT */
/*
 * What those do who hold the drain lock of a CPU: src/cache/drain.c, with the steps of
 * doc/sections.md, for biased.pml, shared.pml, mode.pml and divert.pml. Their processes have: byte
 * found, taken; bool ok, stranded.
 */
#include "lists.pml"

/* Of the record, by drain_lock. */
bool drain_lock;
bool isolated; /* sections are shared, and nobody is fenced */
bool unfenced;
byte nr_diverts;

byte may_fail; /* fences that may still fail */

inline lock()
{
	atomic { !drain_lock -> drain_lock = true }
}

inline unlock()
{
	drain_lock = false
}

/* Whoever is inside now will not commit, and whoever has committed is seen. */
inline fence()
{
	atomic {
		if
		:: ok = true;
#ifndef NO_FENCE
			doomed = inside;
#endif
			printf("holder %d: fence\n", _pid)
		:: may_fail > 0 ->
			may_fail--;
			ok = false;
			printf("holder %d: fence fails\n", _pid)
		fi
	}
}

/* A load and a store, of a header that nobody else should write. */
inline close_list(l)
{
	atomic { found = header[l]; printf("holder %d: reads header of list %d\n", _pid, l) }
	atomic { header[l] = found | CLOSED; printf("holder %d: closes list %d\n", _pid, l) }
}

inline open_list(l)
{
	atomic { found = header[l]; printf("holder %d: reads header of list %d\n", _pid, l) }
	atomic { header[l] = found & ~CLOSED; printf("holder %d: opens list %d\n", _pid, l) }
}

/* Of a list in which shared sections may be: one step. */
inline close_shared(l)
{
#if defined(NO_CLOSE)
	skip
#elif defined(PLAIN_CLOSE)
	close_list(l)
#else
	atomic { header[l] = header[l] | CLOSED; printf("holder %d: closes list %d\n", _pid, l) }
#endif
}

inline empty_list(l)
{
	do
	:: atomic {
		found = header[l];
		printf("holder %d: reads header of list %d: count %d\n", _pid, l, COUNT(found));
		if
		:: COUNT(found) == 0 -> break
		:: else
		fi
	}
		taken = SLOT(l, COUNT(found) - 1);
		atomic {
			printf("holder %d: takes page %d out of list %d\n", _pid, taken, l);
			assert(listed[taken]);
			listed[taken] = false;
			header[l] = found + POPPED_ONE
		}
	od;
	found = 0;
	taken = 0
}

/* To the sections of the kind that the CPU has; the others are shown the closed list. */
inline show_list(l)
{
	atomic {
		if
		:: isolated -> shared_lp = l; printf("holder %d: shared_lp = list %d\n", _pid, l)
		:: else -> lp = l; printf("holder %d: lp = list %d\n", _pid, l)
		fi
	}
}

/* D2, D4. ok: nothing is left unfenced. */
inline fence_locked()
{
	ok = true;
	if
	:: unfenced ->
		fence();
		if
		:: ok ->
			close_list(IDLE);
			unfenced = false
		:: else
		fi
	:: else
	fi
}

/* D3. */
inline swap_locked()
{
	open_list(IDLE);
	live = IDLE;
	show_list(live);
	if
	:: isolated -> close_shared(IDLE)
	:: else -> unfenced = true
	fi
}

/* D4. */
inline grace_period()
{
#ifdef CLOSE_FOR_FENCE
	close_shared(IDLE);
	unfenced = false
#else
	fence_locked()
#endif
#ifdef SWAP_BACK
	;
	if
	:: !ok ->
		live = IDLE;
		show_list(live);
		close_list(IDLE);
		unfenced = false
	:: else
	fi
#endif
}

inline drain_cpu()
{
	lock();
	do
	:: stranded = unfenced || COUNT(header[IDLE]) > 0;
		fence_locked();
		if
		:: !ok -> break
		:: ok && COUNT(header[IDLE]) > 0
		:: ok && COUNT(header[IDLE]) == 0 ->
			if
			:: COUNT(header[live]) == 0 -> break
			:: else
			fi;
			swap_locked();
			grace_period();
			if
			:: !ok -> break
			:: else
			fi
		fi;
		empty_list(IDLE); /* D5 */
		if
		:: !stranded -> break
		:: else
		fi
	od;
	stranded = false;
	unlock() /* D6 */
}

proctype drainer(byte left)
{
	byte found, taken;
	bool ok, stranded;

	do
	:: left == 0 -> break
	:: left > 0 -> drain_cpu(); left--
	od;
	nr_ended++
}

/* Hide the lists from biased sections, and wait until none is inside; ok: it could be done. */
inline hide_by_fence()
{
	show_list(CLOSED_LIST);
#ifdef UNFENCED_HIDE
	ok = true
#else
	fence_locked();
	if
	:: ok -> fence()
	:: else
	fi;
	if
	:: !ok -> show_list(live)
	:: else
	fi
#endif
}

#ifdef DIVERTS_FORGOTTEN
#define SHOWN true
#else
#define SHOWN (nr_diverts == 0)
#endif

/* Biased to shared, and back. Lists that are diverted are hidden, and have nobody inside. */
inline switch_mode()
{
	lock();
	ok = true;
	if
	:: SHOWN && isolated ->
#ifdef BOTH_SHOWN
		skip
#else
		show_list(CLOSED_LIST)
#endif
	:: SHOWN && !isolated ->
#ifdef SHARED_LP_FIRST
		shared_lp = live;
#endif
		hide_by_fence();
#ifdef SHARED_LP_FIRST
		if
		:: !ok -> shared_lp = CLOSED_LIST
		:: else
		fi
#endif
	:: else
	fi;
	if
	:: ok ->
		atomic {
			isolated = !isolated;
			printf("holder %d: isolated = %d\n", _pid, isolated)
		}
		if
		:: SHOWN -> show_list(live)
		:: else
		fi
	:: else
	fi;
	unlock()
}

/* Page 0 lies in the live list, page 1 in somebody's hand. */
inline set_up(is_isolated, fences_that_fail)
{
	header[0] = 1;
	header[1] = CLOSED;
	header[CLOSED_LIST] = CLOSED;
	listed[0] = true;
	isolated = is_isolated;
	lp = (isolated -> CLOSED_LIST : 0);
	shared_lp = (isolated -> 0 : CLOSED_LIST);
	may_fail = fences_that_fail
}
