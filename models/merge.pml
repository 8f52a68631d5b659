/* SPDX-License-Identifier: MIT */
/*
 * Merged drains: doc/sections.md, "Merged drains", and begin_drain() in src/cache/drain.c. Lists
 * are sets of pages here, and a swap is one step, as biased.pml and shared.pml look into these.
 * Three calls drain one CPU, whose owner pushes; fences fail; somebody else fences the CPU as well,
 * and leaves it at that, as isolating it does.
 *
 * What is asserted when a call returns: of the pages that were in the lists when it was made none
 * is there any more. Each page is pushed once. A call whose own fence has failed promises nothing.
 */
#define NR_PAGES 2

/* The record. */
byte pages[2]; /* of each list, a bit a page */
byte live;
bool unfenced;
bool drain_lock;
byte drains_begun;

byte may_fail; /* fences that may still fail */
byte nr_processes_ended;

#define IDLE (1 - live)

#ifdef UNFENCED_COUNTS
#define NOTHING_LEFT true
#define LEFT_OVER unfenced
#elif defined(FENCED_IS_EMPTY)
#define NOTHING_LEFT (!unfenced)
#define LEFT_OVER unfenced
#else
#define NOTHING_LEFT (!LEFT_OVER)
#define LEFT_OVER (unfenced || pages[IDLE] != 0)
#endif

inline count_drain()
{
	drains_begun++;
	printf("drain %d: counted\n", _pid)
}

/* D2, D4. */
inline fence_locked()
{
	atomic {
		if
		:: unfenced -> unfenced = false; printf("drain %d: fence\n", _pid)
		:: unfenced && may_fail > 0 -> may_fail--; printf("drain %d: fence fails\n", _pid)
		:: !unfenced
		fi
	}
}

/* Under the lock. failed: by a fence. */
inline drain_locked()
{
	do
	:: stranded = LEFT_OVER;
		fence_locked();
		if
		:: unfenced -> failed = true; break
		:: !unfenced && pages[IDLE] != 0
		:: !unfenced && pages[IDLE] == 0 ->
			if
			:: pages[live] == 0 -> break
			:: else
			fi;
			atomic {
				live = IDLE;
				unfenced = true;
				printf("drain %d: swaps lists\n", _pid)
			}
#ifdef COUNTED_AFTER_SWAP
			count_drain();
#endif
			fence_locked();
			if
			:: unfenced -> failed = true; break
			:: else
			fi
		fi;
		pages[IDLE] = 0;
		printf("drain %d: takes all pages\n", _pid);
		if
		:: !stranded -> break
		:: else
		fi
	od
}

proctype caller()
{
	byte begun, were_there;
	bool failed, stranded;

	atomic { /* D1 */
		were_there = pages[0] | pages[1];
		begun = drains_begun;
		printf("drain %d: called, pages %d are there\n", _pid, were_there)
	}
	atomic { !drain_lock -> drain_lock = true }
	if
	:: begun != drains_begun && NOTHING_LEFT -> printf("drain %d: somebody has done it\n", _pid)
	:: else ->
#if !defined(COUNTED_AT_END) && !defined(COUNTED_AFTER_SWAP)
		count_drain();
#endif
		drain_locked();
#ifdef COUNTED_AT_END
		count_drain()
#endif
	fi;
	atomic {
		drain_lock = false;
		assert(failed || (were_there & (pages[0] | pages[1])) == 0)
	}
	begun = 0;
	were_there = 0;
	failed = false;
	stranded = false;
	nr_processes_ended++
}

/* A section that began before the swap commits to the old list as long as nobody was fenced. */
proctype owner()
{
	byte page;

	do
	:: page == NR_PAGES -> break
	:: atomic {
		page < NR_PAGES ->
		pages[live] = pages[live] | (1 << page);
		printf("owner: pushes page %d\n", 1 << page);
		page++
	}
	:: atomic {
		page < NR_PAGES && unfenced ->
		pages[IDLE] = pages[IDLE] | (1 << page);
		printf("owner: pushes page %d to the old list\n", 1 << page);
		page++
	}
	od;
	nr_processes_ended++
}

proctype fencer()
{
	atomic { !drain_lock -> drain_lock = true }
	fence_locked();
	drain_lock = false;
	nr_processes_ended++
}

init {
	atomic {
		may_fail = 2;
		run owner();
		run caller();
		run caller();
		run caller();
		run fencer()
	}
	nr_processes_ended == 5
}
