/* SPDX-License-Identifier: MIT */
/*
 * The property test with a fuzzer for dice: the input chooses cache, check and shape of the world, and then
 * each call and its arguments; libFuzzer looks for inputs that reach new code. A broken promise ends the
 * program with status 1, which libFuzzer reports as a crash and keeps the input of.
 */
#include "property.h"

#include <string.h>

enum {
	HEADER = 4, /* cache, check, and two bytes of seed: the world's shape */
	NR_CHECKS = 3,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;

	if (size <= HEADER)
		return 0;
	world_begin(&w, "fuzz-calls", &qt_caches[data[0] % qt_nr_caches], data[1] % NR_CHECKS,
		    (uint64_t)data[2] << 8 | data[3]);
	w.random.bytes = data + HEADER;
	w.random.left = size - HEADER;
	w.growing = true;
	while (w.random.left > 0) {
		if (qt_random_one_in(&w.random, 100))
			w.growing = !w.growing;
		world_operate(&w);
		world_check_quick(&w);
		w.op++;
	}
	world_check_all(&w);
	world_end(&w);
	return 0;
}
