/* SPDX-License-Identifier: MIT */
/*
 * Two parties divert a CPU's lists, of either mode, while it is in use, drained, isolated and back:
 * doc/sections.md, "Divert". From a successful divert until its undivert begins no section commits
 * to the CPU's lists, and they are empty: no commit is made while nr_closed is not 0. Two fences
 * may fail.
 */
#include "drain.pml"

inline divert()
{
	lock();
	ok = true;
	if
	:: nr_diverts > 0
	:: nr_diverts == 0 && !isolated -> hide_by_fence()
	:: nr_diverts == 0 && isolated ->
		show_list(CLOSED_LIST);
		close_shared(live)
	fi;
	if
	:: ok ->
		nr_diverts++;
		empty_list(0);
		empty_list(1);
		atomic { nr_closed++; printf("holder %d: %d diverts\n", _pid, nr_diverts) }
	:: else
	fi;
	unlock()
}

inline undivert()
{
	nr_closed--;
	lock();
	atomic { nr_diverts--; printf("holder %d: %d diverts\n", _pid, nr_diverts) }
	if
#ifdef NOT_NESTED
	:: true ->
#else
	:: nr_diverts == 0 ->
#endif
#ifdef REOPENED_IF_SHARED
		if
		:: isolated -> open_list(live)
		:: else
		fi;
#else
		open_list(live);
#endif
		show_list(live)
	:: else
	fi;
	unlock()
}

/*
 * Whoever holds the drain lock, one after another: up to left diverts, drains and switches of the
 * mode in any order, and the undiverts that belong to them.
 */
proctype holders(byte left)
{
	byte found, taken;
	bool ok, stranded;

	do
	:: left > 0 && nr_diverts < 2 ->
		divert();
		assert(!ok || COUNT(header[0]) + COUNT(header[1]) == 0);
		left--
	:: left > 0 -> drain_cpu(); left--
	:: left > 0 -> switch_mode(); left--
	:: nr_diverts > 0 -> undivert()
	:: left == 0 && nr_diverts == 0 -> break
	od;
	nr_ended++
}

init {
	atomic {
		set_up(false, 2);
		run owner(2, true, true);
		run holders(4)
	}
	nr_ended == 2;
	account()
}
