/* SPDX-License-Identifier: MIT */
/*
 * Drains of an isolated CPU: its sections commit by compare-and-swap, and nobody is fenced.
 * Two drainers, of which one comes twice: between the load of shared_lp and that of the header two
 * drains may pass.
 */
#include "drain.pml"

init {
	atomic {
		set_up(true, 0);
		run owner(4, false, true);
		run drainer(2);
		run drainer(2)
	}
	nr_ended == 3;
	account()
}
