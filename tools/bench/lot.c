/* SPDX-License-Identifier: MIT */
#include "lot.h"

#include <stdlib.h>

#include "../format.h"
#include "../machine.h"
#include "../memory.h"
#include "../say.h"
#include "plans.h"

enum { DEFAULT_PAGES = 1 << 18, MAX_CELLS = 256, MAX_THREADS = 1024 };

/* As many as --pages takes. */
#define MAX_PAGES (UINT64_C(1) << 31)
#define MILLION 1e6

static uint32_t largest(const struct values *values)
{
	uint32_t most = 0;
	unsigned int i;

	for (i = 0; i < values->nr; i++) {
		if (values->value[i] > most)
			most = values->value[i];
	}
	return most;
}

struct values lot_thread_counts(uint32_t times)
{
	struct values counts = { .nr = 0 };
	struct machine machine;
	uint32_t nr, cpus;

	machine_look(&machine);
	cpus = machine.cpus_allowed < MAX_THREADS / 2 ? machine.cpus_allowed : MAX_THREADS / 2;
	for (nr = 1; nr < cpus; nr *= 2)
		counts.value[counts.nr++] = nr;
	for (nr = cpus; nr <= times * cpus; nr *= 2)
		counts.value[counts.nr++] = nr;
	return counts;
}

static const struct values *teams_of(const struct bench_options *options, enum workload workload)
{
	return workload == WORKLOAD_CROSS ? &options->pairs : &options->thread_list;
}

static uint32_t threads_each(enum workload workload)
{
	return workload == WORKLOAD_CROSS ? 2 : 1;
}

uint64_t lot_pages(const struct bench_options *options, enum workload workload)
{
	uint32_t teams = largest(teams_of(options, workload));
	const struct cell most = {
		.workload = workload,
		.threads = teams * threads_each(workload),
		.batch = largest(&options->batch),
	};
	uint64_t need = cell_pages_out(&most);
	uint64_t pages = options->nr_pages ? options->nr_pages : DEFAULT_PAGES;
	char text[FORMAT_MAX], room[FORMAT_MAX];

	while (!options->nr_pages && pages < 2 * need && pages < MAX_PAGES)
		pages *= 2;
	if (need > pages)
		fail_usage("--batch %u and %u %s%s have up to %s out at once, the region has %s; "
			   "ask for less%s",
			   most.batch, teams, threads_each(workload) == 2 ? "pair" : "thread",
			   format_plural(teams), format_bytes(text, need << 12),
			   format_bytes(room, pages << 12),
			   pages < MAX_PAGES ? ", or for a larger --size" : "");
	return pages;
}

/* At most: a peer may be missing, and knows pointers alone. */
static unsigned int nr_rows(const struct bench_options *options, enum workload workload)
{
	unsigned int each = options->form.nr * teams_of(options, workload)->nr * options->batch.nr *
			    options->calls.nr;
	bool with_quire = peers_with_quire(options);

	return each *
	       (options->allocator.nr - with_quire + (with_quire ? plans_of(options, true).nr : 0));
}

static void add(struct lot *lot, const struct cell *cell, const struct instance_plan *plan)
{
	lot->cells[lot->nr] = *cell;
	lot->entries[lot->nr++].plan = *plan;
}

/* Everything but the allocator and the instance, which like and plan have. */
static void add_rows(struct lot *lot, const struct bench_options *options, struct cell *like,
		     const struct instance_plan *plan)
{
	const struct values *teams = teams_of(options, like->workload);
	unsigned int form, team, batch, calls;

	for (form = 0; form < options->form.nr; form++) {
		like->form = (enum form)options->form.value[form];
		for (team = 0; team < teams->nr; team++) {
			like->threads = teams->value[team] * threads_each(like->workload);
			for (batch = 0; batch < options->batch.nr; batch++) {
				like->batch = options->batch.value[batch];
				for (calls = 0; calls < options->calls.nr; calls++) {
					like->calls = (enum calls)options->calls.value[calls];
					add(lot, like, plan);
				}
			}
		}
	}
}

static void add_quire(struct lot *lot, const struct bench_options *options, struct cell *like)
{
	const struct plans plans = plans_of(options, true);
	unsigned int i;

	like->allocator = ALLOCATOR_QUIRE;
	for (i = 0; i < plans.nr; i++) {
		like->mode = plans.plan[i].isolated ? MODE_SHARED : MODE_BIASED;
		add_rows(lot, options, like, &plans.plan[i]);
	}
}

/* Peers know pointers alone. */
static void add_peers(struct lot *lot, const struct bench_options *options, struct cell *like)
{
	const struct instance_plan none = { 0 };
	struct bench_options pointers = *options;
	unsigned int i;

	pointers.form = values_one(FORM_PAGE);
	like->mode = MODE_BIASED;
	peers_start(&lot->peers, options, options->nr_pages);
	for (i = 0; i < lot->peers.nr; i++) {
		like->peer = lot->peers.peer[i];
		like->allocator = peer_allocator(like->peer);
		add_rows(lot, &pointers, like, &none);
	}
}

void lot_make(struct lot *lot, const struct bench_options *options, enum workload workload)
{
	struct cell like = { .workload = workload, .work = options->work, .seed = options->seed };
	unsigned int nr = nr_rows(options, workload), i;

	if (nr > MAX_CELLS)
		fail_usage("the lists make up to %u rows, and %d can be measured in turns; split "
			   "the longest list over several runs",
			   nr, MAX_CELLS);
	*lot = (struct lot){ 0 };
	lot->cells = need_zeroed(nr, sizeof(*lot->cells));
	lot->entries = need_zeroed(nr, sizeof(*lot->entries));
	if (peers_with_quire(options))
		add_quire(lot, options, &like);
	add_peers(lot, options, &like);
	for (i = 0; i < lot->nr; i++) {
		if (lot->cells[i].allocator != ALLOCATOR_QUIRE)
			continue;
		lot->cells[i].instance = &lot->entries[i].instance;
		instance_open(&lot->entries[i].instance, &lot->entries[i].plan);
	}
	measure_choose_work(lot->cells, lot->nr, options->section_ms);
}

static void count_locks(struct lot_entry *entry, const struct cell *cell, unsigned int runs)
{
	const struct quire_stats *before = &entry->before, after = instance_stats(cell->instance);
	double millions = (double)cell_pages_moved(cell) * (runs + 1.0) /
			  MILLION; /* one warms up */

	entry->zone_locks = (double)(after.zone_locks - before->zone_locks) / millions;
	entry->zone_contended = (double)(after.zone_contended - before->zone_contended) / millions;
}

void lot_measure(struct lot *lot, unsigned int runs)
{
	unsigned int i;

	for (i = 0; i < lot->nr; i++) {
		if (lot->cells[i].instance)
			lot->entries[i].before = instance_stats(lot->cells[i].instance);
	}
	measure_shown(lot->cells, lot->nr, runs);
	for (i = 0; i < lot->nr; i++) {
		if (lot->cells[i].instance)
			count_locks(&lot->entries[i], &lot->cells[i], runs);
	}
}

void lot_free(struct lot *lot)
{
	unsigned int i;

	for (i = 0; i < lot->nr; i++) {
		if (lot->cells[i].instance)
			instance_close(&lot->entries[i].instance);
	}
	peers_stop(&lot->peers);
	free(lot->cells);
	free(lot->entries);
}
