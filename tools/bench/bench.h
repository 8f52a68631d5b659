/* SPDX-License-Identifier: MIT */
/* What the benches have in common: their options, and how they are found. */
#ifndef TOOL_BENCH_H
#define TOOL_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "../parse.h"

/* How a page is named in calls. */
enum form { FORM_PAGE, FORM_PFN, FORM_OFFSET };

/* One call a page, or one a batch. */
enum calls { CALLS_SINGLE, CALLS_BULK };

/* In which order a batch is freed. */
enum pattern { PATTERN_INORDER, PATTERN_RANDOM };

/* What the CPU does that is drained. */
enum victim { VICTIM_BUSY, VICTIM_PACED, VICTIM_IDLE };

/* Whose lists are drained: the victim's, or those of all CPUs. */
enum target { TARGET_ONE, TARGET_ALL };

/* A rate of drains: the next begins as soon as the victim has gone on after the last. */
#define RATE_MAX UINT32_MAX

/* How CPUs' lists are entered, and so how they are drained: QUIRE_CACHE_PCP alone has two ways. */
enum mode { MODE_BIASED, MODE_SHARED };

/* Quire, and what it is measured beside: see peer.h. */
enum allocator { ALLOCATOR_QUIRE, ALLOCATOR_RTE_MEMPOOL, NR_ALLOCATORS };

/* Every option of every bench; each bench takes some. Lists are multiplied out to rows. */
struct bench_options {
	struct values allocator;
	bool allocator_all; /* every one that was built; else those named, or none */
	struct values cache; /* enum quire_cache */
	struct values check; /* enum quire_check */
	struct values mode; /* enum mode */
	struct values calls;
	struct values form;
	struct values pattern;
	struct values order;
	struct values batch; /* blocks */
	struct values level; /* percent full */
	struct values thread_list; /* threads, one row each; other benches have threads */
	struct values pairs; /* of threads */
	struct values victim; /* enum victim */
	struct values rate; /* drains a second, or RATE_MAX */
	struct values target; /* enum target */
	uint32_t threads;
	uint32_t runs;
	uint32_t rounds;
	uint64_t nr_pages; /* of the region; 0: chosen */
	uint64_t work; /* blocks that one timed section allocates; 0: as take section_ms */
	uint32_t section_ms;
	uint64_t seed;
	uint64_t milliseconds; /* of one run */
	uint64_t drains; /* of one run; 0: it ends by its time */
	bool whole;
	const char *json; /* file, "-", or NULL */
	unsigned int given; /* OPTION_... of the command line */
};

/* Bits of bench.accepts. */
enum {
	OPTION_CACHE = 1 << 0,
	OPTION_CHECK = 1 << 1,
	OPTION_CALLS = 1 << 2,
	OPTION_FORM = 1 << 3,
	OPTION_PATTERN = 1 << 4,
	OPTION_ORDER = 1 << 5,
	OPTION_BATCH = 1 << 6,
	OPTION_LEVEL = 1 << 7,
	OPTION_THREADS = 1 << 8,
	OPTION_SIZE = 1 << 9, /* --size and --pages */
	OPTION_WHOLE = 1 << 10,
	OPTION_WORK = 1 << 11,
	OPTION_ROUNDS = 1 << 12,
	OPTION_RUNS = 1 << 13,
	OPTION_SEED = 1 << 14,
	OPTION_JSON = 1 << 15,
	OPTION_ALLOCATOR = 1 << 16,
	OPTION_THREAD_LIST = 1 << 17, /* --threads too, but a list */
	OPTION_PAIRS = 1 << 18,
	OPTION_VICTIM = 1 << 19,
	OPTION_RATE = 1 << 20,
	OPTION_SECONDS = 1 << 21,
	OPTION_MODE = 1 << 22,
	OPTION_TARGET = 1 << 23,
	OPTION_DRAINS = 1 << 24,
	OPTION_ALL = (1 << 25) - 1,
};

struct bench {
	const char *name;
	const char *summary;
	const char *text; /* what it does and how to read it, for its help */
	const char *examples;
	unsigned int accepts;
	void (*defaults)(struct bench_options *options);
	int (*run)(const struct bench_options *options);
};

extern const struct bench bench_pagealloc;
extern const struct bench bench_repeat;
extern const struct bench bench_cross;
extern const struct bench bench_contend;
extern const struct bench bench_fill;
extern const struct bench bench_reach;
extern const struct bench bench_drain;
extern const struct bench bench_frag;

/*
 * Parse a bench's command line over its defaults. Ends the command with EXIT_USAGE for what it does
 * not take, and with EXIT_DONE after --help.
 */
void bench_parse(const struct bench *bench, struct bench_options *options, int argc, char **argv);

/* Words of options, for their parser, tables and JSON. */
const char *bench_allocator_name(uint32_t allocator);
const char *bench_calls_name(uint32_t calls);
const char *bench_form_name(uint32_t form);
const char *bench_pattern_name(uint32_t pattern);
const char *bench_victim_name(uint32_t victim);
/* Digits, in a buffer that the next call may change, or "max". */
const char *bench_rate_name(uint32_t rate);
const char *bench_target_name(uint32_t target);
const char *bench_mode_name(uint32_t mode);

#endif /* TOOL_BENCH_H */
