/* SPDX-License-Identifier: MIT */
/*
 * A CPU is isolated, comes back and is isolated again, while it is in use and drained:
 * isolate_locked() in src/cache/drain.c. Its threads try either kind of section at any time. Two
 * fences may fail.
 */
#include "drain.pml"

proctype switcher(byte left)
{
	byte found;
	bool ok;

	do
	:: left == 0 -> break
	:: left > 0 -> switch_mode(); left--
	od;
	nr_ended++
}

init {
	atomic {
		set_up(false, 2);
		run owner(2, true, true);
		run drainer(2);
		run switcher(3)
	}
	nr_ended == 3;
	account()
}
