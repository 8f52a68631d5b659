/* SPDX-License-Identifier: MIT */
#include "lists.h"

#include <string.h>

#include <quire/quire.h>

unsigned int lists_of(const struct bench_options *options, struct option_list lists[LISTS_MAX])
{
	const struct option_list all[] = {
		{ OPTION_ALLOCATOR, "allocator", &options->allocator, bench_allocator_name },
		{ OPTION_CACHE, "cache", &options->cache, quire_cache_name },
		{ OPTION_CHECK, "check", &options->check, quire_check_name },
		{ OPTION_MODE, "mode", &options->mode, bench_mode_name },
		{ OPTION_CALLS, "calls", &options->calls, bench_calls_name },
		{ OPTION_FORM, "form", &options->form, bench_form_name },
		{ OPTION_PATTERN, "pattern", &options->pattern, bench_pattern_name },
		{ OPTION_ORDER, "order", &options->order, NULL },
		{ OPTION_BATCH, "batch", &options->batch, NULL },
		{ OPTION_LEVEL, "level", &options->level, NULL },
		{ OPTION_THREAD_LIST, "threads", &options->thread_list, NULL },
		{ OPTION_PAIRS, "pairs", &options->pairs, NULL },
		{ OPTION_VICTIM, "victim", &options->victim, bench_victim_name },
		{ OPTION_TARGET, "target", &options->target, bench_target_name },
		{ OPTION_RATE, "rate", &options->rate, bench_rate_name },
	};

	_Static_assert(sizeof(all) / sizeof(all[0]) <= LISTS_MAX, "more lists than have room");
	memcpy(lists, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]);
}
