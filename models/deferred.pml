/* SPDX-License-Identifier: MIT */
/*
 * The protocol of src/core/deferred.c under sequential consistency; doc/deferred.md argues it, and
 * names the steps used here. models/run.sh checks this file as it is, and four broken variants that
 * the check has to refuse.
 *
 * Pages 0 and 1 lie in block 0, page 2 in block 1. Three threads free one page each by deferring
 * it; a fourth takes the zone's lock and drops it, as any allocation does. Deferrers that get the
 * lock take up as well, so at any step any of the four may be the taker. A signal handler is one
 * of these threads whose steps all fall between two steps of another: it only tries locks, so the
 * other need not go on for it to end.
 */
#define NR_PAGES 3
#define NR_BLOCKS 2
#define BLOCK_OF(page) ((page) / 2)

#define OFF_STACK 0 /* a link: else 1 + the next block, or LAST */
#define LAST 255

/* A page's state byte. HELD: its owner has not freed it yet. */
#define HELD 1
#define DEFERRED 2
#define FREE 3

byte state[NR_PAGES] = HELD;
byte link[NR_BLOCKS]; /* unit.deferred */
byte stack; /* zone.deferred: 1 + the topmost block; 0: empty */
bool locked;
byte nr_given[NR_PAGES]; /* times the page has gone back to the bitmap */
byte nr_ended; /* threads */

inline take_up()
{
	assert(locked);
	atomic { top = stack; stack = 0; } /* T1 */
	do
	:: top != 0 ->
		block = top - 1; /* T2 */
		next = link[block]; /* T3 */
#ifndef CLEAR_AFTER_SCAN
		atomic { /* T4 */
			link[block] = OFF_STACK;
			printf("%d: block %d is off\n", _pid, block)
		}
#endif
		page = 0;
		do
		:: page < NR_PAGES ->
			if
			:: BLOCK_OF(page) == block && state[page] == DEFERRED -> /* T5 */
				atomic {
					state[page] = FREE;
					printf("%d: takes up page %d\n", _pid, page)
				}
				nr_given[page]++;
				assert(nr_given[page] == 1)
			:: else
			fi;
			page++
		:: else -> break
		od;
#ifdef CLEAR_AFTER_SCAN
		atomic { link[block] = OFF_STACK; printf("%d: block %d is off\n", _pid, block) }
#endif
		top = (next == LAST -> 0 : next)
	:: top == 0 -> break
	od
}

/* Unlock; look again; as long as there is something and the lock is free, take it up. */
inline release()
{
	atomic { locked = false; printf("%d: unlocks\n", _pid) }
#ifndef NO_LOOK
	do
	:: stack != 0 -> /* the look */
		atomic {
			got = !locked;
			locked = true
		}
		if
		:: got -> take_up(); locked = false
		:: else -> break
		fi
	:: stack == 0 -> break
	od
#endif
}

inline push()
{
	atomic { /* D2: one step, OFF_STACK -> LAST */
		pushing = (link[mine] == OFF_STACK);
		printf("%d: link of block %d is %d\n", _pid, mine, link[mine]);
		if
		:: pushing -> link[mine] = LAST
		:: else
		fi
	}
	if
	:: pushing ->
		seen = stack; /* D3 */
		do
		:: link[mine] = (seen == 0 -> LAST : seen);
			atomic {
				if
				:: stack == seen ->
					stack = mine + 1;
					printf("%d: pushes block %d\n", _pid, mine);
					break
				:: else -> seen = stack
				fi
			}
		od
	:: else
	fi
}

proctype deferrer(byte my_page)
{
	byte top, block, next, page, seen, mine;
	bool got, pushing;

	mine = BLOCK_OF(my_page);
#ifdef MARK_AFTER_PUSH
	push();
	atomic { state[my_page] = DEFERRED; printf("%d: marks page %d\n", _pid, my_page) }
#else
	atomic { state[my_page] = DEFERRED; printf("%d: marks page %d\n", _pid, my_page) } /* D1 */
	push();
#endif
#ifndef NO_TRY
	atomic { /* D4 */
		got = !locked;
		locked = true;
		printf("%d: tries the lock: %d\n", _pid, got)
	}
	if
	:: got -> take_up(); release()
	:: else
	fi;
#endif
	nr_ended++
}

proctype holder()
{
	byte top, block, next, page;
	bool got;

	atomic { !locked -> locked = true; printf("%d: has the lock\n", _pid) } /* waits */
	take_up();
	release();
	nr_ended++
}

init {
	atomic {
		run deferrer(0);
		run deferrer(1);
		run deferrer(2);
		run holder()
	}
	nr_ended == 4;
	/* Nobody is left to look: every page is back, each once, and nothing is left on the way. */
	assert(state[0] == FREE && state[1] == FREE && state[2] == FREE);
	assert(nr_given[0] == 1 && nr_given[1] == 1 && nr_given[2] == 1);
	assert(stack == 0 && link[0] == OFF_STACK && link[1] == OFF_STACK && !locked)
}
