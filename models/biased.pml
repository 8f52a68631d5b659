/* SPDX-License-Identifier: MIT */
/*
 * Drains of a CPU whose sections commit by a plain store: doc/sections.md, "Draining another CPU".
 * Two drainers, of which one comes twice; two fences may fail.
 */
#define NO_OPS /* nobody looks at them here */
#include "drain.pml"

init {
	atomic {
		set_up(false, 2);
		run owner(3, true, false);
		run drainer(2);
		run drainer(1)
	}
	nr_ended == 3;
	account()
}
