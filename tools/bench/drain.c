/* SPDX-License-Identifier: MIT */
/*
 * `quire bench drain`: what it costs to empty other CPUs' lists: the drainer's wait, and what the
 * owner of a list loses by it, against the same owner without drains.
 */
#include "drain.h"

#include "../report.h"
#include "../say.h"

enum { DEFAULT_PAGES = 1 << 18 };

static void check_options(const struct bench_options *options)
{
	unsigned int i;

	for (i = 0; i < options->batch.nr; i++) {
		if (options->batch.value[i] > options->nr_pages)
			fail_usage("--batch %u: the region has %llu pages; give a smaller batch or "
				   "a larger --size",
				   options->batch.value[i], (unsigned long long)options->nr_pages);
	}
	if (options->drains && options->given & OPTION_SECONDS)
		fail_usage("--drains and --seconds both say when a run ends; give one of them");
	if (options->rate.nr > 1 || options->rate.value[0])
		return;
	if (options->drains)
		fail_usage("--drains %llu with --rate 0 would never end; give a rate, as in --rate "
			   "1000 or --rate max",
			   (unsigned long long)options->drains);
	if (options->victim.nr == 1 && options->victim.value[0] == VICTIM_IDLE)
		fail_usage("--victim idle with --rate 0 leaves nothing to measure; give a rate, as "
			   "in --rate 100");
}

/*
 * As many drains as are asked for are made as fast as they can be, unless it is said how fast, and
 * once, unless it is said how often.
 */
static void choose_for_drains(struct bench_options *options)
{
	if (!options->drains)
		return;
	if (!(options->given & OPTION_RATE))
		options->rate = values_one(RATE_MAX);
	if (!(options->given & OPTION_RUNS))
		options->runs = 1;
}

static int run(const struct bench_options *given)
{
	struct bench_options options = *given;
	struct drain drain = { .options = &options };

	choose_for_drains(&options);
	check_options(&options);
	report_open(options.json);
	drain_rows_make(&drain);
	drain_rows_measure(&drain);
	drain_show(&drain);
	drain_rows_free(&drain);
	return EXIT_DONE;
}

static void defaults(struct bench_options *options)
{
	options->batch = values_one(1);
	options->victim = (struct values){ .value = { VICTIM_BUSY, VICTIM_IDLE }, .nr = 2 };
	options->target = values_one(TARGET_ONE);
	options->rate = (struct values){ .value = { 0, 100, 10000 }, .nr = 3 };
	options->milliseconds = 50;
	options->nr_pages = DEFAULT_PAGES;
	options->runs = 101;
}

const struct bench bench_drain = {
	.name = "drain",
	.summary = "what it costs to empty the list of another CPU, busy or idle",
	.text = "A victim bound to one CPU allocates and frees; a drainer bound to another\n"
		"empties the victim's list at each rate, with 0 as the control, which comes\n"
		"first in every run. The victim can be\n"
		"  busy       as fast as it can\n"
		"  paced      one operation (a batch, which is a page unless --batch says more)\n"
		"             due each microsecond, waiting in between without sleep\n"
		"  idle       asleep, but for one pair before each drain, so that there is\n"
		"             something to drain; waking it up interrupts it too\n"
		"--mode shared isolates the victim's CPU, which only the cache pcp can: drains\n"
		"then do not interrupt it. --target all drains every CPU, depot included.\n"
		"To be read so:\n"
		"  done       drains a second; fewer than asked for if one takes too long\n"
		"  p50 ...    how long quire_drain() takes its caller: the fence, and the pages\n"
		"  moved      pages that a drain found and gave to the zone, in the mean\n"
		"  pair       the victim's time for the allocation and free of a page; paced:\n"
		"             the time in which work that was due was not yet done\n"
		"  lost       what one drain costs the victim: its time, less what as many pages\n"
		"             take in the control, by the number of drains. It holds interrupts,\n"
		"             sections begun anew, and the refill of the list that was taken away\n"
		"  quartiles  how far the runs' figures for that lie apart. Where this is larger\n"
		"             than what was lost, as with few drains, read: not measurable; a\n"
		"             quiet machine, more runs, or a higher rate give a better figure.\n"
		"             Runs are short, so that disturbances meet control and drains alike;\n"
		"             one run has no quartiles\n"
		"  due        a paced operation, from when it was due to its end: whatever held\n"
		"             it up counts for each operation that it made late\n"
		"  begin      the same operation from its begin to its end: the call alone. Both\n"
		"             hold one reading of the clock, and are of all operations, not every\n"
		"             so many\n"
		"  interrupts function calls that the system counts for the victim's CPU; - where\n"
		"             it does not tell\n"
		"  more       by how many they exceed the control's, for each drain that found\n"
		"             pages: an empty list is left alone. Nothing is said of fewer than\n"
		"             1,000 such drains, as other causes interrupt too\n"
		"With --drains a run lasts until so many drains are done, at --rate max unless\n"
		"another is given, and a control of the same length comes after it; there is one\n"
		"run unless --runs asks for more. At max the next drain begins once the victim\n"
		"has gone on, which the drainer sees by reading a word of the victim's. On a\n"
		"single CPU both take turns, and the figures mean little.\n"
		"Under 'mode' and 'target' - says that the cache has no modes, and that the\n"
		"control drains nothing.",
	.examples = "  quire bench drain --cache locked,pcp\n"
		    "  quire bench drain --victim busy --rate 1000,10000,100000 --runs 501\n"
		    "  quire bench drain --victim paced --mode biased,shared --target one,all\n"
		    "  quire bench drain --victim busy --mode biased,shared --drains 100000\n"
		    "  quire bench drain --batch 64 --calls bulk --json drain.json\n",
	.accepts = OPTION_CACHE | OPTION_CHECK | OPTION_MODE | OPTION_CALLS | OPTION_BATCH |
		   OPTION_VICTIM | OPTION_TARGET | OPTION_RATE | OPTION_DRAINS | OPTION_SECONDS |
		   OPTION_SIZE | OPTION_RUNS | OPTION_JSON,
	.defaults = defaults,
	.run = run,
};
