/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>

const char *bench_allocator_name(uint32_t allocator)
{
	return allocator == ALLOCATOR_RTE_MEMPOOL ? "rte_mempool" : "quire";
}

const char *bench_calls_name(uint32_t calls)
{
	return calls == CALLS_BULK ? "bulk" : "single";
}

const char *bench_form_name(uint32_t form)
{
	return form == FORM_PAGE ? "page" : form == FORM_PFN ? "pfn" : "offset";
}

const char *bench_pattern_name(uint32_t pattern)
{
	return pattern == PATTERN_RANDOM ? "random" : "inorder";
}

const char *bench_victim_name(uint32_t victim)
{
	return victim == VICTIM_IDLE ? "idle" : victim == VICTIM_PACED ? "paced" : "busy";
}

const char *bench_rate_name(uint32_t rate)
{
	static char digits[16];

	if (rate == RATE_MAX)
		return "max";
	snprintf(digits, sizeof(digits), "%" PRIu32, rate);
	return digits;
}

const char *bench_target_name(uint32_t target)
{
	return target == TARGET_ALL ? "all" : "one";
}

const char *bench_mode_name(uint32_t mode)
{
	return mode == MODE_SHARED ? "shared" : "biased";
}
