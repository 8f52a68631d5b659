/* SPDX-License-Identifier: MIT */
#include "bench.h"

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
	return victim == VICTIM_IDLE ? "idle" : "busy";
}
